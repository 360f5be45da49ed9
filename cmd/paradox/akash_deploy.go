package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/phantom-paradox/paradox/akash"
)

type akashDeployCmd struct {
	onAkash  `embed:""`
	File     string        `arg:"" default:"deploy.sdl.yaml" help:"The deployment file."`
	Deposit  float64       `default:"5" help:"US dollars that the account sets aside for it; what is not spent comes back with close." placeholder:"USD"`
	Provider string        `help:"Take this provider's bid; the cheapest that has what the file requires unless said otherwise." placeholder:"ADDRESS"`
	DSeq     string        `name:"dseq" help:"The account's deployment that is this home's, where an answer was lost and it cannot tell." placeholder:"NUMBER"`
	Window   time.Duration `default:"30s" help:"How long bids are gathered before the cheapest is taken." placeholder:"TIME"`
	Wait     time.Duration `default:"5m" help:"How long to wait for a bid, and for the node to start." placeholder:"TIME"`
	AKT      float64       `name:"akt-usd" help:"Price of an AKT in US dollars, for a file that pays in AKT." placeholder:"USD"`
	Yes      bool          `short:"y" help:"Do not ask."`

	Prices akash.Prices `embed:"" prefix:"usd-"`
}

// Help is what --help says besides.
func (akashDeployCmd) Help() string {
	return `Speaks to Akash's Console API, whose wallet pays, with the key in PARADOX_AKASH_KEY, akash.key or akash.key_file. The home remembers
the deployment, in akash.json: run it again after it was interrupted, after the provider has changed its ports, or with a new
file of the same resources, for instance with another image.`
}

func (c akashDeployCmd) Run(ctx context.Context, a *app) error {
	sdl, err := readSDL(c.File)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	cfg, console, err := c.open(a)
	if err != nil {
		return err
	}
	defer console.Close()
	usd := worth(c.AKT)
	d := &akash.Deployer{
		Console: console, Home: cfg.Home, SDL: string(text), Deposit: c.Deposit, Provider: c.Provider, Adopt: c.DSeq, USD: usd, Window: c.Window, Wait: c.Wait,
		Operator: &akashAsker{a: a, yes: c.Yes, prices: c.Prices, most: mostOf(sdl, usd)},
	}
	s, lot, err := d.Run(ctx)
	if err != nil {
		return err
	}
	view := viewOf(s, lot, usd)
	return a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "Deployment %s runs.\n", view.DSeq)
		view.write(w)
		fmt.Fprintln(w, "\n`paradox akash status` says more, also the address to hand to others; `paradox akash logs --follow` what the node says.")
	})
}

// akashAsker asks the person at the terminal before money moves.
type akashAsker struct {
	a      *app
	yes    bool
	prices akash.Prices
	most   float64 // US dollars a month that the file pays; 0: not known
}

func (q *akashAsker) Note(text string) { fmt.Fprintln(q.a.err, text) }

func (q *akashAsker) Create(s *akash.SDL, deposit float64) error {
	cost, err := akash.CostOf(s, q.prices)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return q.a.confirm(q.yes, func(w io.Writer) {
		fmt.Fprintf(w, "Makes a deployment on Akash. The account sets aside $%.2f, of which what is not spent comes back.\n", deposit)
		fmt.Fprintf(w, "Providers ask some $%.2f a month for it (`paradox akash cost`)", cost.Month)
		if q.most > 0 {
			fmt.Fprintf(w, "; the file pays at most $%.2f", q.most)
		}
		fmt.Fprintln(w, ". You see the bids before one is taken.")
	})
}

func (q *akashAsker) Lease(offers []akash.Offer, chosen *akash.Offer) error {
	show := func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "provider\ta block\ta month\t")
		for _, o := range offers {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", o.ID.Provider, coin(o.Price), dollars(o.Month), o.Lacks)
		}
		t.Flush()
	}
	if chosen == nil {
		show(q.a.err)
		return nil
	}
	return q.a.confirm(q.yes, func(w io.Writer) {
		show(w)
		fmt.Fprintf(w, "Leases from %s for %s a month, until `paradox akash close`.\n", chosen.ID.Provider, dollars(chosen.Month))
	})
}

func (q *akashAsker) Update(dseq string) error {
	return q.a.confirm(q.yes, func(w io.Writer) {
		fmt.Fprintf(w, "Gives deployment %s the file as it is now, and starts the node anew on its volume; the price stays.\n", dseq)
	})
}

// coin is a price as people read it.
func coin(c akash.Coin) string {
	v, err := c.Value()
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%g %s", v, c.Denom)
}

func dollars(usd float64) string {
	if usd == 0 {
		return "–"
	}
	return fmt.Sprintf("$%.2f", usd)
}

// akashView is a deployment as commands show it.
type akashView struct {
	DSeq     string   `json:"dseq"`
	State    string   `json:"state"`
	Provider string   `json:"provider,omitempty"`
	Lease    string   `json:"lease,omitempty"` // its state
	Price    string   `json:"price_a_block,omitempty"`
	Month    float64  `json:"usd_a_month,omitempty"`
	Left     float64  `json:"usd_left,omitempty"`
	Days     float64  `json:"days_left,omitempty"`
	Running  int      `json:"running"`
	Wanted   int      `json:"wanted"`
	URIs     []string `json:"uris"`
	Announce []string `json:"announce"`        // what the node was told
	Stale    []string `json:"stale,omitempty"` // what the lease has now, where that is something else
}

func viewOf(s *akash.State, lot *akash.Lot, usd map[string]float64) *akashView {
	v := &akashView{DSeq: s.DSeq, State: lot.Deployment.State, URIs: []string{}, Announce: s.Announce}
	if v.Announce == nil {
		v.Announce = []string{}
	}
	for _, f := range lot.Escrow.State.Funds {
		if n, err := f.Value(); err == nil {
			v.Left += n * usd[f.Denom]
		}
	}
	lease := lot.Active()
	if lease == nil {
		return v
	}
	v.Provider, v.Lease, v.Price = lease.ID.Provider, lease.State, coin(lease.Price)
	if n, err := lease.Price.Value(); err == nil {
		v.Month = n * usd[lease.Price.Denom] * akash.BlocksAMonth
	}
	if v.Month > 0 {
		v.Days = v.Left / v.Month * 365.25 / 12
	}
	if lease.Status == nil {
		return v
	}
	for _, svc := range lease.Status.Services {
		v.Running, v.Wanted, v.URIs = v.Running+svc.Available, v.Wanted+max(svc.Total, 1), append(v.URIs, svc.URIs...)
	}
	if sdl, err := akash.Parse([]byte(s.SDL)); err == nil {
		if now := akash.Announce(sdl, lease.Status); len(now) > 0 && strings.Join(now, ",") != strings.Join(s.Announce, ",") && !sdl.Announces() {
			v.Stale = now
		}
	}
	return v
}

func (v *akashView) write(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("deployment", "%s, %s", v.DSeq, v.State)
	if v.Provider == "" {
		line("lease", "none")
		return
	}
	line("lease", "%s, %s", v.Provider, v.Lease)
	line("price", "%s a block, %s a month", v.Price, dollars(v.Month))
	if v.Days > 0 {
		line("set aside", "$%.2f, which is %.1f days; the account adds to it while it can", v.Left, v.Days)
	}
	line("running", "%d of %d", v.Running, v.Wanted)
	for _, u := range v.URIs {
		line("api", "http://%s", u)
	}
	for _, m := range v.Announce {
		line("announces", "%s", m)
	}
	for _, m := range v.Stale {
		line("now at", "%s", m)
	}
	if len(v.Stale) > 0 {
		fmt.Fprintln(w, "The lease has other addresses than the node announces: `paradox akash deploy` tells it.")
	}
}
