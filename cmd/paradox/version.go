package main

import (
	"fmt"
	"io"
	"runtime"
)

// version is what a release sets with -ldflags '-X main.version=…'; the linker can set nothing but a variable.
var version = "0.1.0-dev"

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	return a.print(v, func(w io.Writer) {
		fmt.Fprintf(w, "paradox %s (%s, %s)\n", v["version"], v["go"], v["platform"])
	})
}
