package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

var update = flag.Bool("update", false, "write docs/licences.md")

// TestMain runs the tests where the command runs: at the top of the repository.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestLicencesPage also refuses what may not be linked: licencesPage fails on it.
func TestLicencesPage(t *testing.T) {
	page, err := licencesPage()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("docs", "licences.md")
	if *update {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, page) {
		t.Errorf("docs/licences.md is old (%v); write it with: go run ./internal/release licences", err)
	}
}

func TestLicencesIn(t *testing.T) {
	apache, err := os.ReadFile("LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if got := licencesIn(apache); len(got) != 1 || got[0] != "Apache-2.0" {
		t.Errorf("our own licence is taken for %v", got)
	}
	if got := licencesIn([]byte("All rights reserved. Nobody may do anything with this at all.")); got != nil {
		t.Errorf("no licence is taken for %v", got)
	}
	for _, l := range []string{"GPL-3.0", "AGPL-3.0", "BUSL-1.1", "SSPL-1.0", ""} {
		if allowed(l) {
			t.Errorf("%q may be linked in", l)
		}
	}
}

// program builds a small binary of this module for linux/amd64: what is packed does not matter to the packing.
func program(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "paradox")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./internal/gotest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func same(t *testing.T, a, b map[string]string) {
	t.Helper()
	if len(a) == 0 || len(a) != len(b) {
		t.Errorf("%v and %v", sorted(a), sorted(b))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
	}
}

func TestImage(t *testing.T) {
	bin, out := program(t), t.TempDir()
	b := build{Version: "1.2.3", Revision: "abc", Epoch: 1_700_000_000}
	for _, dir := range []string{"one", "two"} {
		if err := (imageCmd{build: b, User: 65532, Network: "testnet/devnet.json", Out: filepath.Join(out, dir), Binaries: map[string]string{"amd64": bin, "arm64": bin}}).Run(); err != nil {
			t.Fatal(err)
		}
	}
	same(t, tree(t, filepath.Join(out, "one")), tree(t, filepath.Join(out, "two")))

	root := filepath.Join(out, "root")
	if err := (unpackCmd{Layout: filepath.Join(out, "one", "image"), Dir: root, Arch: "arm64"}).Run(); err != nil {
		t.Fatal(err)
	}
	files := tree(t, root)
	if want, _ := os.ReadFile(bin); files["/paradox"] != string(want) {
		t.Error("the image holds another binary than it was given")
	}
	if n := strings.Count(files["/etc/ssl/certs/ca-certificates.crt"], "BEGIN CERTIFICATE"); n < 50 {
		t.Errorf("%d root certificates", n)
	}
	if files["/etc/paradox/network.json"] == "" {
		t.Error("the network file is not in the image")
	}
	if !strings.Contains(files["/usr/share/doc/paradox/LICENSE"], "Apache License") {
		t.Error("the licence is not in the image")
	}
	for path, mode := range map[string]os.FileMode{"paradox": 0o755, "data": 0o700 | os.ModeDir, "tmp": 0o777 | os.ModeSticky | os.ModeDir} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	checkConfig(t, root+".json")
}

func checkConfig(t *testing.T, path string) {
	t.Helper()
	var c struct {
		User            string
		Entrypoint, Cmd []string
		Volumes         map[string]struct{}
		Labels          map[string]string
		Healthcheck     struct{ Test []string }
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	if c.User != "65532:65532" || strings.Join(append(c.Entrypoint, c.Cmd...), " ") != "/paradox run --init" || len(c.Volumes) != 1 {
		t.Errorf("runs as %q %v %v with volumes %v", c.User, c.Entrypoint, c.Cmd, c.Volumes)
	}
	if strings.Join(c.Healthcheck.Test, " ") != "CMD /paradox health" || c.Labels["org.opencontainers.image.revision"] != "abc" {
		t.Errorf("probe %v, labels %v", c.Healthcheck.Test, c.Labels)
	}
}

func TestArchives(t *testing.T) {
	bin, out := program(t), t.TempDir()
	b := build{Version: "1.2.3", Epoch: 1_700_000_000}
	for _, dir := range []string{"one", "two"} {
		if err := (archivesCmd{build: b, Out: filepath.Join(out, dir), Binaries: map[string]string{"linux-amd64": bin, "windows-arm64": bin}}).Run(); err != nil {
			t.Fatal(err)
		}
	}
	files := tree(t, filepath.Join(out, "one"))
	same(t, files, tree(t, filepath.Join(out, "two")))
	if got := strings.Join(sorted(files), " "); got != "/SHA256SUMS /paradox-1.2.3-linux-amd64.tar.gz /paradox-1.2.3-windows-arm64.zip" {
		t.Errorf("wrote %s", got)
	}
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = filepath.Join(out, "one")
	if b, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, b)
	}
}

func TestBillOfMaterials(t *testing.T) {
	parts, err := contents(build{Version: "1.2.3", Epoch: 1_700_000_000}, program(t), "")
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(parts[len(parts)-1].data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.Metadata.Component.Version != "1.2.3" || bom.SerialNumber != "" {
		t.Errorf("of %q, numbered %q", bom.Metadata.Component.Version, bom.SerialNumber)
	}
	if c := (*bom.Components)[0]; c.Name != "std" || (*c.Licenses)[0].License.ID != "BSD-3-Clause" {
		t.Errorf("begins with %+v", c)
	}
}

func TestUnpackStaysInside(t *testing.T) {
	plain, err := tarOf([]entry{{name: "../outside", mode: 0o644, data: []byte("x")}}, build{}.date())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unpack(bytes.NewReader(plain), filepath.Join(dir, "in")); err == nil {
		t.Error("a path out of the directory is followed")
	}
	if _, err := os.Stat(filepath.Join(dir, "outside")); err == nil {
		t.Error("a file was written outside")
	}
}
