//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package akash

import "os"

// lock does nothing here: two runs at once are the operator's to avoid.
func lock(*os.File) error { return nil }
