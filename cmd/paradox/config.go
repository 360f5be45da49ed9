package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/phantom-paradox/paradox/node/config"
)

type configCmd struct {
	Settings config.Config `embed:""`
}

type settingView struct {
	Key     string `json:"key"`
	Value   any    `json:"value"`
	Origin  string `json:"origin"`
	Env     string `json:"env"`
	Flag    string `json:"flag,omitempty"`
	Legacy  string `json:"legacy_env,omitempty"`
	Default string `json:"default,omitempty"`
	Help    string `json:"help"`
}

func (configCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	var list []settingView
	for _, f := range config.Fields() {
		list = append(list, settingView{f.Key, f.Value(&c.Config), c.Origin[f.Key], f.Env, f.Flag, f.Legacy, f.Default, f.Help})
	}
	return a.print(list, func(w io.Writer) {
		fmt.Fprintf(w, "# %s; a flag wins over the environment, that over the file, that over the default.\n", c.File())
		for _, s := range list {
			names := s.Env
			if s.Legacy != "" {
				names += ", " + s.Legacy
			}
			fmt.Fprintf(w, "\n# %s\n# %s\n%s = %s  # %s\n", s.Help, strings.TrimPrefix(s.Flag+", "+names, ", "), s.Key, tomlValue(s.Value), s.Origin)
		}
	})
}

func tomlValue(v any) string {
	switch x := v.(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case []string:
		quoted := make([]string, len(x))
		for n, s := range x {
			quoted[n] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}
