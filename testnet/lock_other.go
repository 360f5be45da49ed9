//go:build !unix

package testnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockHome keeps a second launcher out of a home. A launcher that was killed leaves the file behind.
func lockHome(home string) (unlock func(), err error) {
	path := filepath.Join(home, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, &InUseError{Home: home}
	}
	if err != nil {
		return nil, fmt.Errorf("locking the home: %w", err)
	}
	return func() { f.Close(); os.Remove(path) }, nil
}
