//go:build unix

package svm

import (
	"os/exec"
	"syscall"
)

// detach gives the process a group of its own, so that Ctrl-C reaches who started it alone; it ends with its input.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
