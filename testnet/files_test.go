package testnet

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/network"
)

var updateFiles = flag.Bool("update-files", false, "write the network files that ship anew")

// TestFilesThatShip: they are what the code makes, and no node takes them for a network.
func TestFilesThatShip(t *testing.T) {
	devnet, err := DevnetTemplate()
	if err != nil {
		t.Fatal(err)
	}
	for path, c := range map[string]struct {
		want []byte
		says string
	}{"devnet.json": {devnet, "docs/devnet.md"}, "local.json": {LocalTemplate(), "paradox testnet up"}} {
		if *updateFiles {
			if err := os.WriteFile(path, c.want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, c.want) {
			t.Errorf("%s is not what the code makes; go test ./testnet -run TestFilesThatShip -update-files writes it", path)
		}
		_, err = network.Parse(got)
		e, ok := errors.AsType[*network.Error](err)
		if !ok || e.Field != "template" || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
