package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type archivesCmd struct {
	build

	Out      string            `required:"" help:"Directory for them." placeholder:"DIR"`
	Binaries map[string]string `arg:"" help:"OS-ARCHITECTURE=FILE, for each binary."`
}

// Run writes paradox-VERSION-OS-ARCHITECTURE.tar.gz, a zip for Windows, and SHA256SUMS in the form that sha256sum -c reads.
func (c archivesCmd) Run() error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", c.Out, err)
	}
	readme, err := file("README.md", 0o644, "README.md")
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, platform := range sorted(c.Binaries) {
		top := "paradox-" + c.Version + "-" + platform
		entries, err := contents(c.build, c.Binaries[platform], "")
		if err != nil {
			return errors.Join(fmt.Errorf("the archive for %s", platform), err)
		}
		entries = append(entries, readme)
		for i := range entries {
			entries[i].name = top + "/" + entries[i].name
		}
		pack, suffix := tarball, ".tar.gz"
		if strings.HasPrefix(platform, "windows-") {
			pack, suffix = zipOf, ".zip"
		}
		packed, err := pack(entries, c.date())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.Out, top+suffix), packed, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(packed), top+suffix)
	}
	fmt.Print(sums.String())
	return os.WriteFile(filepath.Join(c.Out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
