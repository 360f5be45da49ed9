package api

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

//go:embed web
var web embed.FS

// page is the status page: what the binary carries, and a template that shows the node also where scripts do not run.
type page struct {
	index  *template.Template
	assets map[string]asset // by name
}

type asset struct {
	kind string
	data []byte
	tag  string
}

// pagePolicy lets the page load from this node and nowhere else, and nothing frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// pageTime bounds what a page waits for the node's answers.
const pageTime = 3 * time.Second

// pageRounds is how many rounds the page shows.
const pageRounds = 12

func newPage() (*page, error) {
	p := &page{assets: map[string]asset{}}
	var err error
	if p.index, err = template.New("index.html").Funcs(template.FuncMap{"when": when, "plain": plain, "seconds": seconds, "ends": short}).ParseFS(web, "web/*.html"); err != nil {
		return nil, err
	}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	err = fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kinds[path.Ext(name)] == "" {
			return err
		}
		data, err := web.ReadFile(name)
		sum := sha256.Sum256(data)
		p.assets[path.Base(name)] = asset{kinds[path.Ext(name)], data, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return err
	})
	return p, err
}

func when(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

// short shows the ends of a long name.
func short(s fmt.Stringer) string {
	t := s.String()
	if len(t) <= 12 {
		return t
	}
	return t[:6] + "…" + t[len(t)-4:]
}

func (p *page) register(s *Server) {
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.showPage(w, r) })
	p.registerLeaves(s)
	for name, a := range p.assets {
		s.mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r) })
	}
	if icon, ok := p.assets["icon.svg"]; ok {
		s.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { icon.serve(w, r) })
	}
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache") // asked again each time: the binary may be another one
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	if strings.Contains(r.Header.Get("If-None-Match"), a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	_, _ = w.Write(a.data) // the client has gone if this fails
}

// sight is what the page shows before, or without, its script.
type sight struct {
	Version string
	Name    string
	Hash    string
	Status  *Status
	Health  *Health
	Rounds  []Round
	Members []Member
}

// Named is a member's name, or the ends of a key that is nobody's.
func (v sight) Named(key intent.Key) string {
	for _, m := range v.Members {
		if m.Key == key {
			return m.Name
		}
	}
	return short(key)
}

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTime)
	defer cancel()
	v := sight{Version: s.version, Name: s.net.Name, Hash: s.net.Hash.String()}
	var err error
	if v.Status, err = s.backend.Status(ctx); err != nil {
		v.Status = nil // the page says that the node does not say
	}
	if v.Health, err = s.backend.Health(ctx); err != nil {
		v.Health = nil
	}
	if rounds, err := s.backend.Rounds(ctx, Page{Limit: pageRounds}); err == nil {
		v.Rounds = rounds.Rounds
	}
	if n, err := s.backend.Network(ctx); err == nil {
		v.Members = n.Members
	}
	s.writePage(w, http.StatusOK, "index.html", v)
}
