package supervise

import (
	"os"
	"os/exec"
	"syscall"
)

// detach gives the child a group of its own, so that Ctrl-C reaches the launcher alone, and lets it die with the launcher.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func stopSignal() os.Signal { return syscall.SIGTERM }
