//go:build !unix

package faucet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrInUse says that another faucet gives by the same state.
var ErrInUse = errors.New("another faucet uses this state, or was killed; stop it and delete the lock, or name another --state")

// lock is a file. A faucet that was killed leaves it behind.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("faucet: %s: %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("faucet: state: %w", err)
	}
	return func() error { return errors.Join(f.Close(), os.Remove(path)) }, nil
}

// syncDir is nothing where directories cannot be synced.
func syncDir(string) error { return nil }
