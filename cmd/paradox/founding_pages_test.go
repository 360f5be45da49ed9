//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A reader follows pages literally: one shell for commands that end, a terminal each for those that do not.
type reader struct {
	t         *testing.T
	dir       string
	env       []string
	said      strings.Builder
	terminals []*process
}

func newReader(t *testing.T, env ...string) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir()}
	bin := filepath.Join(r.dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	must(t, os.Symlink(self(t), filepath.Join(bin, "paradox")))
	r.env = append(append(os.Environ(), asParadox+"=1", "PATH="+bin+":"+os.Getenv("PATH")), env...)
	return r
}

func (r *reader) shell(ctx context.Context, commands string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", commands)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// types runs commands to their end. A page waits with loops; only a failure makes them this long.
func (r *reader) types(commands string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 2*patience)
	defer cancel()
	cmd := r.shell(ctx, "set -eu\n"+commands)
	cmd.WaitDelay = time.Second // what a killed shell has started must not keep the pipe open
	out, err := cmd.CombinedOutput()
	r.said.Write(out)
	if err != nil {
		for _, p := range r.terminals {
			r.t.Logf("%s:\n%s", p.cmd.Args, p.said)
		}
		r.t.Fatalf("%v after:\n%s", err, r.said.String())
	}
}

// reads a page from its first line to its last.
func (r *reader) reads(path string, least int) {
	r.t.Helper()
	page, err := os.ReadFile(path)
	must(r.t, err)
	list := blocks(string(page))
	if len(list) < least {
		r.t.Fatalf("%s has %d blocks", path, len(list))
	}
	var typed strings.Builder
	for _, b := range list {
		if b.stays == "" {
			typed.WriteString(b.commands)
			continue
		}
		r.types(typed.String())
		typed.Reset()
		p := begin(r.t, r.shell(context.WithoutCancel(r.t.Context()), "exec "+strings.TrimSpace(b.commands)))
		r.terminals = append(r.terminals, p)
		p.until(b.stays)
	}
	r.types(typed.String())
}

// freePrefix finds the beginning of port numbers of which nobody uses those that the pages need. They lie below those that
// systems hand out.
func freePrefix(t *testing.T) string {
	t.Helper()
	for range 200 {
		p := fmt.Sprint(200 + rand.IntN(120))
		if prefixIsFree(t, p) {
			return p
		}
	}
	t.Fatal("no ports are free")
	return ""
}

func prefixIsFree(t *testing.T, p string) bool {
	for _, end := range []string{"00", "01", "02", "03", "04", "05", "11", "12", "13", "14", "15", "20"} {
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+p+end)
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

// TestFourFoundAndAStrangerJoins runs docs/founding.md and docs/join.md as their readers would: four founders and a stranger, each
// with a folder and processes of its own, on a chain that is a process of its own.
func TestFourFoundAndAStrangerJoins(t *testing.T) {
	r := newReader(t, "p="+freePrefix(t))
	r.reads("../../docs/founding.md", 12)
	r.reads("../../docs/join.md", 7)
	if len(r.terminals) != 7 {
		t.Errorf("%d terminals", len(r.terminals))
	}
	for _, want := range []string{
		"network.json is a draft of garden-1", "all 4 founders have signed: network.json founds garden-1", "dave             has signed it",
		"nobody can replace it", "the vault of garden-1 stands at", "epoch 0: 4 members", "All 4 founders have signed the network file",
		"1000 TUSD", "deposited 50000000 (50 TUSD)", "is settled\nheight 1, batch ", "on the state at height 1",
	} {
		if !strings.Contains(r.said.String(), want) {
			t.Errorf("nothing said %q:\n%s", want, r.said.String())
		}
	}
}
