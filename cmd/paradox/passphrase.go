package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/phantom-paradox/paradox/node/keys"
)

// errTerminal says that something must be asked and nobody is there.
var errTerminal = errors.New("no terminal to ask at")

// passphrase gives what opens sealed keys: a file's first line, or what is typed; nil where there is neither. It reads and asks
// once, since a pipe can be read once only and one passphrase seals all keys of a home.
func (a *app) passphrase(file string) keys.Passphrase {
	switch {
	case file != "":
		read := sync.OnceValues(func() (string, error) { return keys.PassphraseFile(file) })
		return func(string) (string, error) { return read() }
	case a.secret == nil:
		return nil
	}
	typed := ""
	return func(path string) (string, error) {
		if typed != "" {
			return typed, nil
		}
		var err error
		typed, err = a.secret("passphrase of " + path + ": ")
		return typed, err
	}
}

// newPassphrase gives the passphrase for a new key: a file's first line, or what is typed twice.
func (a *app) newPassphrase(file string) (string, error) {
	if file != "" {
		return keys.PassphraseFile(file)
	}
	if a.secret == nil {
		return "", fmt.Errorf("%w: %w for a passphrase; say --passphrase-file FILE", errInput, errTerminal)
	}
	first, err := a.secret("new passphrase: ")
	if err != nil {
		return "", err
	}
	again, err := a.secret("the same again: ")
	switch {
	case err != nil:
		return "", err
	case first == "":
		return "", fmt.Errorf("%w: an empty passphrase seals nothing", errInput)
	case first != again:
		return "", fmt.Errorf("%w: the two are not the same; nothing was changed", errInput)
	}
	return first, nil
}

// terminalSecret reads a line from the terminal without showing it; nil where standard input is none.
func terminalSecret() func(string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func(prompt string) (string, error) {
		fmt.Fprint(os.Stderr, prompt)
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(os.Stderr)
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%w: nothing was typed", errInput)
		}
		return string(b), err
	}
}
