package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/wallet"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
)

type walletHistoryCmd struct {
	Address    string `arg:"" optional:"" help:"Whose; your own unless said otherwise."`
	vaultFlags `embed:""`
	keyFlags   `embed:""`
}

// Help is what --help says besides.
func (walletHistoryCmd) Help() string {
	return `Everything that happened to the wallet in the vault, the oldest first. It is read from the cluster alone: the vault's transactions are
followed from the first on and checked against the vault's account, so that nothing can be missing or invented. It reads every
transaction that the vault ever had, and needs an RPC endpoint that keeps them.`
}

// happening is one line of a history.
type happening struct {
	What         string            `json:"what"`
	Slot         uint64            `json:"slot"`
	Time         int64             `json:"time,omitempty"` // unix seconds, where the endpoint knows it
	Height       uint64            `json:"height,omitempty"`
	Event        string            `json:"event"`
	Mint         intent.Key        `json:"mint"`
	Symbol       string            `json:"symbol"`
	Entry        uint32            `json:"entry"`
	Amount       string            `json:"amount,omitempty"` // base units; negative of a settlement that took
	Transactions []transactionView `json:"transactions"`

	shown string
}

func (h walletHistoryCmd) Run(ctx context.Context, a *app) error {
	return h.vaultFlags.do(ctx, a, func(ctx context.Context, t *teller) error {
		who, err := h.address(a, t.config, h.Address)
		if err != nil {
			return err
		}
		list, err := t.history(ctx, who)
		if errors.Is(err, wallet.ErrPruned) {
			return fmt.Errorf("%w; wait until what is newest is finalised, or name an endpoint that keeps history with --rpc; any node tells its own at /api/wallets/%s/history", err, who)
		}
		if err != nil {
			return err
		}
		out := []happening{}
		for i := range list {
			out = append(out, t.happening(&list[i]))
		}
		return a.print(map[string]any{"wallet": who, "history": out}, func(w io.Writer) { historyText(w, who, out) })
	})
}

// finality is how long what is newest may take until it is finalised, and the history with it.
const finality = 20 * time.Second

// history reads it, again while the cluster finalises what is newest.
func (t *teller) history(ctx context.Context, who intent.Key) ([]wallet.Happening, error) {
	tick := time.NewTicker(withdrawEvery)
	defer tick.Stop()
	late := t.a.now().Add(finality)
	for {
		list, err := t.client.History(ctx, chain.Founding(t.file), who)
		if !errors.Is(err, wallet.ErrPruned) || t.a.now().After(late) {
			return list, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (t *teller) happening(h *wallet.Happening) happening {
	m, err := draft.Mint(t.net, h.Mint.String())
	if err != nil { // a purse that the network file does not know
		m = intent.Mint{Mint: h.Mint, Symbol: "?"}
	}
	out := happening{
		What: h.What, Slot: h.Slot, Time: h.Time, Height: h.Height, Event: strconv.FormatUint(h.Number, 10), Mint: h.Mint, Symbol: m.Symbol, Entry: h.Entry,
	}
	if h.Amount > 0 {
		out.Amount, out.shown = strconv.FormatUint(h.Amount, 10), amount(h.Amount, m)
	}
	if h.Minus {
		out.Amount, out.shown = "-"+out.Amount, "-"+out.shown
	}
	for _, s := range h.Signatures {
		sig, err := solana.SignatureFromBase58(s)
		if err == nil {
			out.Transactions = append(out.Transactions, transactionView{s, t.site.Transaction(sig)})
		}
	}
	return out
}

func historyText(w io.Writer, who intent.Key, list []happening) {
	if len(list) == 0 {
		fmt.Fprintf(w, "Nothing ever happened to %s in the vault.\n", who)
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "time\tslot\twhat\tamount\tlast transaction")
	for _, h := range list {
		when, what, last := "", h.What, ""
		if h.Time > 0 {
			when = time.Unix(h.Time, 0).UTC().Format("2006-01-02 15:04:05")
		}
		if h.Height > 0 {
			what = fmt.Sprintf("%s in height %d", h.What, h.Height)
		}
		if n := len(h.Transactions); n > 0 {
			last = h.Transactions[n-1].Explorer
		}
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\n", when, h.Slot, what, h.shown, last)
	}
	tw.Flush()
}
