package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/explorer"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/clients/go/draft"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/config"
)

type intentCmd struct {
	Pay    intentPayCmd    `cmd:"" help:"Pay a wallet."`
	Ask    intentAskCmd    `cmd:"" help:"Offer an item, or goods of a mint, for a price."`
	Buy    intentBuyCmd    `cmd:"" help:"Buy what an ask offers."`
	Cancel intentCancelCmd `cmd:"" help:"Withdraw an intent that has not settled."`
	Issue  intentIssueCmd  `cmd:"" help:"Make an item of your own."`
	Send   intentSendCmd   `cmd:"" help:"Hand in intents that were signed offline."`
	Show   intentShowCmd   `cmd:"" help:"What became of an intent."`
}

type sessionCmd struct {
	Open   sessionOpenCmd   `cmd:"" help:"Let another key spend for the wallet, up to a volume."`
	Revoke sessionRevokeCmd `cmd:"" aliases:"close" help:"End all sessions of a key."`
	List   sessionListCmd   `cmd:"" help:"The live sessions of a wallet."`
}

// handingFlags are what commands that hand intents to a node have in common.
type handingFlags struct {
	asking  `embed:""`
	Network string        `help:"The network file; network.json in the home unless said otherwise." placeholder:"FILE"`
	Yes     bool          `short:"y" help:"Do not ask."`
	Wait    string        `enum:",accepted,settled" default:"" help:"Wait until it is accepted, which the chain may still undo, or settled." placeholder:"STATE"`
	Timeout time.Duration `default:"2m" help:"Give up waiting after so long."`
}

// signingFlags are those of commands that sign an intent.
type signingFlags struct {
	handingFlags `embed:""`
	keyFlags     `embed:""`
	From         string        `help:"The wallet, where the key is a session's." placeholder:"KEY"`
	Nonce        uint64        `help:"The next that the node knows unless said otherwise." placeholder:"N"`
	Life         time.Duration `help:"How long the network may take: 30m, a day for asks, a week for sessions, unless said otherwise." placeholder:"DURATION"`
	Offline      bool          `help:"Ask no node: print the signed intent, for paradox intent send. It needs --nonce."`
}

// A clerk is at work between a wallet and a node.
type clerk struct {
	a      *app
	config *config.Loaded
	net    *intent.Network
	node   *client.Client // nil offline
	site   explorer.Site
	ask    asking

	key   ed25519.PrivateKey // of commands that sign
	frame draft.Frame
}

// errRefused says that a node would not take an intent.
var errRefused = errors.New("refused")

// open reads the network file and, unless offline, finds the node.
func (h handingFlags) open(a *app, offline bool) (*clerk, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	file, err := readNetwork(c.NetworkFile())
	if err != nil {
		return nil, fmt.Errorf("%w; --network names the network file", err)
	}
	k := &clerk{a: a, config: c, net: file.Intents(), ask: h.asking}
	endpoint := ""
	if list := append(c.Chain.RPC, file.RPC...); len(list) > 0 {
		endpoint = list[0]
	}
	k.site = explorer.For(file.Cluster, endpoint)
	if !offline {
		k.node, err = h.client(a)
	}
	return k, err
}

func (k *clerk) close() {
	if k.node != nil {
		k.node.Close()
	}
}

// do signs what draw draws, and hands it in.
func (s signingFlags) do(ctx context.Context, a *app, memo string, draw func(ctx context.Context, k *clerk) (*intent.Intent, error)) error {
	if s.Offline && (s.Nonce == 0 || s.Wait != "") {
		return fmt.Errorf("%w: --offline asks no node: it needs --nonce, and cannot --wait", errInput)
	}
	k, err := s.open(a, s.Offline)
	if err != nil {
		return err
	}
	defer k.close()
	if err := s.prepare(ctx, k, memo); err != nil {
		return err
	}
	i, err := draw(ctx, k)
	if err != nil {
		return k.unreached(err)
	}
	text, err := i.Text(k.net)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	if err := a.confirm(s.Yes, func(w io.Writer) { showText(w, text) }); err != nil {
		return err
	}
	signed, err := intent.Sign(k.key, k.net, *i)
	if err != nil {
		return err
	}
	if s.Offline {
		return k.write(signed)
	}
	return s.handIn(ctx, k, []*intent.Signed{signed})
}

// prepare reads the key and gathers what every intent needs.
func (s signingFlags) prepare(ctx context.Context, k *clerk, memo string) error {
	var err error
	if k.key, err = s.load(k.a, k.config); err != nil {
		return err
	}
	f := draft.Frame{From: publicOf(k.key), Signer: publicOf(k.key), Nonce: s.Nonce, Now: k.a.now(), Lifetime: s.Life, Memo: memo}
	if s.From != "" {
		if f.From, err = intent.ParseKey(s.From); err != nil {
			return fmt.Errorf("%w: --from: %w", errInput, err)
		}
	}
	k.frame = f
	return nil
}

// drawing fills in the nonce, which needs the node where none was said.
func (k *clerk) drawing(ctx context.Context) (*draft.Frame, error) {
	if k.frame.Nonce == 0 && k.node != nil {
		n, err := k.node.Nonce(ctx, k.frame.From, k.frame.Signer)
		if err != nil {
			return nil, fmt.Errorf("asking for the next nonce: %w", err)
		}
		k.frame.Nonce = n.Next
	}
	return &k.frame, nil
}

func (k *clerk) unreached(err error) error { return k.ask.unreached(err) }

// showText shows what is signed as it is signed.
func showText(w io.Writer, text string) {
	fmt.Fprintf(w, "%s\n\nid: %s\n", text, intent.TextID([]byte(text)))
}

// write prints a signed intent, which is no secret: whoever has it can hand it in.
func (k *clerk) write(s *intent.Signed) error {
	b, err := s.JSON(k.net)
	if err != nil {
		return fmt.Errorf("encoding the intent: %w", err)
	}
	_, err = fmt.Fprintf(k.a.out, "%s\n", b)
	return err
}

// handed is what became of an intent that was handed in.
type handed struct {
	ID           intent.ID         `json:"id"`
	Text         string            `json:"text,omitempty"`
	State        string            `json:"state,omitempty"`
	Code         intent.Code       `json:"code,omitempty"`
	Detail       string            `json:"detail,omitempty"`
	Height       uint64            `json:"height,omitempty"`
	Batch        string            `json:"batch,omitempty"`
	Transactions []transactionView `json:"transactions,omitempty"`
}

// handIn submits, waits as long as it should, prints, and fails where an intent was refused or dropped.
func (h handingFlags) handIn(ctx context.Context, k *clerk, list []*intent.Signed) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	results, err := h.submit(ctx, k, list)
	if err != nil {
		return k.unreached(err)
	}
	out, failed := make([]handed, len(list)), error(nil)
	for n, r := range results {
		id, err := list[n].ID(k.net)
		if err != nil {
			return err
		}
		out[n] = handed{ID: id, State: r.State, Code: r.Code, Detail: r.Detail}
		out[n].Text, _ = list[n].Text(k.net) // it has one: it has an id
		if r.Code != "" {
			failed = errors.Join(failed, refusedAs(r))
			continue
		}
		if h.Wait != "" {
			failed = errors.Join(failed, k.await(ctx, &out[n], h.Wait))
		}
	}
	return errors.Join(k.print(out), failed)
}

// submitEvery is how often intents are handed in again that a node refuses because of what it has not seen yet.
const submitEvery = time.Second

// submit hands in; with --wait again and again, as long as all that is refused may be taken in a moment.
func (h handingFlags) submit(ctx context.Context, k *clerk, list []*intent.Signed) ([]client.Result, error) {
	tick := time.NewTicker(submitEvery)
	defer tick.Stop()
	var before []client.Result
	for told := false; ; told = true {
		results, err := k.node.Submit(ctx, list)
		if err != nil && ctx.Err() != nil && before != nil {
			return before, nil // the time was over while it asked again: what the node said before is why
		}
		before = results
		if err != nil || h.Wait == "" || !soon(results) {
			return results, err
		}
		if !told {
			for _, r := range results {
				if r.Code != "" {
					fmt.Fprintf(k.a.err, "%s: %s; handing it in again for up to %s\n", r.Code, r.Detail, h.Timeout)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return results, nil
		}
	}
}

// soon says whether something is refused, and only for what a node may see in a moment: a deposit that is not finalised, a
// session or an ask that has not come to it.
func soon(results []client.Result) (some bool) {
	for _, r := range results {
		switch r.Code {
		case "":
		case intent.NoEntry, intent.UnknownSession, intent.UnknownAsk, intent.UnknownItem, intent.NotYetValid, intent.RateLimited, intent.PoolFull:
			some = true
		default:
			return false
		}
	}
	return some
}

// await follows one intent.
func (k *clerk) await(ctx context.Context, h *handed, state string) error {
	s, err := k.node.Await(ctx, h.ID, state)
	if s != nil {
		k.fill(h, s)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%s is not %s yet (%s); it goes on by itself: paradox intent show %s", h.ID, state, h.why(), h.ID)
	case err != nil:
		return k.unreached(err)
	case s.State == client.Dropped:
		return fmt.Errorf("%w: %s was dropped as %s", errUnhealthy, h.ID, h.Code)
	}
	return nil
}

func (h *handed) why() string {
	switch {
	case h.Code != "" && h.Detail != "":
		return fmt.Sprintf("%s, %s: %s", h.State, h.Code, h.Detail)
	case h.Code != "":
		return fmt.Sprintf("%s, %s", h.State, h.Code)
	case h.State != "":
		return h.State
	}
	return "the node did not say"
}

// fill takes over what a node says of an intent.
func (k *clerk) fill(h *handed, s *client.IntentStatus) {
	h.State, h.Code, h.Detail = s.State, "", ""
	if why := s.Pending; why != nil {
		h.Code, h.Detail = why.Code, why.Detail
	}
	if why := s.Dropped; why != nil {
		h.Code, h.Detail = why.Code, why.Detail
	}
	if s.Accepted != nil {
		h.Height, h.Batch = s.Accepted.Height, s.Accepted.Batch
	}
	if s.Settled == nil {
		return
	}
	for _, text := range s.Settled.Transactions {
		if sig, err := solana.SignatureFromBase58(text); err == nil {
			h.Transactions = append(h.Transactions, transactionView{text, k.site.Transaction(sig)})
		}
	}
}

func (k *clerk) print(list []handed) error {
	var v any = list
	if len(list) == 1 {
		v = list[0]
	}
	return k.a.print(v, func(w io.Writer) {
		for n := range list {
			list[n].text(w)
		}
	})
}

func (h *handed) text(w io.Writer) {
	if h.State == "" {
		return // the error says why
	}
	fmt.Fprintf(w, "%s is %s\n", h.ID, h.why())
	if h.Height > 0 {
		fmt.Fprintf(w, "height %d, batch %s\n", h.Height, h.Batch)
	}
	for _, t := range h.Transactions {
		fmt.Fprintf(w, "transaction %s\n  %s\n", t.Signature, t.Explorer)
	}
}

// refusedAs says why a node would not take an intent, and what to do about it.
func refusedAs(r client.Result) error {
	text := string(r.Code)
	if r.Field != "" {
		text += " (" + r.Field + ")"
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	if remedy := remedyFor(r.Code); remedy != "" {
		text += "; " + remedy
	}
	return fmt.Errorf("%w: %s", errRefused, text)
}

func remedyFor(c intent.Code) string {
	return map[intent.Code]string{
		intent.NoEntry:        "deposit first: paradox wallet deposit AMOUNT MINT; the network counts it some seconds later",
		intent.WrongNetwork:   "is --network the network of this node?",
		intent.NonceUsed:      "leave --nonce out, and the node names the next",
		intent.NotYetValid:    "is this machine's clock right?",
		intent.Expired:        "sign it anew",
		intent.UnknownSession: "open it first: paradox session open; it holds from the next height on",
		intent.SessionVolume:  "open the session anew with a larger volume",
		intent.UnknownAsk:     "it may be sold, withdrawn or expired, or not have come to this node yet",
		intent.RateLimited:    "wait a moment",
		intent.PoolFull:       "wait a moment, or try another --node",
		intent.NotTheOwner:    "paradox intent show of what brought it says whether it is settled",
	}[c]
}

// parseSigned reads an intent's JSON and checks its signature.
func (k *clerk) parseSigned(raw json.RawMessage) (*intent.Signed, error) {
	s, err := intent.ParseJSON(raw, k.net)
	if err == nil {
		err = s.Verify(k.net)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInput, err)
	}
	return s, nil
}
