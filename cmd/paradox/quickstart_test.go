//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A block is a fenced block of a page: commands as a reader would paste them.
type block struct {
	commands string
	stays    string // what it says once it is up, if it runs until it is stopped
	stops    bool   // what ran so far ends first
}

// blocks are the sh blocks of a page, each with the comment right before it.
func blocks(page string) (out []block) {
	fence := regexp.MustCompile("(?s)(?:<!-- ([^\n]*) -->\n)?```sh\n(.*?)```")
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		b := block{commands: m[2], stops: strings.Contains(m[1], "stops the one before")}
		if _, says, ok := strings.Cut(m[1], "runs until stopped; says: "); ok {
			b.stays = says
		}
		out = append(out, b)
	}
	return out
}

// A page is a quick start that is run from its first line to its last, as its reader would: a shell, and what runs until it is
// stopped in terminals of their own.
type page struct {
	file   string
	home   string   // of the reader's terminal
	env    []string // where the machine of the tests is another than the reader's
	blocks int      // at least; a page whose blocks are not found tells nothing
	says   []string
}

func TestTheWalletsQuickStart(t *testing.T) {
	page{"wallet.md", "demo/you", nil, 11, []string{"closing     48498500 (48.4985 TUSD)", "deposited 50000000 (50 TUSD)", "is settled", "memo: rent for May", "signer: ", "withdrew ", "settled in height 1"}}.run(t)
}

func TestTheOperatorsQuickStart(t *testing.T) {
	env := []string{"PARADOX_API_LISTEN=" + freeAddress(t), "PARADOX_P2P_LISTEN=/ip4/127.0.0.1/tcp/0"} // others may have the usual ports
	page{"operator.md", "mine", env, 8, []string{"member key", "ok    chain", "answers in", "in step with the network", "this node     observer", "healthy", "4 of 4 other members", "api.listen"}}.run(t)
}

func TestTheAuditorsQuickStart(t *testing.T) {
	page{"auditor.md", "demo/you", nil, 7, []string{"closing  ", "re-executed from 1", "all as computed here", "batch.car: ", "INSOLVENT"}}.run(t)
}

func (p page) run(t *testing.T) {
	text, err := os.ReadFile("../../docs/" + p.file)
	must(t, err)
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	must(t, os.Mkdir(bin, 0o700))
	must(t, os.Symlink(self(t), filepath.Join(bin, "paradox")))
	env := append(os.Environ(), asParadox+"=1", "PATH="+bin+":"+os.Getenv("PATH"))
	shell := func(commands string) *exec.Cmd {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", commands)
		cmd.Dir, cmd.Env = dir, append(env, p.env...)
		return cmd
	}
	var other *process // what was started last in a terminal of its own
	var typed, said strings.Builder
	// One shell for all blocks, since they share variables; a block that must run beside them ends the part before it.
	run := func() {
		out, err := shell("set -eu\n" + typed.String()).CombinedOutput()
		said.Write(out)
		if err != nil {
			t.Fatalf("%v after:\n%s", err, said.String())
		}
	}
	list := blocks(string(text))
	if len(list) < p.blocks {
		t.Fatalf("%d blocks", len(list))
	}
	for _, b := range list {
		if b.stays == "" {
			typed.WriteString(b.commands)
			continue
		}
		run()
		typed.Reset()
		typed.WriteString("export PARADOX_HOME=$PWD/" + p.home + "\n") // that terminal still has it
		if b.stops {
			other.stop()
		}
		other = begin(t, shell("exec "+strings.TrimSpace(b.commands)))
		other.until(b.stays)
	}
	run()
	for _, want := range p.says {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing said %q:\n%s", want, said.String())
		}
	}
}
