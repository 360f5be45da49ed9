package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// What callers branch on.
var (
	ErrLocked     = errors.New("the directory is in use by another process")
	ErrPermission = errors.New("the directory cannot be used by this user")
	ErrDiskFull   = errors.New("the disk is full")
	ErrCorrupted  = errors.New("the database is damaged")
	ErrNewer      = errors.New("the data was written by a newer version")
	ErrClosed     = errors.New("the store is closed")
	ErrFailed     = errors.New("an earlier write did not reach the disk; restart the node")
)

// explain turns what the system said while path was being opened into one of the errors above with its remedy.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, ErrPermission), errors.Is(err, ErrDiskFull), errors.Is(err, ErrCorrupted):
		return err
	case strings.Contains(text, "Cannot acquire directory lock"):
		return fmt.Errorf("open %s: %w; stop that process, or give this node a directory of its own (%w)", path, ErrLocked, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("open %s: %w (uid %d); make that user its owner: chown -R %d %s (%w)", path, ErrPermission, os.Getuid(), os.Getuid(), path, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("open %s: %w; free some space or move the directory (%w)", path, ErrDiskFull, err)
	case damaged(err):
		return fmt.Errorf("open %s: %w; restore the directory from a backup, or move it away and start from a snapshot (%w)", path, ErrCorrupted, err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// damaged knows Badger's ways of saying that bytes on disk are not what it wrote; few of them are typed.
func damaged(err error) bool {
	if errors.Is(err, badger.ErrTruncateNeeded) {
		return true
	}
	text := strings.ToLower(err.Error())
	for _, sign := range []string{"checksum", "bad magic", "manifest", "corrupt", "file does not exist for table", "unable to parse log", "block offset", "unexpected eof"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
