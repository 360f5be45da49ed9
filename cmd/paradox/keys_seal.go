package main

import (
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/node/keys"
)

type keysSealCmd struct {
	Files []string `arg:"" name:"file" help:"Key files: a wallet's, or those in a node's keys directory."`

	PassphraseFile string `help:"File whose first line is the passphrase; /dev/fd/3 for an open descriptor. Without it a terminal is asked." placeholder:"FILE"`
}

// Help is what --help says besides.
func (keysSealCmd) Help() string {
	return `The files stay where they are, encrypted as age does it (scrypt); age -d opens them too. What reads them asks for the
passphrase at a terminal, or takes --passphrase-file. A passphrase that is lost is lost with the key: there is no other way in.`
}

func (k keysSealCmd) Run(a *app) error {
	pass, err := a.newPassphrase(k.PassphraseFile)
	if err != nil {
		return err
	}
	for _, f := range k.Files {
		if err := keys.Seal(f, pass, keys.SealWork); err != nil {
			return err
		}
	}
	return a.print(map[string]any{"sealed": k.Files}, func(w io.Writer) {
		for _, f := range k.Files {
			fmt.Fprintf(w, "%s is sealed\n", f)
		}
		fmt.Fprintln(w, "Backups from before are not.")
	})
}
