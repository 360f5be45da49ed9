package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"filippo.io/age/armor"

	"github.com/phantom-paradox/paradox/node/keys"
)

type keysBackupCmd struct {
	Home           string `help:"The node's home." placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
	Seal           string `help:"File whose first line is the passphrase of the backup; a terminal is asked otherwise." placeholder:"FILE"`
}

// Help is what --help says besides.
func (keysBackupCmd) Help() string {
	return `Prints a text that only the passphrase opens (age, scrypt). It holds the member key, the VRF key and the fee payer, and not the vote log:
restored, the key is silent for a height. Never run two nodes with one key.`
}

func (k keysBackupCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	pass, err := a.newPassphrase(k.Seal)
	if err != nil {
		return err
	}
	text, err := keys.Backup(c.KeyDir(), a.passphrase(c.PassphraseFile), pass, keys.SealWork)
	if err != nil {
		return err
	}
	return a.print(map[string]string{"backup": string(text)}, func(w io.Writer) { fmt.Fprintf(w, "%s", text) })
}

type keysRestoreCmd struct {
	File           string `arg:"" help:"What keys backup printed; - for standard input, up to the backup's last line."`
	Home           string `help:"The home that gets the keys; it must have none." placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line is the passphrase of the backup; a terminal is asked otherwise." placeholder:"FILE"`
}

// Help is what --help says besides.
func (keysRestoreCmd) Help() string {
	return `Make sure that no other node runs with these keys, and that none will: two contradict each other, and the committee holds that against
the member. The key comes without its vote log, so the node is silent until a height has settled that began after its start.`
}

func (k keysRestoreCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	text, err := k.read(a)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	got, err := keys.Restore(c.KeyDir(), text, a.passphrase(k.PassphraseFile))
	if err != nil {
		return err
	}
	p, err := got.Public()
	if err != nil {
		return err
	}
	return a.print(p, func(w io.Writer) {
		fmt.Fprintf(w, "The keys of %s are in %s.\nNo other node may run with them. This one is silent until a height has settled that began after its start.\n", p.Member, c.KeyDir())
	})
}

const maxBackup = 8 << 10 // bytes; a backup has some 1,300

// read gives the backup's text. Of standard input it takes no byte beyond the last line: a terminal's passphrase comes after it.
func (k keysRestoreCmd) read(a *app) ([]byte, error) {
	if k.File != "-" {
		f, err := os.Open(k.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxBackup))
	}
	var text []byte
	one := make([]byte, 1)
	for len(text) < maxBackup && !bytes.Contains(text, []byte(armor.Footer+"\n")) {
		if n, err := a.in.Read(one); n == 1 {
			text = append(text, one[0])
		} else if err == io.EOF { // io.Reader's own word
			break
		} else if err != nil {
			return nil, err
		}
	}
	return text, nil
}
