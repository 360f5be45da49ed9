package main

import (
	"strings"
	"testing"
)

func run(t *testing.T, lines ...string) (*report, string) {
	t.Helper()
	r := newReport()
	var out strings.Builder
	if err := r.read(strings.NewReader(strings.Join(lines, "\n")), &out); err != nil {
		t.Fatal(err)
	}
	r.finish(&out)
	return r, out.String()
}

func TestReport(t *testing.T) {
	const p = `"Package":"x/p"`
	cases := []struct {
		name  string
		lines []string
		ok    bool
		says  []string
	}{
		{"all passed", []string{
			`{"Action":"run",` + p + `,"Test":"TestA"}`,
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"noise\n"}`,
			`{"Action":"pass",` + p + `,"Test":"TestA"}`,
			`{"Action":"pass",` + p + `,"Elapsed":0.2}`,
		}, true, []string{"ok    x/p", "1 passed, 0 failed"}},
		{"a failure shows its output", []string{
			`{"Action":"run",` + p + `,"Test":"TestA"}`,
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"want 1, got 2\n"}`,
			`{"Action":"fail",` + p + `,"Test":"TestA"}`,
			`{"Action":"fail",` + p + `,"Elapsed":0.2}`,
		}, false, []string{"--- FAIL x/p TestA\nwant 1, got 2", "0 passed, 1 failed"}},
		{"a skipped test fails", []string{
			`{"Action":"skip",` + p + `,"Test":"TestA"}`,
			`{"Action":"pass",` + p + `}`,
		}, false, []string{"--- SKIPPED x/p TestA", "0 passed, 1 failed"}},
		{"a package without tests is none", []string{`{"Action":"skip",` + p + `}`}, true, []string{"0 passed, 0 failed"}},
		{"nothing tested", nil, false, []string{"no package was tested"}},
		{"a broken build fails", []string{
			`{"ImportPath":"x/p [x/p.test]","Action":"build-output","Output":"p.go:1: undefined: y\n"}`,
			`{"ImportPath":"x/p [x/p.test]","Action":"build-fail"}`,
			`{"Action":"fail",` + p + `,"FailedBuild":"x/p [x/p.test]"}`,
		}, false, []string{"undefined: y", "0 passed, 1 failed"}},
		{"a process that dies fails", []string{
			`{"Action":"pass","Package":"x/o","Test":"TestO"}`,
			`{"Action":"pass","Package":"x/o"}`,
			`{"Action":"run",` + p + `,"Test":"TestA"}`,
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"panic: boom\n"}`,
			`{"Action":"fail",` + p + `}`,
		}, false, []string{"panic: boom", "1 passed, 1 failed"}},
		{"what is no event is shown", []string{"go: cannot find main module"}, false, []string{"cannot find main module"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, out := run(t, c.lines...)
			if r.ok() != c.ok {
				t.Errorf("ok = %v, want %v\n%s", r.ok(), c.ok, out)
			}
			for _, s := range c.says {
				if !strings.Contains(out, s) {
					t.Errorf("does not say %q:\n%s", s, out)
				}
			}
		})
	}
}
