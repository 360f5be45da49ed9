package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/phantom-paradox/paradox/internal/fit"
)

// columns is how wide a terminal is now, and fit.Columns where it does not say.
func columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return fit.Columns
}

// A mark is how an answer's line is meant.
func mark(status string) string {
	switch status {
	case "healthy", "ok":
		return "ok"
	case "degraded", "warn":
		return "warn"
	default:
		return "fail"
	}
}

// finding prints one thing that was looked at, with what to do where it is not well, in lines that fit.
func (a *app) finding(w io.Writer, name, status, detail, remedy string) {
	const indent = 19
	head := fmt.Sprintf("%-5s %-12s ", mark(status), name)
	fmt.Fprintln(w, head+fit.Wrap(detail, a.width(), len(head), indent))
	if remedy != "" {
		fmt.Fprintln(w, strings.Repeat(" ", indent-2)+"→ "+fit.Wrap(remedy, a.width(), indent, indent))
	}
}

// width is how many columns answers may take.
func (a *app) width() int {
	if a.columns == nil {
		return fit.Columns
	}
	return a.columns()
}
