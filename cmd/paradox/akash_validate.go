package main

import (
	"fmt"
	"io"
)

type akashValidateCmd struct {
	File string `arg:"" default:"deploy.sdl.yaml" help:"The deployment file."`
}

func (v akashValidateCmd) Run(a *app) error {
	s, err := readSDL(v.File)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"valid": true, "services": len(s.Services)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s holds what a node needs. Akash's own tools have the last word on the rest.\n", v.File)
	})
}
