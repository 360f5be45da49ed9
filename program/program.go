// Package program holds the vault program as it is deployed: the bytes of
// vault.so, built from src by build.sh. Nothing but those bytes may enter.
package program

import (
	"crypto/sha256"
	_ "embed"
)

//go:embed vault.so
var code []byte

// Code is the program's shared object. The caller must not change it.
func Code() []byte { return code }

// Hash is the SHA-256 of Code: what a network file pins.
func Hash() [32]byte { return sha256.Sum256(code) }
