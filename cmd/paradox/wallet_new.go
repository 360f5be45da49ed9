package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/phantom-paradox/paradox/node/keys"
)

type walletNewCmd struct {
	Home           string `help:"Directory of the key; ~/.paradox unless said otherwise." placeholder:"DIR"`
	Key            string `help:"The file to make; wallet.json in the home unless said otherwise." placeholder:"FILE"`
	Seal           bool   `help:"Seal it with a passphrase, which a terminal is asked for."`
	PassphraseFile string `help:"Seal it with the first line of this file; /dev/fd/3 for an open descriptor." placeholder:"FILE"`
}

// Help is what --help says besides.
func (walletNewCmd) Help() string {
	return `The key is a Solana keypair file, which solana-keygen, Phantom and others read; nobody else can read it (0600), and nothing is
overwritten. It is the only way to the wallet's money: back it up.`
}

func (n walletNewCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	path := n.Key
	if path == "" {
		path = filepath.Join(c.Home, walletFile)
		if err := os.MkdirAll(c.Home, 0o700); err != nil {
			return fmt.Errorf("making the home: %w", err)
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making the key: %w", err)
	}
	sealed := n.Seal || n.PassphraseFile != ""
	if sealed {
		pass, perr := a.newPassphrase(n.PassphraseFile)
		if perr != nil {
			return perr
		}
		err = keys.WriteSealed(path, key, pass, keys.SealWork)
	} else {
		err = keys.WriteSolana(path, key)
	}
	if errors.Is(err, keys.ErrExists) {
		return fmt.Errorf("%w, and nothing is overwritten: --key FILE makes one elsewhere", err)
	}
	if err != nil {
		return err
	}
	view := map[string]any{"wallet": publicOf(key), "file": path, "sealed": sealed}
	return a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "wallet %s\nkey    %s\n\n", publicOf(key), path)
		fmt.Fprintln(w, "Back the key up: it is the only way to the money. Next: get SOL for fees and some tokens, then paradox wallet deposit.")
	})
}
