//go:build unix

package faucet

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrInUse says that another faucet gives by the same state.
var ErrInUse = errors.New("another faucet uses this state; stop it, or name another --state")

// lock ends with the process, however it ends.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("faucet: state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("faucet: %s: %w", path, ErrInUse), f.Close())
	}
	return f.Close, nil
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
