package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

type unpackCmd struct {
	Layout string `arg:"" help:"The layout directory."`
	Dir    string `arg:"" help:"Directory to make; DIR.json gets the image's configuration."`
	Arch   string `default:"amd64" help:"Architecture."`
}

func (c unpackCmd) Run() error {
	img, err := imageFrom(c.Layout, c.Arch)
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("the image's configuration: %w", err)
	}
	b, err := json.MarshalIndent(cfg.Config, "", "  ")
	if err != nil {
		return fmt.Errorf("the image's configuration: %w", err)
	}
	if err := os.WriteFile(filepath.Clean(c.Dir)+".json", append(b, '\n'), 0o644); err != nil {
		return err
	}
	files := mutate.Extract(img)
	return errors.Join(unpack(files, c.Dir), files.Close())
}

// imageFrom finds the image of an architecture in a layout.
func imageFrom(path, arch string) (v1.Image, error) {
	p, err := layout.FromPath(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	index, err := p.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	for _, d := range m.Manifests {
		if d.Platform != nil && d.Platform.Architecture == arch {
			return index.Image(d.Digest)
		}
	}
	return nil, fmt.Errorf("%s holds no image for %s", path, arch)
}

// unpack writes the files of a tar stream below dir and nowhere else; owners are set where this process may.
func unpack(r io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		if err := place(root, h, t); err != nil {
			return fmt.Errorf("unpacking %s: %w", h.Name, err)
		}
	}
}

func place(root *os.Root, h *tar.Header, r io.Reader) error {
	name, mode := filepath.Clean(h.Name), h.FileInfo().Mode()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	default:
		return fmt.Errorf("is neither file nor directory (%c)", h.Typeflag)
	}
	if os.Geteuid() == 0 {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	return root.Chmod(name, mode&(os.ModePerm|os.ModeSticky))
}
