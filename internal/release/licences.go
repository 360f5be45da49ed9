package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// A module is one that the binary is linked from.
type module struct {
	path, version, sum, dir string
	licences                []string // SPDX
	files                   []string // names of the licence files in dir
}

// recognised is how much of a licence file must be the text of known licences, in percent of its words: copyright lines, and
// a sentence that says which of two holds, are the rest.
const recognised = 60

// allowed are the licences that may be linked into a binary under Apache-2.0.
func allowed(spdx string) bool {
	switch spdx {
	case "Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "Unlicense", "CC0-1.0", "0BSD", "BlueOak-1.0.0", "Zlib", unstated:
		return true
	}
	return false
}

// unstated is what a module without any licence is listed under.
const unstated = "none stated"

// judged are modules whose licence a person has read, because a program cannot, at the version that was read.
func judged(id string) []string {
	switch id {
	case "github.com/multiformats/go-base36@v0.2.0": // LICENSE.md names both by their addresses
		return []string{"Apache-2.0", "MIT"}
	case "github.com/gagliardetto/treeout@v0.1.4": // solana-go, of the same author and under Apache-2.0, needs it to print transactions
		return []string{unstated}
	}
	return nil
}

// licenceFile is how files that say a licence are called. Only a module's root is looked at.
var licenceFile = regexp.MustCompile(`(?i)^((un)?licen[sc]e|copying|copyright|notice)([-._].*)?$`)

// modulesOf finds what a binary says it was linked from in the module cache, and reads its licences.
func modulesOf(info *debug.BuildInfo) ([]module, error) {
	dirs, err := moduleDirs(platformOf(info))
	if err != nil {
		return nil, err
	}
	goroot, err := run("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	out := []module{{path: "std", version: strings.TrimPrefix(info.GoVersion, "go"), dir: strings.TrimSpace(string(goroot))}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		m := module{path: d.Path, version: d.Version, sum: d.Sum, dir: dirs[d.Path+"@"+d.Version]}
		if m.dir == "" {
			return nil, fmt.Errorf("%s@%s is linked in, and not what go.mod says now; build again", d.Path, d.Version)
		}
		out = append(out, m)
	}
	return withLicences(out)
}

// platformOf is where a binary runs, as go list takes it.
func platformOf(info *debug.BuildInfo) []string {
	var env []string
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" {
			env = append(env, s.Key+"="+s.Value)
		}
	}
	return env
}

// run gives what a command prints, and in its error what it complains of.
func run(name string, args ...string) ([]byte, error) { return runWith(nil, name, args...) }

func runWith(env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(context.Background(), name, args...) // Ctrl-C reaches go list itself
	cmd.Env = append(os.Environ(), env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, problems.String())
	}
	return out, nil
}

// platforms are those that archives are made for: what is linked differs.
func platforms() []string { return []string{"linux", "darwin", "windows"} }

// linkedAnywhere is what the binary is linked from on any platform, as go list sees it.
func linkedAnywhere() ([]module, error) {
	seen := map[string]module{}
	for _, goos := range platforms() {
		dirs, err := moduleDirs([]string{"GOOS=" + goos, "GOARCH=amd64", "CGO_ENABLED=0"})
		if err != nil {
			return nil, err
		}
		for id, dir := range dirs {
			path, version, _ := strings.Cut(id, "@")
			seen[id] = module{path: path, version: version, dir: dir}
		}
	}
	var out []module
	for _, id := range sorted(seen) {
		out = append(out, seen[id])
	}
	return withLicences(out)
}

// moduleDirs are the directories of the modules that the binary needs on a platform, by path@version.
func moduleDirs(env []string) (map[string]string, error) {
	out, err := runWith(env, "go", "list", "-deps", "-json=Module", "./cmd/paradox")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("what go list prints: %w", err)
		}
		if m := p.Module; m.Path != "" && !m.Main {
			dirs[m.Path+"@"+m.Version] = m.Dir
		}
	}
}

// withLicences reads them, and refuses a module of which it cannot say that it may be linked.
func withLicences(modules []module) ([]module, error) {
	var wrong []error
	for i := range modules {
		m := &modules[i]
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			return nil, fmt.Errorf("the licence of %s: %w", m.path, err)
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
				continue
			}
			b, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("the licence of %s: %w", m.path, err)
			}
			m.files = append(m.files, e.Name())
			m.licences = append(m.licences, licencesIn(b)...)
		}
		slices.Sort(m.licences)
		m.licences = slices.Compact(m.licences)
		if len(m.licences) == 0 {
			m.licences = judged(m.path + "@" + m.version)
		}
		if len(m.licences) == 0 {
			wrong = append(wrong, fmt.Errorf("%s@%s: no licence recognised in %v; do not link it, or look into %s", m.path, m.version, m.files, m.dir))
		}
		for _, l := range m.licences {
			if !allowed(l) {
				wrong = append(wrong, fmt.Errorf("%s@%s is under %s, which may not be linked in", m.path, m.version, l))
			}
		}
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.path, b.path) })
	return modules, errors.Join(wrong...)
}

// licencesIn are the licences of which a file has the text.
func licencesIn(text []byte) []string {
	c := licensecheck.Scan(text)
	if c.Percent < recognised {
		return nil
	}
	var ids []string
	for _, m := range c.Match {
		if !m.IsURL {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// licenceTexts are all licence files of what is linked in, one after the other: most licences want to go along.
func licenceTexts(linked []module) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("paradox is linked from these modules. The text of each licence follows its module's name.\n")
	for _, m := range linked {
		for _, f := range m.files {
			b, err := os.ReadFile(filepath.Join(m.dir, f))
			if err != nil {
				return nil, fmt.Errorf("the licence of %s: %w", m.path, err)
			}
			fmt.Fprintf(&out, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, f, bytes.TrimSpace(b))
		}
	}
	return out.Bytes(), nil
}
