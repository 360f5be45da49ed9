//go:build unix && !linux

package supervise

import (
	"os"
	"os/exec"
	"syscall"
)

// detach gives the child a group of its own, so that Ctrl-C reaches the launcher alone.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func stopSignal() os.Signal { return syscall.SIGTERM }
