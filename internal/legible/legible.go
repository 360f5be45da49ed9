// Package legible makes what others said safe to show. It knows text, and neither terminals nor pages.
package legible

import (
	"strings"
	"unicode"
)

// Line marks what is no text, turns the direction of the text around it, or begins another line or column.
func Line(text string) string { return strings.Map(mark, text) }

// Text is Line of a text that has lines and columns of its own.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return mark(r)
	}, text)
}

func mark(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return unicode.ReplacementChar
	}
	return r
}
