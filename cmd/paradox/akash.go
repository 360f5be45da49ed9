package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/phantom-paradox/paradox/akash"
	"github.com/phantom-paradox/paradox/node/config"
)

type akashCmd struct {
	SDL      akashSDLCmd      `cmd:"" name:"sdl" help:"Print a deployment file for a node configured as this one."`
	Validate akashValidateCmd `cmd:"" help:"Check a deployment file: references, and what a node cannot live with."`
	Cost     akashCostCmd     `cmd:"" help:"What a deployment costs, with its arithmetic."`
	Deploy   akashDeployCmd   `cmd:"" help:"Make the deployment, take a bid, start the node; or go on where an earlier run ended, or give it a new file."`
	Status   akashStatusCmd   `cmd:"" help:"What the deployment does, what it costs, and the addresses to hand to others."`
	Logs     akashLogsCmd     `cmd:"" help:"What the node says, from its provider."`
	Close    akashCloseCmd    `cmd:"" help:"End the deployment, and its volume with it."`
}

// onAkash is what commands have in common that speak to Akash for a home's deployment.
type onAkash struct {
	Home string `help:"The home that remembers the deployment." placeholder:"DIR"`
}

// open reads the configuration and makes a client of Akash's API.
func (onAkash) open(a *app) (*config.Config, *akash.Console, error) {
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	key := c.Akash.Key
	if key == "" && c.Akash.KeyFile != "" {
		if key, err = firstLine(c.Akash.KeyFile); err != nil {
			return nil, nil, fmt.Errorf("%w: akash.key_file: %w", errInput, err)
		}
	}
	if key == "" {
		return nil, nil, fmt.Errorf("%w: no API key: make one at https://console.akash.network under Settings, API Keys, and say it in PARADOX_AKASH_KEY or in a file that PARADOX_AKASH_KEY_FILE names", errInput)
	}
	console, err := akash.NewConsole(akash.ConsoleConfig{API: c.Akash.API, Key: key})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errInput, err)
	}
	return &c.Config, console, nil
}

const maxKeyFile = 4 << 10 // bytes; a key has some sixty

func firstLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("%s can be read by others (%v): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), nil
}

// worth is what a millionth of each of Akash's moneys is in US dollars: an ACT is a dollar of compute.
func worth(akt float64) map[string]float64 {
	return map[string]float64{"uakt": akt / 1e6, "uact": 1 / 1e6}
}

func readSDL(path string) (*akash.SDL, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	s, err := akash.Parse(b)
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errInput, path, err)
	}
	return s, nil
}
