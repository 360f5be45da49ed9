package legible

import "testing"

func TestMarks(t *testing.T) {
	for _, bad := range []string{"\x00", "\x1b", "\x7f", "\u009b", "\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"} {
		if Line("a"+bad+"b") != "a\ufffdb" || Text("a"+bad+"b") != "a\ufffdb" {
			t.Errorf("%q: %q, %q", bad, Line("a"+bad+"b"), Text("a"+bad+"b"))
		}
	}
	const lines, good = "a\tb\nc", "ä 日本 −1.5 \u202f…"
	if Line(lines) != "a\ufffdb\ufffdc" || Text(lines) != lines || Line(good) != good || Text(good) != good {
		t.Errorf("%q, %q, %q", Line(lines), Text(lines), Line(good))
	}
}
