package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/phantom-paradox/paradox/akash"
	"github.com/phantom-paradox/paradox/node/config"
)

type akashSDLCmd struct {
	Image  string  `help:"The image, with its tag, in a registry that the provider reaches: none is published yet. Left out, the name that deploy.sdl.yaml has." placeholder:"IMAGE"`
	IP     bool    `name:"ip" default:"true" negatable:"" help:"Lease an address of its own for peers; without it the provider picks the ports, and deploy makes p2p.announce follow them."`
	Await  bool    `name:"await-keys" help:"Make no keys: wait until paradox keys restore brings them, for a node that moves."`
	CPU    float64 `default:"1" help:"CPUs."`
	Memory string  `default:"1Gi" help:"Memory."`
	Disk   string  `default:"10Gi" help:"The volume, which keys and data live on."`
	Class  string  `default:"beta3" help:"The volume's class: beta1 hard disk, beta2 SSD, beta3 NVMe."`
	Denom  string  `default:"uact" help:"What is paid in: uact, as the Console API pays, or uakt."`
	Price  float64 `default:"100" help:"The most to pay for a block, of which there is one in six seconds: 100 uact are some $43 a month."`

	Settings config.Config `embed:""`
}

func (c akashSDLCmd) Run(a *app) error {
	loaded, err := a.load()
	if err != nil {
		return err
	}
	image := c.Image
	if image == "" {
		image = "ghcr.io/phantom-paradox/paradox:" + version
	}
	env, left := deployed(loaded)
	sdl := akash.Node{Image: image, Env: env, Await: c.Await, IP: c.IP, CPU: c.CPU, Memory: c.Memory, Disk: c.Disk, Class: c.Class, Denom: c.Denom, Amount: c.Price}.SDL()
	if err := sdl.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	text, err := sdl.YAML()
	if err != nil {
		return err
	}
	return a.print(map[string]any{"sdl": string(text), "left_out": left}, func(w io.Writer) {
		fmt.Fprintln(w, "# A node on Akash, made by `paradox akash sdl`. The network file stands in the image, at /etc/paradox/network.json.")
		for _, name := range left {
			fmt.Fprintf(w, "# Left out: %s, which may carry a secret that the provider could read. Write it into config.toml on the volume.\n", name)
		}
		if !c.IP {
			fmt.Fprintln(w, "# The provider picks the ports for peers: `paradox akash deploy` sets PARADOX_P2P_ANNOUNCE to what the lease shows. Without it, do so yourself.")
		}
		fmt.Fprintf(w, "%s", text)
	})
}

// deployed are the settings that somebody made, as a container's environment: but for those that are this machine's own, which
// the deployment says itself, and secrets, which are named only.
func deployed(c *config.Loaded) (env, left []string) {
	for _, f := range config.Fields() {
		switch f.Key {
		case "home", "network", "passphrase_file", "api.listen", "admin.listen", "p2p.listen", "log.format":
			continue
		}
		if strings.HasPrefix(f.Key, "akash.") { // the operator's account, which is no business of the node's
			continue
		}
		if origin := c.Origin[f.Key]; origin == "default" || origin == "" {
			continue
		}
		text, secret := f.Text(&c.Config)
		switch {
		case text == "" || strings.HasPrefix(f.Key, "expect."):
		case secret:
			left = append(left, f.Key)
		default:
			env = append(env, f.Env+"="+text)
		}
	}
	return env, left
}
