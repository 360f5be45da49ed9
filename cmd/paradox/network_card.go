package main

import (
	"fmt"
	"strings"

	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/keys"
)

type networkCardCmd struct {
	Home           string   `help:"The founder's home, in which paradox keys new has made keys." placeholder:"DIR"`
	PassphraseFile string   `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
	Name           string   `arg:"" help:"The name to have among the members: 1 to 32 of a-z A-Z 0-9 - _ ."`
	Weight         uint16   `default:"1" help:"The weight of the vote, as the founders have agreed."`
	Address        []string `help:"Multiaddrs at which others will reach the node, such as /ip4/203.0.113.7/tcp/4001; the peer id is put behind." placeholder:"MULTIADDR"`
}

// Help is what --help says besides.
func (networkCardCmd) Help() string {
	return `A card has the public halves of the home's keys and is no secret. The voting key signs it, so that nobody can hand in another's key
or change a name, a weight or an address on the way. It is JSON: paradox network card alice > alice.card`
}

// Run prints a card; it is JSON either way, to be handed on as it is.
func (n networkCardCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	k, err := keys.Load(c.KeyDir(), a.passphrase(c.PassphraseFile))
	if err != nil {
		return err
	}
	pub, err := k.Public()
	if err != nil {
		return err
	}
	var addresses []string
	for _, text := range n.Address {
		if !strings.Contains(text, "/p2p/") {
			text = strings.TrimSuffix(text, "/") + "/p2p/" + pub.Peer
		}
		if !strings.HasSuffix(text, "/p2p/"+pub.Peer) {
			return fmt.Errorf("%w: --address: %s ends in another peer's id; this home's is %s", errInput, text, pub.Peer)
		}
		addresses = append(addresses, text)
	}
	card, err := network.NewCard(k.Member, network.Member{Name: n.Name, VRF: pub.VRF, Weight: n.Weight}, addresses)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	_, err = a.out.Write(card.JSON())
	return err
}
