// Command gotest reads what `go test -json` prints and says what matters of it: each package once, the whole output of
// what failed, every test that was skipped (a skip is a failure: a test that does not run guards nothing), and a last
// line with the totals. It exits 1 unless all passed.
//
//	go test -json ./... | go run ./internal/gotest [-totals FILE]
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// maxLine bounds one line of JSON: a test that prints a megabyte in one line is cut by go test itself long before.
const maxLine = 16 << 20

func main() {
	totals := flag.String("totals", "", "append \"passed failed\" to this file")
	flag.Parse()
	r := newReport()
	if err := r.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gotest: reading go test's output:", err)
		os.Exit(2)
	}
	r.finish(os.Stdout)
	if *totals != "" {
		if err := appendTotals(*totals, r); err != nil {
			fmt.Fprintln(os.Stderr, "gotest: writing the totals:", err)
			os.Exit(2)
		}
	}
	if !r.ok() {
		os.Exit(1)
	}
}

func appendTotals(path string, r *report) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%d %d\n", r.passed, r.failed+len(r.skipped)); err != nil {
		return err
	}
	return f.Close()
}

// event is a line of `go test -json`; build output comes with ImportPath instead of Package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

type report struct {
	passed, failed int
	skipped        []string
	output         map[string]*strings.Builder // of a test or package that has not ended
	running        map[string]bool             // tests that began and did not end: their process died
	packages       int
}

func newReport() *report {
	return &report{output: map[string]*strings.Builder{}, running: map[string]bool{}}
}

func (r *report) ok() bool { return r.failed == 0 && len(r.skipped) == 0 && r.packages > 0 }

func (r *report) read(in io.Reader, out io.Writer) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 64<<10), maxLine)
	for sc.Scan() {
		var e event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			fmt.Fprintln(out, sc.Text()) // not an event: go itself complaining
			continue
		}
		r.take(e, out)
	}
	return sc.Err()
}

func (r *report) take(e event, out io.Writer) {
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "build-output", "output":
		b := r.output[key]
		if b == nil {
			b = &strings.Builder{}
			r.output[key] = b
		}
		b.WriteString(e.Output)
	case "run":
		r.running[key] = true
	case "pass", "fail", "skip":
		r.end(e, key, out)
	}
}

// end counts a test or a package that has ended. A package without tests ends with skip, and that is no skipped test.
func (r *report) end(e event, key string, out io.Writer) {
	text := ""
	if b := r.output[key]; b != nil {
		text = b.String()
		delete(r.output, key)
	}
	delete(r.running, key)
	if e.Test == "" {
		r.endPackage(e, text, out)
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprintf(out, "--- FAIL %s %s\n%s", e.Package, e.Test, text)
	case "skip":
		r.skipped = append(r.skipped, e.Package+" "+e.Test)
	}
}

func (r *report) endPackage(e event, text string, out io.Writer) {
	switch e.Action {
	case "pass":
		r.packages++
		fmt.Fprintf(out, "ok    %-60s %6.1f s\n", e.Package, e.Elapsed)
	case "skip":
		r.packages++
	case "fail":
		r.packages++
		died, said := r.dead(e.Package)
		text = said + text
		if e.FailedBuild != "" {
			if b := r.output[e.FailedBuild+" "]; b != nil {
				text = b.String() + text
			}
		}
		fmt.Fprintf(out, "FAIL  %-60s %6.1f s\n%s", e.Package, e.Elapsed, text)
		if died || e.FailedBuild != "" || r.failed == 0 {
			r.failed++ // no test of it was counted as failed: it did not build, panicked, or was killed
		}
	}
}

// dead says whether tests of the package began and never ended, and what they had said.
func (r *report) dead(pkg string) (died bool, said string) {
	for key := range r.running {
		if !strings.HasPrefix(key, pkg+" ") {
			continue
		}
		died = true
		delete(r.running, key)
		if b := r.output[key]; b != nil {
			said += b.String()
			delete(r.output, key)
		}
	}
	return died, said
}

func (r *report) finish(out io.Writer) {
	sort.Strings(r.skipped)
	for _, s := range r.skipped {
		fmt.Fprintln(out, "--- SKIPPED", s, "(a skipped test counts as a failed one)")
	}
	if r.packages == 0 {
		fmt.Fprintln(out, "no package was tested")
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", r.passed, r.failed+len(r.skipped))
}
