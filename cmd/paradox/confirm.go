package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDeclined says that somebody was asked and said no.
var errDeclined = errors.New("not confirmed; nothing was signed or sent")

// confirm shows what is about to be signed and asks, unless yes. Where nobody can be asked, only yes will do.
func (a *app) confirm(yes bool, show func(w io.Writer)) error {
	show(a.err)
	if yes {
		return nil
	}
	if a.secret == nil {
		return fmt.Errorf("%w: %w; look at the lines above and say --yes", errInput, errTerminal)
	}
	fmt.Fprint(a.err, "Go on? [y/N] ")
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if s := strings.ToLower(strings.TrimSpace(line)); s != "y" && s != "yes" {
		return errDeclined
	}
	return nil
}
