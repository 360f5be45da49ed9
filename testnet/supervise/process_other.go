//go:build !unix

package supervise

import (
	"os"
	"os/exec"
)

func detach(*exec.Cmd) {}

// stopSignal is the only one that every system can send; a node's database survives it.
func stopSignal() os.Signal { return os.Kill }
