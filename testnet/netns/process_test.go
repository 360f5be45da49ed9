//go:build linux

package netns

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// start starts the binary on a host; its output goes to a file. The kernel ends it when this process ends, and the test when it
// does.
func (h *host) start(t *testing.T, logPath string, args ...string) {
	t.Helper()
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.name, os.Getenv(binaryEnv)}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, v := range os.Environ() { // nothing configures a node but its own file
		if !strings.HasPrefix(v, "PARADOX_") && !strings.HasPrefix(v, "SOLANA_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the kernel ends the child with the thread that started it
		defer runtime.UnlockOSThread()
		defer close(done)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it was killed, or its log says why it ended
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
	})
}

// shownLines bounds what is shown of a log.
const shownLines = 30

// showTail shows the end of a failed test's log.
func showTail(t *testing.T, path string) {
	if !t.Failed() {
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Log(err)
		return
	}
	lines := strings.SplitAfter(string(b), "\n")
	t.Logf("the end of %s:\n%s", path, strings.Join(lines[max(0, len(lines)-shownLines):], ""))
}
