package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	dockertar "github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// repository is where the image is published; docker load gives it this name.
const repository = "ghcr.io/phantom-paradox/paradox"

type imageCmd struct {
	build

	// A number, so that a cluster can see that it is not root; 65532 is what other images without a distribution use.
	User     int               `default:"65532" help:"Who the node runs as; 0 only where volumes can belong to nobody else."`
	Network  string            `help:"A network file to put in, at /etc/paradox/network.json, for where none can be mounted." placeholder:"FILE"`
	Out      string            `required:"" help:"Directory to make anew: the layout under image/, the archives beside it." placeholder:"DIR"`
	Binaries map[string]string `arg:"" help:"ARCHITECTURE=FILE, for each binary."`
}

// Run writes the index of all architectures and prints its digest.
func (c imageCmd) Run() error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	roots, err := rootCertificates()
	if err != nil {
		return err
	}
	dir := filepath.Join(c.Out, "image")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(c.Out, 0o755)); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	for _, arch := range sorted(c.Binaries) {
		parts, err := contents(c.build, c.Binaries[arch], "usr/share/doc/paradox/")
		if err != nil {
			return err
		}
		img, err := c.assemble(arch, roots, parts)
		if err != nil {
			return fmt.Errorf("the image for %s: %w", arch, err)
		}
		if err := c.forDocker(arch, img); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	index, ok := mutate.Annotations(index, labels(c.build)).(v1.ImageIndex)
	if !ok {
		return errors.New("annotating the index: it is one no more")
	}
	if _, err := layout.Write(dir, index); err != nil {
		return fmt.Errorf("writing %s: %w", dir, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("the digest: %w", err)
	}
	fmt.Println(digest)
	return os.WriteFile(filepath.Join(c.Out, "image.digest"), []byte(digest.String()+"\n"), 0o644)
}

// forDocker writes what `docker load` takes.
func (c imageCmd) forDocker(arch string, img v1.Image) error {
	tag, err := name.NewTag(repository + ":" + c.Version)
	if err != nil {
		return fmt.Errorf("--version: %w", err)
	}
	path := filepath.Join(c.Out, "paradox-"+c.Version+"-linux-"+arch+".image.tar")
	if err := dockertar.WriteToFile(path, tag, img); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// assemble puts one architecture's image on nothing: no shell, no package manager, no other user.
func (c imageCmd) assemble(arch string, roots []byte, parts []entry) (v1.Image, error) {
	base := []entry{
		{name: "data/", mode: 0o700, owner: c.User},
		{name: "etc/", mode: 0o755}, {name: "etc/paradox/", mode: 0o755},
		{name: "etc/ssl/", mode: 0o755}, {name: "etc/ssl/certs/", mode: 0o755}, {name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: roots},
		{name: "tmp/", mode: 0o1777},
	}
	if c.Network != "" {
		network, err := file("etc/paradox/network.json", 0o644, c.Network)
		if err != nil {
			return nil, err
		}
		base = append(base, network)
	}
	above := append([]entry{{name: "usr/", mode: 0o755}, {name: "usr/share/", mode: 0o755}, {name: "usr/share/doc/", mode: 0o755}, {name: "usr/share/doc/paradox/", mode: 0o755}}, parts...)
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range []struct {
		by      string
		entries []entry
	}{{"directories and root certificates", base}, {"paradox", above}} {
		layer, err := layerOf(l.entries, c.date())
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: c.date()}, CreatedBy: l.by}})
		if err != nil {
			return nil, err
		}
	}
	have, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, c.configured(arch, have.DeepCopy()))
}

// configured says how the image is run: what the environment sets here, a flag or variable of the deployment sets otherwise.
func (c imageCmd) configured(arch string, f *v1.ConfigFile) *v1.ConfigFile {
	f.OS, f.Architecture, f.Created = "linux", arch, v1.Time{Time: c.date()}
	f.Config = v1.Config{
		User: fmt.Sprintf("%d:%d", c.User, c.User), WorkingDir: "/",
		Entrypoint: []string{"/paradox"}, Cmd: []string{"run", "--init"},
		Env: []string{
			"PARADOX_HOME=/data/paradox", "PARADOX_NETWORK=/etc/paradox/network.json", "PARADOX_API_LISTEN=0.0.0.0:8080", "PARADOX_LOG_FORMAT=json",
			"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
		},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "4001/tcp": {}, "4001/udp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		Labels:       labels(c.build),
		StopSignal:   "SIGTERM",
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/paradox", "health"}, Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: time.Minute, Retries: 3},
	}
	return f
}

func labels(b build) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":         "paradox",
		"org.opencontainers.image.description":   "A node of a Paradox network: decentralised netting on Solana.",
		"org.opencontainers.image.source":        "https://github.com/phantom-paradox/paradox",
		"org.opencontainers.image.documentation": "https://github.com/phantom-paradox/paradox/tree/main/docs",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       b.Version,
		"org.opencontainers.image.created":       b.date().Format(time.RFC3339),
	}
	if b.Revision != "" {
		l["org.opencontainers.image.revision"] = b.Revision
	}
	return l
}

func layerOf(entries []entry, date time.Time) (v1.Layer, error) {
	plain, err := tarOf(entries, date)
	if err != nil {
		return nil, err
	}
	return dockertar.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil }, dockertar.WithMediaType(types.OCILayer))
}
