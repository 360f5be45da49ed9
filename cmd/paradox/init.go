package main

import (
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/node/setup"
)

type initCmd struct {
	Home      string   `help:"Directory to make; ~/.paradox unless said otherwise." placeholder:"DIR"`
	Network   string   `required:"" help:"The network file to join." placeholder:"FILE"`
	Bootstrap []string `help:"Peers to dial first, besides those of the network file; each ends in /p2p/ID." placeholder:"MULTIADDR"`
}

func (i initCmd) Run(a *app) error {
	delete(a.set, "network") // here it names the file to copy, not the copy
	delete(a.set, "p2p.bootstrap")
	if len(i.Bootstrap) > 0 {
		a.set["p2p.bootstrap"] = i.Bootstrap
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(i.Network)
	if err != nil {
		return fmt.Errorf("%w: --network: %w", errInput, err)
	}
	c.Network = ""
	home, err := setup.Init(&c.Config, b, i.Bootstrap)
	if err != nil {
		return err
	}
	return a.print(home, func(w io.Writer) {
		fmt.Fprintf(w, "%s is a home for %s (%s)\n", home.Dir, home.Network, home.Hash)
		if home.Signed > 0 {
			fmt.Fprintf(w, "All %d founders have signed the network file. Compare the hash with what others told you all the same: anybody founds networks.\n\n", home.Members)
		} else {
			fmt.Fprintf(w, "No founder has signed the network file: the hash is all that tells it from another. Compare it with what others told you.\n\n")
		}
		fmt.Fprintf(w, "member key  %s\nVRF key     %s\npeer        %s\nfee payer   %s\n\n", home.Public.Member, home.VRF, home.Peer, home.FeePayer)
		fmt.Fprintf(w, "Back up %s. Next: paradox run --home %s\n", c.KeyDir(), home.Dir)
	})
}
