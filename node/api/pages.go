package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/internal/legible"
)

// The pages of one round, one wallet and one intent: made here, without scripts, from what the API answers. html/template makes
// text of everything; plain takes out what would turn its surroundings.

// pageIntents is how many intents or happenings a page lists.
const pageIntents = 50

// A leaf is a page below the status page.
type leaf struct {
	Title, Name, Version string
	Raw                  string // the same as JSON
	Again                bool   // it will change soon
	Problem              string

	network *Network

	Round     *Round
	Flows     []flow
	Intents   []listed
	Wallet    *Wallet
	History   []Happening
	Statement *Statement
	Next      string
	Intent    *IntentStatus
	Fields    []field
	Mood      string
	Why       string
}

// flow is what a round moves of a mint.
type flow struct{ Symbol, Net, Picture string }

// listed is an intent in a list.
type listed struct {
	ID   intent.ID
	Kind string
	From intent.Key
	To   *intent.Key
	What string
}

// field is one line of an intent; Key says that it is a wallet's.
type field struct {
	Name, Value string
	Key         bool
}

// plain is what the network said, as text in a line.
func plain(v any) string { return legible.Line(fmt.Sprint(v)) }

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s" }

// Named is a member's name, or the ends of a key.
func (l *leaf) Named(key intent.Key) string {
	return sight{Members: l.network.Members}.Named(key)
}

func (l *leaf) mint(key intent.Key) intent.Mint {
	for _, m := range l.network.Mints {
		if m.Mint == key {
			return m
		}
	}
	return intent.Mint{Mint: key, Symbol: short(key)}
}

// Symbol names a mint.
func (l *leaf) Symbol(key *intent.Key) string { return l.mint(*key).Symbol }

// Amount is base units in the mint's own.
func (l *leaf) Amount(key any, n any) string {
	var mint intent.Mint
	switch k := key.(type) {
	case intent.Key:
		mint = l.mint(k)
	case *intent.Key:
		mint = l.mint(*k)
	}
	switch v := n.(type) {
	case Decimal:
		return inUnits(strconv.FormatUint(uint64(v), 10), mint.Decimals)
	case *Decimal:
		return inUnits(strconv.FormatUint(uint64(*v), 10), mint.Decimals)
	default:
		return inUnits(fmt.Sprint(n), mint.Decimals)
	}
}

// Goods is what an intent delivers or makes: an item by its name, or an amount of a mint.
func (l *leaf) Goods(x StatementIntent) string {
	if x.Quantity != nil {
		if key, err := intent.ParseKey(x.Item); err == nil {
			return l.Amount(key, *x.Quantity) + " " + l.mint(key).Symbol
		}
	}
	if _, name, found := strings.Cut(x.Item, "/"); found {
		return name
	}
	return x.Item
}

// inUnits puts the point into a number of base units.
func inUnits(text string, decimals uint8) string {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return text
	}
	s := n.String()
	if d := int(decimals); d > 0 {
		s = strings.Repeat("0", max(0, d+1-len(s))) + s
		s = strings.TrimRight(strings.TrimRight(s[:len(s)-d]+"."+s[len(s)-d:], "0"), ".")
	}
	whole, part, found := strings.Cut(s, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "\u202f" + whole[at:] // a narrow space between thousands
	}
	if found {
		return whole + "." + part
	}
	return whole
}

func (p *page) registerLeaves(s *Server) {
	s.mux.HandleFunc("GET /round/{height}", s.leaf("round", s.roundPage))
	s.mux.HandleFunc("GET /wallet/{key}", s.leaf("wallet", s.walletPage))
	s.mux.HandleFunc("GET /wallet/{key}/{height}", s.leaf("statement", s.statementPage))
	s.mux.HandleFunc("GET /intent/{id}", s.leaf("intent", s.intentPage))
	s.mux.HandleFunc("GET /find", s.find)
}

// leaf serves one kind of page; what is not there has a page too.
func (s *Server) leaf(name string, fill func(ctx context.Context, r *http.Request, l *leaf) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		l := &leaf{Name: s.net.Name, Version: s.version, Title: "Not here"}
		n, err := s.backend.Network(ctx)
		if l.network = n; err == nil {
			err = fill(ctx, r, l)
		}
		status := http.StatusOK
		if err != nil {
			var p *Problem
			if !errors.As(s.asProblem(err, "this node does not know it"), &p) {
				p = newProblem(http.StatusInternalServerError, codeInternal, "the node could not answer; its log says why")
			}
			l = &leaf{Name: s.net.Name, Version: s.version, Title: "Not here", Problem: p.Detail, network: n}
			name, status = "problem", p.Status
		}
		s.writePage(w, status, name, l)
	}
}

// writePage makes a page of a template, whole before its first byte is sent.
func (s *Server) writePage(w http.ResponseWriter, status int, name string, v any) {
	var b bytes.Buffer
	if err := s.page.index.ExecuteTemplate(&b, name, v); err != nil {
		s.log.Error("a page could not be made", "page", name, "err", err)
		newProblem(http.StatusInternalServerError, codeInternal, "the page could not be made; the node's log says why").write(w)
		return
	}
	h := w.Header()
	h.Del("Access-Control-Allow-Origin") // the page is for people, not for other pages
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client has gone if this fails
}

func (s *Server) roundPage(ctx context.Context, r *http.Request, l *leaf) error {
	height, err := parseHeight(r.PathValue("height"))
	if err != nil {
		return err
	}
	if l.Round, err = s.backend.Round(ctx, height); err != nil {
		return err
	}
	l.Title, l.Raw = fmt.Sprintf("Round %d", height), fmt.Sprintf("/api/rounds/%d", height)
	l.Again = l.Round.Settlement.State != "settled" && l.Round.Settlement.State != "dropped"
	for _, text := range slices.Sorted(maps.Keys(l.Round.Outcome.Gross)) {
		key, err := intent.ParseKey(text)
		if err != nil {
			continue
		}
		l.Flows = append(l.Flows, flow{l.mint(key).Symbol, l.Amount(key, l.Round.Outcome.Net[text]),
			fmt.Sprintf("/api/rounds/%d/netting.svg?mint=%s", height, url.QueryEscape(text))})
	}
	batch, err := s.backend.Batch(ctx, l.Round.Header.Batch, Page{Limit: pageIntents, After: cursor(r)})
	if err != nil {
		return nil //nolint:nilerr // a node from a snapshot has the round and not its batch; the page says so
	}
	l.Next = batch.Next
	for _, i := range batch.Intents {
		l.Intents = append(l.Intents, l.list(i))
	}
	return nil
}

// cursor is where a list goes on.
func cursor(r *http.Request) string {
	after := r.URL.Query().Get("after")
	return after[:min(len(after), maxCursor)]
}

// list makes a line of an intent.
func (l *leaf) list(i BatchIntent) listed {
	out := listed{ID: i.ID}
	var f struct {
		Kind         string
		From         intent.Key
		To, Mint     *intent.Key
		Amount, Item string
	}
	if json.Unmarshal(i.Intent, &f) != nil {
		return out
	}
	out.Kind, out.From, out.To = f.Kind, f.From, f.To
	switch {
	case f.Mint != nil && f.Amount != "":
		out.What = l.Amount(f.Mint, f.Amount) + " " + l.mint(*f.Mint).Symbol
	case f.Item != "":
		_, name, found := strings.Cut(f.Item, "/")
		if out.What = f.Item; found {
			out.What = name
		}
	}
	return out
}

func (s *Server) walletPage(ctx context.Context, r *http.Request, l *leaf) error {
	key, err := parseKey("key", r.PathValue("key"))
	if err != nil {
		return err
	}
	if l.Wallet, err = s.backend.Wallet(ctx, key, Page{Limit: pageIntents}); err != nil {
		return err
	}
	history, err := s.backend.History(ctx, key, Page{Limit: pageIntents, After: cursor(r)})
	if err != nil {
		return err
	}
	l.Title, l.Raw, l.History, l.Next = "Wallet "+short(key), "/api/wallets/"+key.String(), history.History, history.Next
	return nil
}

func (s *Server) statementPage(ctx context.Context, r *http.Request, l *leaf) error {
	key, err := parseKey("key", r.PathValue("key"))
	if err != nil {
		return err
	}
	height, err := parseHeight(r.PathValue("height"))
	if err != nil {
		return err
	}
	if l.Statement, err = s.backend.Statement(ctx, height, key, Page{Limit: pageIntents, After: cursor(r)}); err != nil {
		return err
	}
	l.Title, l.Raw, l.Next = fmt.Sprintf("Statement of height %d", height), fmt.Sprintf("/api/rounds/%d/wallets/%s", height, key), l.Statement.Next
	return nil
}

func (s *Server) intentPage(ctx context.Context, r *http.Request, l *leaf) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if l.Intent, err = s.backend.Intent(ctx, id); err != nil {
		return err
	}
	l.Title, l.Raw, l.Fields = "Intent "+short(id), "/api/intents/"+id.String(), l.fields(l.Intent.Intent)
	l.Again = l.Intent.State == Pending || l.Intent.State == Accepted
	switch i := l.Intent; {
	case i.State == Settled:
		l.Mood, l.Why = Healthy, "applied on chain and finalised"
	case i.State == Accepted:
		l.Mood, l.Why = Degraded, "decided by the committee; revocable until it is settled"
	case i.Pending != nil:
		l.Mood, l.Why = Degraded, string(i.Pending.Code)+": "+i.Pending.Detail
	case i.Dropped != nil:
		l.Mood, l.Why = Unhealthy, string(i.Dropped.Code)+" "+i.Dropped.Detail
	default:
		l.Mood, l.Why = Degraded, "waits in the pool"
	}
	return nil
}

// fields are an intent's own, in the order of the spec; amounts are in the mint's units.
func (l *leaf) fields(raw IntentJSON) []field {
	var all map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&all) != nil {
		return nil
	}
	var mint *intent.Key
	if text, ok := all["mint"].(string); ok {
		if key, err := intent.ParseKey(text); err == nil {
			mint = &key
		}
	}
	var out []field
	for _, name := range []string{"kind", "from", "signer", "to", "amount", "fee", "mint", "item", "quantity", "ask", "max_volume", "actions", "nonce", "created", "expires", "memo"} {
		v, ok := all[name]
		if !ok {
			continue
		}
		f := field{Name: name, Value: fmt.Sprint(v)}
		switch name {
		case "from", "to":
			f.Key = true
		case "amount", "fee", "max_volume":
			if mint != nil {
				f.Value = l.Amount(mint, v) + " " + l.Symbol(mint)
			}
		case "created", "expires":
			if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
				f.Value = time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05 UTC")
			}
		}
		out = append(out, f)
	}
	return out
}

// find leads from what somebody typed to its page.
func (s *Server) find(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if n, err := parseHeight(strings.TrimPrefix(q, "#")); err == nil {
		http.Redirect(w, r, "/round/"+strconv.FormatUint(n, 10), http.StatusSeeOther)
		return
	}
	if id, err := intent.ParseID(q); err == nil {
		http.Redirect(w, r, "/intent/"+id.String(), http.StatusSeeOther)
		return
	}
	if key, err := intent.ParseKey(q); err == nil {
		http.Redirect(w, r, "/wallet/"+key.String(), http.StatusSeeOther)
		return
	}
	s.writePage(w, http.StatusBadRequest, "problem", &leaf{Name: s.net.Name, Version: s.version, Title: "Not here",
		Problem: "that is no height, no intent's id and no wallet's key"})
}
