package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node that waits for keys goes on once they are restored, from a backup that was pasted and a passphrase that was typed after it.
func TestANodeWaitsForItsKeys(t *testing.T) {
	s := newShell(t)
	file := s.networkFile()
	s.secret = func(string) (string, error) { return "a passphrase", nil } // a terminal where somebody types
	first, second := filepath.Join(s.home, "first"), filepath.Join(s.home, "second")
	s.expect(0, "", "keys", "new", "--home", first)
	text := s.expect(0, "BEGIN AGE", "keys", "backup", "--home", first)
	run := []string{"run", "--await-keys", "--home", second, "--network", file, "--api-listen", "127.0.0.1:0", "--p2p-listen", "/ip4/127.0.0.1/tcp/0", "--no-p2p-public"}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s.ctx = gone
	s.expect(0, "waiting for keys", run...)

	s.ctx = t.Context()
	ended := make(chan string, 1)
	waits := *s
	go func() {
		code, _, err := waits.run(run...)
		if code != exitUnreachable { // the network's RPC endpoint, which comes after the keys
			err = "not that it reaches no endpoint: " + err
		}
		ended <- err
	}()
	s.in = text + "what is typed next"
	s.expect(0, "silent until", "keys", "restore", "-", "--home", second)
	if err := <-ended; !strings.Contains(err, "RPC endpoint") || strings.HasPrefix(err, "not that") {
		t.Error(err)
	}
	for _, name := range []string{"member.json", "vrf.hex", "fee-payer.json"} {
		a, errA := os.ReadFile(filepath.Join(first, "keys", name))
		b, errB := os.ReadFile(filepath.Join(second, "keys", name))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s is another: %v %v", name, errA, errB)
		}
	}
	s.in = text
	s.expect(5, "must not be replaced", "keys", "restore", "-", "--home", second)
	s.in = text[:100]
	s.expect(2, "from its first line to its last", "keys", "restore", "-", "--home", filepath.Join(s.home, "third"))
	s.expect(2, "no-such", "keys", "restore", "no-such", "--home", filepath.Join(s.home, "third"))
}
