package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

// exits says each exit code as docs/cli.md does.
var exits = []struct {
	code        int
	means, then string
}{
	{exitOK, "done", ""},
	{exitFailed, "it was tried and did not work", "the message says why; `paradox doctor` looks further. What was sent to the chain may still arrive: look at the link before you repeat it"},
	{exitUsage, "bad input: a flag, a file, a key or a setting that you can mend, whichever command finds it", "the message names the field and the remedy; repeating it as it is gives the same"},
	{exitUnreachable, "the node, or every RPC endpoint, does not answer", "is it running (`paradox run`)? `--node URL` or `--rpc URL` names another; worth repeating later"},
	{exitUnhealthy, "it answers that something is wrong, or a check found a difference", "`paradox health` has cause and remedy. From `batch verify` it means: do not believe that batch"},
	{exitInTheWay, "a home, a key or a port is taken", "another process has it, or it was made before; nothing was overwritten"},
}

// TestReference holds docs/cli.md against the command line.
func TestReference(t *testing.T) {
	var c cli
	k, err := grammar(&c)
	must(t, err)
	var b strings.Builder
	b.WriteString("# The command line\n\nGenerated from the commands (`go test ./cmd/paradox -run TestReference -update`); `paradox COMMAND --help` says the same. Every command takes\n`--json`, which makes the answer one line of JSON (of `run`, the log; `completion` answers for shells). Flags that are settings of the node are in [configuration](configuration.md), with\ntheir environment names. `paradox completion` completes in bash, zsh and fish.\n\n## Exit codes\n\nScripts branch on them, so they never change their meaning. With `--json` an error is one line on standard error:\n`{\"error\":{\"exit\":2,\"message\":\"…\"}}`.\n\n| code | means | then |\n|---:|---|---|\n")
	for _, e := range exits {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", e.code, e.means, e.then)
	}
	for _, n := range k.Model.Children {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", n.Name, n.Help)
		describe(t, &b, n)
	}
	const file = "../../docs/cli.md"
	if *update {
		must(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if string(want) != b.String() {
		t.Errorf("%s is not what the code has; run go test ./cmd/paradox -run TestReference -update", file)
	}
}

// describe writes a command, or the commands below it. All of them must teach something.
func describe(t *testing.T, b *strings.Builder, n *kong.Node) {
	t.Helper()
	if n.Help == "" {
		t.Errorf("%s has no help", n.FullPath())
	}
	if len(n.Children) > 0 {
		for _, child := range n.Children {
			fmt.Fprintf(b, "\n### %s\n\n%s\n", strings.TrimPrefix(child.FullPath(), "paradox "), child.Help)
			describe(t, b, child)
		}
		return
	}
	if n.Detail != "" {
		fmt.Fprintf(b, "\n%s\n", n.Detail)
	}
	fmt.Fprintf(b, "\n    %s\n\n", strings.TrimSpace(n.Summary()))
	for _, p := range n.Positional {
		fmt.Fprintf(b, "- `%s`: %s\n", p.Summary(), p.Help)
		if p.Help == "" {
			t.Errorf("%s: %s has no help", n.FullPath(), p.Summary())
		}
	}
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		fmt.Fprintf(b, "- `%s`: %s\n", f, f.Help)
		if f.Help == "" {
			t.Errorf("%s: %s has no help", n.FullPath(), f)
		}
	}
}

// TestExitCodesArePublic holds the constants against the table and what --help says.
func TestExitCodesArePublic(t *testing.T) {
	for i, e := range exits {
		if e.code != i || e.means == "" {
			t.Errorf("line %d of the table is of code %d", i, e.code)
		}
	}
	for code := range exits {
		if !strings.Contains(description, fmt.Sprintf(" %d ", code)) {
			t.Errorf("--help does not say exit code %d", code)
		}
	}
}
