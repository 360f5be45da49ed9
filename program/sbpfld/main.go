// Command sbpfld links one relocatable BPF object, as LLVM's llc writes it,
// into a shared object of sBPF version 0, the format Solana's loader takes.
//
// LLVM's own linker refuses this machine type, and the vault needs very
// little of one: a single object, no writable data, calls to the runtime's
// syscalls by name. What is not needed is refused, never guessed.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbpfld:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: sbpfld in.o out.so")
	}
	in, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	out, err := Link(in)
	if err != nil {
		return fmt.Errorf("link %s: %w", args[0], err)
	}
	if err := os.WriteFile(args[1], out, 0o644); err != nil {
		return fmt.Errorf("write shared object: %w", err)
	}
	return nil
}
