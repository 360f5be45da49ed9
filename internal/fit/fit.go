// Package fit breaks lines for terminals. It knows text and widths, and no terminal.
package fit

import (
	"strings"
	"unicode/utf8"
)

// Columns is what a terminal has unless somebody says otherwise.
const Columns = 80

// Wrap breaks text between words so that no line is longer than width, and begins all but the first with indent spaces; a
// word that is longer, a key or an address, stays whole, so that it can be copied. used is how much of the first line is
// taken already. A width that leaves no room breaks nothing.
func Wrap(text string, width, used, indent int) string {
	if width <= indent+1 {
		return text
	}
	var b strings.Builder
	at, fresh := used, true // fresh: nothing stands on this line yet
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case fresh:
		case at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, fresh = at+n, false
	}
	return b.String()
}
