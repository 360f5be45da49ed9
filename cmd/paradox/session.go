package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
)

type sessionOpenCmd struct {
	Whose        string   `arg:"" name:"session-key" help:"The key that may spend: its address. paradox wallet new --key FILE makes one."`
	Volume       string   `arg:"" help:"How much in all, fees included, in the mint's own unit."`
	Mint         string   `arg:"" help:"Its symbol, or its key."`
	Action       []string `required:"" help:"What it may do: pay, buy, cancel; once for each." placeholder:"ACTION"`
	signingFlags `embed:""`
}

// Help is what --help says besides.
func (sessionOpenCmd) Help() string {
	return `From the next height on the key signs for the wallet: paradox intent pay … --from WALLET --key FILE. It can never withdraw, offer,
issue or open sessions, and spends no more than the volume until the session expires (--life) or is revoked.`
}

func (s sessionOpenCmd) Run(ctx context.Context, a *app) error {
	return s.do(ctx, a, "", func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		return f.Session(k.net, s.Whose, s.Volume, s.Mint, s.Action)
	})
}

type sessionRevokeCmd struct {
	Whose        string `arg:"" name:"session-key" help:"The key's address."`
	signingFlags `embed:""`
}

func (s sessionRevokeCmd) Run(ctx context.Context, a *app) error {
	return s.do(ctx, a, "", func(ctx context.Context, k *clerk) (*intent.Intent, error) {
		f, err := k.drawing(ctx)
		if err != nil {
			return nil, err
		}
		return f.Revoke(k.net, s.Whose)
	})
}

type sessionListCmd struct {
	Address  string `arg:"" optional:"" help:"Of the wallet; your own unless said otherwise."`
	asking   `embed:""`
	keyFlags `embed:""`
	Network  string `help:"The network file; network.json in the home unless said otherwise." placeholder:"FILE"`
}

func (s sessionListCmd) Run(ctx context.Context, a *app) error {
	k, err := handingFlags{asking: s.asking}.open(a, false)
	if err != nil {
		return err
	}
	defer k.close()
	who, err := s.address(a, k.config, s.Address)
	if err != nil {
		return err
	}
	w, err := k.node.Wallet(ctx, who)
	if err != nil {
		return k.unreached(err)
	}
	list := append([]client.Session{}, w.Sessions...)
	return a.print(map[string]any{"wallet": who, "sessions": list, "height": w.Height}, func(out io.Writer) {
		if len(list) == 0 {
			fmt.Fprintf(out, "%s has no sessions\n", who)
			return
		}
		tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "key\tused\tof\tmay\tuntil")
		for _, x := range list {
			m, err := draft.Mint(k.net, x.Mint.String())
			if err != nil {
				m = intent.Mint{Symbol: x.Symbol}
			}
			var may []string
			for _, action := range x.Actions {
				may = append(may, string(action))
			}
			until := time.Unix(x.Expires, 0).UTC().Format("2006-01-02 15:04:05")
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", x.Key, amount(x.Used, m), amount(x.MaxVolume, m), strings.Join(may, " "), until)
		}
		tw.Flush()
	})
}
