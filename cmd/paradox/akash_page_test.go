//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phantom-paradox/paradox/akash/akashtest"
)

// TestTheAkashPage runs docs/akash.md from its first line to its last, as its reader would: a shell, and a server of the shape of
// Akash's Console API, which has a few bad moments on the way.
func TestTheAkashPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/akash.md")
	must(t, err)
	server := onAkashTest(t)
	server.On("POST", "/v1/deployments", akashtest.Says(429, "", "Retry-After", "1"))
	server.On("GET", "/v1/bids", akashtest.Drop)
	server.On("POST", "/v1/leases", akashtest.Says(502, "<html>"))
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	must(t, os.Symlink(self(t), filepath.Join(bin, "paradox")))
	must(t, os.WriteFile(filepath.Join(dir, "akash.key"), []byte(akashtest.Key+"\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "backup.pass"), []byte("a passphrase of some length\n"), 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-s")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asParadox+"=1", "PATH="+bin+":"+os.Getenv("PATH"), "PARADOX_HOME="+filepath.Join(dir, "home"), "PARADOX_AKASH_API="+server.URL)
	var typed strings.Builder
	typed.WriteString("set -eu\n")
	list := blocks(string(page))
	if len(list) < 6 {
		t.Fatalf("%d blocks", len(list))
	}
	for _, b := range list {
		typed.WriteString(strings.ReplaceAll(b.commands, "--window 30s", "--window 1ns")) // nobody is waited for here
	}
	cmd.Stdin = strings.NewReader(typed.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"holds what a node needs", "$7.96 a month", "Leased from " + akashtest.Cheap, "Deployment 1001 runs.", "/ip4/198.51.100.7/tcp/4001/p2p/" + nodePeer,
		"Gives deployment 1001 the file as it is now", "Deployment 1001 is closed", "The keys of",
	} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("nothing said %q:\n%s", want, out)
		}
	}
	all := server.Deployments()
	if len(all) != 1 || all[0].State != "closed" || all[0].Updates != 2 || !strings.Contains(all[0].SDL, "paradox:0.1.1") || !strings.Contains(all[0].SDL, "PARADOX_P2P_ANNOUNCE=/ip4/198.51.100.7") {
		t.Errorf("%+v", all)
	}
	if bytes.Contains(out, []byte(akashtest.Key)) {
		t.Error("the key is shown")
	}
}
