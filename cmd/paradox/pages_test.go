package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/phantom-paradox/paradox/node/config"
)

// TestDeveloperPage looks for every file, make target and test that docs/developer.md names.
func TestDeveloperPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/developer.md")
	must(t, err)
	page := string(b)
	makefile, err := os.ReadFile("../../Makefile")
	must(t, err)
	files := regexp.MustCompile("`([\\w./]+\\.go)`").FindAllStringSubmatch(page, -1)
	targets := regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(page, -1)
	tests := regexp.MustCompile(`go test \./(\S+) -run (\w+)`).FindAllStringSubmatch(page, -1)
	if len(files) < 5 || len(targets) < 4 || len(tests) < 4 {
		t.Fatalf("%d files, %d targets, %d tests", len(files), len(targets), len(tests))
	}
	for _, m := range files {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Error(err)
		}
	}
	for _, m := range targets {
		if !strings.Contains("\n"+string(makefile), "\n"+m[1]+":") {
			t.Errorf("make %s is no target", m[1])
		}
	}
	for _, m := range tests {
		if !has(t, filepath.Join("../..", m[1], "*_test.go"), "func "+m[2]+"(t *testing.T)") {
			t.Errorf("%s has no %s", m[1], m[2])
		}
	}
}

func has(t *testing.T, pattern, text string) bool {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	must(t, err)
	return slices.ContainsFunc(paths, func(path string) bool {
		b, err := os.ReadFile(path)
		must(t, err)
		return strings.Contains(string(b), text)
	})
}

// TestOldNames holds the names in the environment of docs/replaced.md against those that are read.
func TestOldNames(t *testing.T) {
	b, err := os.ReadFile("../../docs/replaced.md")
	must(t, err)
	_, section, _ := strings.Cut(string(b), "## Names in the environment")
	section, _, _ = strings.Cut(section, "\n## ")
	var said []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \| read\b`).FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(row[1], -1) {
			said = append(said, name[1])
		}
	}
	var c cli
	k, err := grammar(&c)
	must(t, err)
	var read, defaults []string
	for _, f := range config.Fields() {
		if f.Legacy != "" {
			read = append(read, f.Legacy)
		}
	}
	must(t, kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			defaults = append(defaults, f.Envs...)
		}
		return next(nil)
	}))
	for _, name := range defaults {
		if !slices.Contains(read, name) {
			t.Errorf("network create reads %s, and run does not compare it", name)
		}
	}
	slices.Sort(said)
	slices.Sort(read)
	if !slices.Equal(said, read) {
		t.Errorf("docs/replaced.md says that these are read: %v\nand these are: %v", said, read)
	}
}
