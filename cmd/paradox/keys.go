package main

import (
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/node/keys"
)

type keysCmd struct {
	New  keysNewCmd  `cmd:"" help:"Make a node's keys before there is a network file."`
	Show keysShowCmd `cmd:"" help:"Print the public keys, the peer id and the fee payer."`
	Seal keysSealCmd `cmd:"" help:"Put a passphrase on key files."`

	Backup  keysBackupCmd  `cmd:"" help:"Print a node's keys, sealed with a passphrase, to be kept elsewhere."`
	Restore keysRestoreCmd `cmd:"" help:"Put the keys of a backup into a home that has none."`
}

type keysShowCmd struct {
	Home           string `help:"The node's home." placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
}

func (keysShowCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	k, err := keys.Load(c.KeyDir(), a.passphrase(c.PassphraseFile))
	if err != nil {
		return err
	}
	p, err := k.Public()
	if err != nil {
		return err
	}
	return a.print(p, func(w io.Writer) {
		fmt.Fprintf(w, "member key  %s\nVRF key     %s\npeer        %s\nfee payer   %s\nto found    NAME:%s:%s:WEIGHT\n", p.Member, p.VRF, p.Peer, p.FeePayer,
			p.Member, p.VRF)
	})
}
