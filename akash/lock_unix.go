//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package akash

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock holds until the file is closed; the system lets go of it when the process ends, however that happens.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: wait for it", ErrBusy)
	}
	if err != nil {
		return fmt.Errorf("locking the deployment's state: %w", err)
	}
	return nil
}
