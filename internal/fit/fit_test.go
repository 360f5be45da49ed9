package fit

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text                string
		width, used, indent int
		want                string
	}{
		{"one two three", 80, 0, 4, "one two three"},
		{"one two three", 8, 0, 2, "one two\n  three"},
		{"one two three", 10, 6, 2, "one\n  two\n  three"},
		{"averyveryverylongword x", 8, 0, 0, "averyveryverylongword\nx"},
		{"one two", 2, 0, 4, "one two"},
		{"", 8, 0, 2, ""},
	} {
		if got := Wrap(c.text, c.width, c.used, c.indent); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// No line is longer than the width unless it is one word, and no word is lost.
func TestWrapKeepsWordsAndWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zä→]{1,12}`)).Draw(t, "words")
		width := rapid.IntRange(8, 100).Draw(t, "width")
		indent := rapid.IntRange(0, 6).Draw(t, "indent")
		out := Wrap(strings.Join(words, " "), width, 0, indent)
		if got := strings.Fields(out); strings.Join(got, " ") != strings.Join(words, " ") {
			t.Fatalf("%q", out)
		}
		for line := range strings.SplitSeq(out, "\n") {
			if utf8.RuneCountInString(line) > width && len(strings.Fields(line)) > 1 {
				t.Fatalf("%q is longer than %d", line, width)
			}
		}
	})
}
