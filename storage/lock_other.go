//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package storage

import (
	"math"
	"os"
)

// A dirLock does nothing here: Badger's own lock on its folder serves.
type dirLock struct{}

func lockDir(string) (*dirLock, error) { return &dirLock{}, nil }

func (*dirLock) release() error { return nil }

func FreeBytes(string) (uint64, error) { return math.MaxUint64, nil }

func allocated(info os.FileInfo) uint64 { return uint64(info.Size()) }
