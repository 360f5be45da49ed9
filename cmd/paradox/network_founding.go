package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/keys"
)

type networkAddMemberCmd struct {
	Draft string   `arg:"" help:"The draft, as paradox network create makes it."`
	Cards []string `arg:"" name:"card" help:"Founders' cards, as paradox network card prints them."`
}

func (n networkAddMemberCmd) Run(a *app) error {
	f, _, err := readDraft(n.Draft)
	if err != nil {
		return err
	}
	for _, path := range n.Cards {
		b, err := readSmall(path)
		if err != nil {
			return err
		}
		card, err := network.ParseCard(b)
		if err == nil {
			err = f.Add(card)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w; %s is as it was", errInput, path, err, n.Draft)
		}
	}
	if err := replace(n.Draft, f.DraftJSON(draftSays)); err != nil {
		return err
	}
	return a.print(map[string]any{"name": f.Name, "hash": f.Hash().String(), "file": n.Draft, "members": f.Members}, func(w io.Writer) {
		fmt.Fprintf(w, "%s is a draft of %s %s with %d members\n", n.Draft, f.Name, f.Hash(), len(f.Members))
		for _, m := range f.Members {
			fmt.Fprintf(w, "  %-16s %s  weight %d\n", m.Name, m.Key, m.Weight)
		}
		fmt.Fprintln(w, "When all are in, hand it to every founder. Next: paradox network sign FILE, at each founder's.")
	})
}

type networkSignCmd struct {
	Draft          string `arg:"" help:"The draft, with all founders in it."`
	Home           string `help:"The founder's home." placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
	Hash           string `help:"The hash that the draft must have, as the others read it out." placeholder:"HASH"`
	Yes            bool   `short:"y" help:"Do not ask."`
}

// Help is what --help says besides.
func (networkSignCmd) Help() string {
	return `It shows all that the network's hash covers, and asks. Compare the hash with the other founders by another way than the one by which the
draft came. The signature goes to standard output, JSON and no secret, to be handed to the coordinator: paradox network sign network.json > alice.sig`
}

// Run prints a signature; it is JSON either way, to be handed on as it is.
func (n networkSignCmd) Run(a *app) error {
	f, _, err := readDraft(n.Draft)
	if err != nil {
		return err
	}
	if n.Hash != "" && n.Hash != f.Hash().String() {
		return fmt.Errorf("%w: %s has the hash %s, not %s: it founds another network than the others see; nothing was signed", errDiffers, n.Draft, f.Hash(), n.Hash)
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	k, err := keys.Load(c.KeyDir(), a.passphrase(c.PassphraseFile))
	if err != nil {
		return err
	}
	me, err := founderOf(f, k)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errInput, n.Draft, err)
	}
	if err := a.confirm(n.Yes, func(w io.Writer) {
		tellFile(w, f)
		fmt.Fprintf(w, "\nsign       that %s founds %s with these members, as %s with a weight of %d of %d\nhash       %s\n", me.Name, f.Name, me.Key, me.Weight,
			network.Total(f.Members), f.Hash())
	}); err != nil {
		return err
	}
	_, err = a.out.Write(f.Sign(k.Member).JSON())
	return err
}

// founderOf is the member that the keys are of. A file with another VRF key would found a member that never leads.
func founderOf(f *network.File, k *keys.Keys) (*network.Member, error) {
	pub, err := k.Public()
	if err != nil {
		return nil, err
	}
	i := network.Find(f.Members, pub.Member)
	if i < 0 {
		return nil, fmt.Errorf("the key of this home, %s, is no member's; hand your card to the coordinator, or name the founder's --home", pub.Member)
	}
	if m := &f.Members[i]; m.VRF != pub.VRF {
		return nil, fmt.Errorf("members[%d].vrf of %s is %s, and this home's is %s; hand in your card again", i, m.Name, m.VRF, pub.VRF)
	}
	return &f.Members[i], nil
}

type networkAddSignatureCmd struct {
	Draft      string   `arg:"" help:"The draft that the founders have signed."`
	Signatures []string `arg:"" name:"signature" help:"Founders' signatures, as paradox network sign prints them."`
}

func (n networkAddSignatureCmd) Run(a *app) error {
	f, _, err := readDraft(n.Draft)
	if err != nil {
		return err
	}
	for _, path := range n.Signatures {
		b, err := readSmall(path)
		if err != nil {
			return err
		}
		s, err := network.ParseSignature(b)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errInput, path, err)
		}
		if err := f.AddSignature(s); err != nil {
			return fmt.Errorf("%w: %s: %s; %s is as it was", errDiffers, path, err.Error(), n.Draft) // not as a fault of the input
		}
	}
	signed, missing, err := f.Founders()
	if err != nil {
		return fmt.Errorf("%w: %s: %s", errDiffers, n.Draft, err.Error())
	}
	text := f.DraftJSON(draftSays)
	if len(missing) == 0 {
		text = f.JSON()
	}
	if err := replace(n.Draft, text); err != nil {
		return err
	}
	view := map[string]any{"name": f.Name, "hash": f.Hash().String(), "file": n.Draft, "draft": len(missing) > 0, "signed": signed, "missing": append([]string{}, missing...)}
	return a.print(view, func(w io.Writer) {
		if len(missing) == 0 {
			fmt.Fprintf(w, "all %d founders have signed: %s founds %s %s\n", len(signed), n.Draft, f.Name, f.Hash())
		} else {
			fmt.Fprintf(w, "%s have signed; %s have not\n", strings.Join(signed, ", "), strings.Join(missing, ", "))
		}
	})
}

// readSmall reads a card or a signature; whoever parses it bounds it exactly.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	defer f.Close()
	const enough = 16 << 10
	b, err := io.ReadAll(io.LimitReader(f, enough))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// replace writes a file anew in one step, so that an interrupted command leaves what was there.
func replace(path string, b []byte) error {
	err := os.WriteFile(path+".new", b, 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(path+".new"))
	}
	return nil
}
