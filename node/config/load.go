package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Sources is where Load looks besides the home directory.
type Sources struct {
	Flags   map[string]any // by Field.Key: only what was said on the command line
	Environ []string       // as of os.Environ
	UserDir string         // the user's home directory, for the default of Home
}

// Loaded is a configuration and where its values came from.
type Loaded struct {
	Config
	Origin  map[string]string // by Field.Key: "default", "config.toml", a variable's name, or a flag
	Unknown []string          // PARADOX_ variables that name nothing; a container may have such for its own reasons
}

// Load reads defaults, config.toml, the environment and flags, each over the one before, and validates the result.
func Load(s Sources) (*Loaded, error) {
	l := &loader{Loaded: &Loaded{Origin: map[string]string{}}, k: koanf.New("."), fields: Fields()}
	env := environ(s.Environ)
	home := l.home(s, env)
	layers := []func() error{
		func() error { return l.defaults(home) },
		func() error { return l.file(filepath.Join(home, "config.toml")) },
		func() error { return l.environment(env) },
		func() error { return l.flags(s.Flags) },
	}
	for _, layer := range layers {
		if err := layer(); err != nil {
			return nil, err
		}
	}
	if err := l.k.Unmarshal("", &l.Config); err != nil {
		return nil, l.unreadable(err)
	}
	if err := l.Check(); err != nil {
		return nil, err
	}
	return l.Loaded, nil
}

type loader struct {
	*Loaded
	k      *koanf.Koanf
	fields []Field
}

func environ(list []string) map[string]string {
	env := map[string]string{}
	for _, s := range list {
		if name, value, ok := strings.Cut(s, "="); ok {
			env[name] = value
		}
	}
	return env
}

// home is needed before the others, since config.toml lies in it.
func (l *loader) home(s Sources, env map[string]string) string {
	if h, ok := s.Flags["home"].(string); ok && h != "" {
		return h
	}
	if h := env[Prefix+"HOME"]; h != "" {
		return h
	}
	return filepath.Join(s.UserDir, ".paradox")
}

func (l *loader) defaults(home string) error {
	m := map[string]any{}
	for _, f := range l.fields {
		if f.Default != "" {
			m[f.Key] = f.parse(f.Default)
		}
		l.Origin[f.Key] = "default"
	}
	m["home"] = home
	return l.put(m)
}

func (l *loader) file(path string) error {
	k := koanf.New(".")
	err := k.Load(file.Provider(path), toml.Parser())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &Error{Field: path, Problem: "cannot be read: " + err.Error(), Remedy: "mend the file; `paradox config` prints every key"}
	}
	known := map[string]bool{}
	for _, f := range l.fields {
		known[f.Key] = true
	}
	for _, key := range k.Keys() {
		switch {
		case key == "home":
			return &Error{Field: path, Problem: "sets home, which is where the file itself lies", Remedy: "remove the line; use --home or PARADOX_HOME"}
		case !known[key]:
			return &Error{Field: path, Problem: fmt.Sprintf("has the unknown key %q", key), Remedy: "`paradox config` prints every key"}
		}
		l.Origin[key] = "config.toml"
	}
	return l.k.Merge(k)
}

// environment reads legacy names first, so that PARADOX_ names win over them.
func (l *loader) environment(env map[string]string) error {
	m, known := map[string]any{}, map[string]bool{}
	for _, f := range l.fields {
		known[f.Env] = true
		for _, name := range []string{f.Legacy, f.Env} {
			if v, ok := env[name]; ok && name != "" && v != "" {
				m[f.Key] = f.parse(v)
				l.Origin[f.Key] = name
			}
		}
	}
	for name := range env {
		if strings.HasPrefix(name, Prefix) && !known[name] {
			l.Unknown = append(l.Unknown, name)
		}
	}
	sort.Strings(l.Unknown)
	return l.put(m)
}

func (l *loader) flags(set map[string]any) error {
	m := map[string]any{}
	for _, f := range l.fields {
		if v, ok := set[f.Key]; ok {
			m[f.Key] = v
			l.Origin[f.Key] = f.Flag
		}
	}
	return l.put(m)
}

func (l *loader) put(flat map[string]any) error {
	for key, v := range flat {
		if err := l.k.Set(key, v); err != nil {
			return fmt.Errorf("config: setting %s: %w", key, err)
		}
	}
	return nil
}

// unreadable names the field whose text is no number or no yes or no, and where that text came from.
func (l *loader) unreadable(err error) error {
	for _, f := range l.fields {
		one := koanf.New(".")
		var c Config
		if one.Set(f.Key, l.k.Get(f.Key)) == nil && one.Unmarshal("", &c) != nil {
			return &Error{
				Field: f.Key, Value: fmt.Sprint(l.k.Get(f.Key)), Problem: "is no " + f.typ.String() + " (from " + l.Origin[f.Key] + ")",
				Remedy: f.Help,
			}
		}
	}
	return fmt.Errorf("config: %w", err)
}

// UserDir is the directory under which the default home lies.
func UserDir() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	return "."
}
