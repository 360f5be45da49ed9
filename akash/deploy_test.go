package akash

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/phantom-paradox/paradox/akash/akashtest"
)

// An operator says yes to everything, and writes down what it was asked.
type operator struct {
	asked []string
	seen  []Offer
	no    string            // to what it says no
	hook  func(what string) // beside its answer
}

var errNo = errors.New("no, thanks")

func (o *operator) ask(what string) error {
	o.asked = append(o.asked, what)
	if o.hook != nil {
		o.hook(what)
	}
	if o.no == what {
		return errNo
	}
	return nil
}
func (o *operator) Create(*SDL, float64) error { return o.ask("create") }
func (o *operator) Update(string) error        { return o.ask("update") }
func (o *operator) Note(string)                {}
func (o *operator) Lease(offers []Offer, chosen *Offer) error {
	o.seen = offers
	if chosen == nil {
		return nil
	}
	return o.ask("lease " + chosen.ID.Provider)
}

type world struct {
	*testing.T
	server *akashtest.Console
	client *Console
	home   string
	op     *operator
}

func newWorld(t *testing.T) *world {
	s, c := newServer(t)
	return &world{T: t, server: s, client: c, home: t.TempDir(), op: new(operator)}
}

func (w *world) deployer(sdl string) *Deployer {
	return &Deployer{
		Console: w.client, Home: w.home, SDL: sdl, Deposit: 5, Operator: w.op, USD: map[string]float64{"uact": 1e-6},
		Poll: time.Millisecond, Window: time.Nanosecond, Wait: time.Minute, Lost: time.Millisecond,
	}
}

func (w *world) file() string { return string(deployFile(w)) }

func (w *world) deploy() (*State, *Lot, error) { return w.deployer(w.file()).Run(w.Context()) }

// must deploys to the end.
func (w *world) must() *State {
	w.Helper()
	s, lot, err := w.deploy()
	if err != nil {
		w.Fatal(err)
	}
	if lot == nil || lot.Active() == nil || s.Stage != stageLeased {
		w.Fatalf("%+v %+v", s, lot)
	}
	return s
}

// one is the only deployment that there is.
func (w *world) one() akashtest.Deployment {
	w.Helper()
	all := w.server.Deployments()
	if len(all) != 1 {
		w.Fatalf("%d deployments", len(all))
	}
	return all[0]
}

func TestDeploy(t *testing.T) {
	w := newWorld(t)
	s := w.must()
	d := w.one()
	if d.Lease != akashtest.Cheap || !d.Sent || d.Updates != 1 || d.Manifest != s.Manifest {
		t.Errorf("%+v", d)
	}
	want := []string{"/ip4/198.51.100.7/tcp/4001", "/ip4/198.51.100.7/udp/4001/quic-v1"}
	if !slices.Equal(s.Announce, want) || !strings.Contains(d.SDL, AnnounceEnv+"="+strings.Join(want, ",")) {
		t.Errorf("announces %v; the provider has\n%s", s.Announce, d.SDL)
	}
	if !slices.Equal(w.op.asked, []string{"create", "lease " + akashtest.Cheap}) {
		t.Error(w.op.asked)
	}
	if month := w.op.seen[0].Month; month < 7.9 || month > 8.0 { // 18.5 uact, 429,917 blocks a month
		t.Errorf("$%v a month", month)
	}
	info, err := os.Stat(filepath.Join(w.home, StateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	// once more: nothing is asked, made or changed
	w.must()
	if d := w.one(); d.Updates != 1 || len(w.op.asked) != 2 || w.server.Calls("POST") != 2 {
		t.Errorf("%+v %v", d, w.op.asked)
	}
}

// A run that ended at any request goes on with the next, and makes nothing twice. Each request's answer is lost in turn, and then
// each request itself.
func TestARunThatIsCutOffGoesOn(t *testing.T) {
	for _, acted := range []bool{false, true} {
		for at := range 12 {
			w := newWorld(t)
			ctx, cancel := context.WithCancel(t.Context())
			var n atomic.Int64
			var hit atomic.Bool
			for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
				for range 30 {
					w.server.On(m, "/v1/", func(rw http.ResponseWriter, r *http.Request) bool {
						if n.Add(1)-1 != int64(at) {
							return false
						}
						hit.Store(true)
						cut := func(rw http.ResponseWriter, r *http.Request) bool { cancel(); return akashtest.Drop(rw, r) }
						if acted && r.Method == http.MethodPost {
							cut = w.server.After(cut)
						}
						return cut(rw, r)
					})
				}
			}
			_, _, err := w.deployer(w.file()).Run(ctx)
			cancel()
			if hit.Load() && err == nil {
				t.Fatalf("cut %d: no error", at)
			}
			w.must()
			if d := w.one(); d.Lease != akashtest.Cheap || !d.Sent || !strings.Contains(d.SDL, "198.51.100.7") {
				t.Fatalf("cut %d: %+v", at, d)
			}
		}
	}
}

func TestALostAnswerIsLookedFor(t *testing.T) {
	w := newWorld(t)
	if _, err := w.client.Create(t.Context(), "somebody else's", 5); err != nil {
		t.Fatal(err)
	}
	w.server.On(http.MethodPost, "/v1/deployments", w.server.After(akashtest.Says(http.StatusBadGateway, "<html>")))
	w.server.Older()
	_, _, err := w.deploy()
	if err == nil || !strings.Contains(err.Error(), "akash close") {
		t.Fatal(err)
	}
	all := w.server.Deployments()
	if len(all) != 2 || all[1].Lease != "" {
		t.Fatalf("%+v", all)
	}
	if dseq, err := w.deployer(w.file()).Shut(t.Context()); err != nil || dseq != all[1].DSeq {
		t.Error(dseq, err)
	}
	if all = w.server.Deployments(); all[0].State != "active" || all[1].State != "closed" {
		t.Errorf("%+v", all)
	}
}

func TestALostAnswerThatCouldBeSeveral(t *testing.T) {
	w := newWorld(t)
	w.server.On(http.MethodPost, "/v1/deployments", func(rw http.ResponseWriter, r *http.Request) bool {
		if _, err := w.client.Create(t.Context(), "somebody else's, at the same time", 5); err != nil {
			t.Error(err)
		}
		return w.server.After(akashtest.Says(http.StatusBadGateway, "<html>"))(rw, r)
	})
	if _, _, err := w.deploy(); err == nil || !strings.Contains(err.Error(), "1001, 1002; name it with --dseq") {
		t.Fatal(err)
	}
	d := w.deployer(w.file())
	d.Adopt = "1002"
	s, _, err := d.Run(t.Context())
	if err != nil || s.DSeq != "1002" || len(w.server.Deployments()) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestACreationThatIsRefusedLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.server.On(http.MethodPost, "/v1/deployments", akashtest.Says(http.StatusPaymentRequired, `{"error":"PaymentRequiredError","message":"Insufficient balance"}`))
	if _, _, err := w.deploy(); !errors.Is(err, ErrFunds) {
		t.Fatal(err)
	}
	if _, err := LoadState(w.home); !errors.Is(err, ErrNoDeployment) {
		t.Error(err)
	}
	w.op.no = "create"
	if _, _, err := w.deploy(); !errors.Is(err, errNo) || w.server.Calls("POST") != 1 {
		t.Error(err)
	}
}

func TestBids(t *testing.T) {
	const gi = "1073741824"
	big := func(b akashtest.Bid) akashtest.Bid {
		b.State, b.Denom = "open", "uact"
		if b.CPU == "" {
			b.CPU, b.Memory, b.Disk, b.Class = "1000", gi, "10737418240", "beta3"
		}
		return b
	}
	third := strings.Replace(akashtest.Dear, "dear0", "third", 1)
	for name, c := range map[string]struct {
		bids     []akashtest.Bid
		provider string
		takes    string // a provider, or what the error says
	}{
		"the cheapest":       {[]akashtest.Bid{big(akashtest.Bid{Provider: akashtest.Dear, Amount: "20"}), big(akashtest.Bid{Provider: akashtest.Cheap, Amount: "9.5"})}, "", akashtest.Cheap},
		"a chosen one":       {[]akashtest.Bid{big(akashtest.Bid{Provider: akashtest.Dear, Amount: "20"}), big(akashtest.Bid{Provider: akashtest.Cheap, Amount: "9.5"})}, akashtest.Dear, akashtest.Dear},
		"one that has less":  {[]akashtest.Bid{big(akashtest.Bid{Provider: akashtest.Dear, Amount: "20"}), big(akashtest.Bid{Provider: akashtest.Cheap, Amount: "1", CPU: "500", Memory: gi, Disk: "10737418240", Class: "beta3"})}, "", akashtest.Dear},
		"another disk":       {[]akashtest.Bid{big(akashtest.Bid{Provider: third, Amount: "20"}), big(akashtest.Bid{Provider: akashtest.Cheap, Amount: "1", CPU: "1000", Memory: gi, Disk: "10737418240", Class: "beta1"})}, "", third},
		"one that is closed": {[]akashtest.Bid{{Provider: akashtest.Cheap, State: "closed", Denom: "uact", Amount: "1"}, {Provider: akashtest.Dear, State: "open", Denom: "uact", Amount: "2"}}, "", akashtest.Dear},
		"other money":        {[]akashtest.Bid{{Provider: akashtest.Cheap, State: "open", Denom: "uakt", Amount: "1"}, {Provider: akashtest.Dear, State: "open", Denom: "uact", Amount: "2"}}, "", akashtest.Dear},
		"nobody":             {nil, "", "no provider offers"},
		"too dear":           {[]akashtest.Bid{{Provider: akashtest.Cheap, State: "open", Denom: "uact", Amount: "100.5"}}, "", "none of which can be taken"},
		"the chosen has not": {[]akashtest.Bid{{Provider: akashtest.Cheap, State: "open", Denom: "uact", Amount: "1"}}, akashtest.Dear, "has not bid"},
		"the chosen lacks":   {[]akashtest.Bid{{Provider: akashtest.Cheap, State: "open", Denom: "uact", Amount: "101"}}, akashtest.Cheap, "wants more"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.Bidding(c.bids...)
			d := w.deployer(w.file())
			d.Provider, d.Wait = c.provider, time.Nanosecond
			_, _, err := d.Run(t.Context())
			if got := w.one().Lease; got != "" {
				if got != c.takes {
					t.Errorf("takes %s", got)
				}
				return
			}
			if !errors.Is(err, ErrNoOffer) || !strings.Contains(err.Error(), c.takes) {
				t.Error(err)
			}
			if len(w.op.seen) != len(c.bids) {
				t.Errorf("shows %d bids", len(w.op.seen))
			}
		})
	}
}

// Bids may come late: the deployment waits for them.
func TestBidsThatComeLate(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.server.On(http.MethodGet, "/v1/bids", akashtest.Says(http.StatusOK, `{"data":[]}`))
	}
	w.must()
}

func TestABidThatDisappears(t *testing.T) {
	w := newWorld(t)
	w.op.hook = func(what string) {
		if what == "lease "+akashtest.Cheap { // while the operator reads
			w.server.Bidding(akashtest.Bid{Provider: akashtest.Cheap, State: "closed", Denom: "uact", Amount: "18.5"}, akashtest.Bid{Provider: akashtest.Dear, State: "open", Denom: "uact", Amount: "30.5"})
		}
	}
	w.must()
	if w.one().Lease != akashtest.Dear || !slices.Equal(w.op.asked, []string{"create", "lease " + akashtest.Cheap, "lease " + akashtest.Dear}) {
		t.Error(w.op.asked)
	}
}

func TestTheOperatorMayThinkAboutABid(t *testing.T) {
	w := newWorld(t)
	w.op.no = "lease " + akashtest.Cheap
	if _, _, err := w.deploy(); !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	w.op.no = ""
	w.must()
	w.one()
}

func TestAManifestThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.server.RefuseManifests(true)
	for range 2 {
		if _, _, err := w.deploy(); err == nil || !strings.Contains(err.Error(), "has not taken the manifest") || !strings.Contains(err.Error(), "akash close") {
			t.Fatal(err)
		}
	}
	w.server.RefuseManifests(false)
	w.must()
	if len(w.op.asked) != 2 {
		t.Error(w.op.asked)
	}
}

func TestALeaseThatIsClosedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.server.Running(nil)
	d := w.deployer(w.file())
	d.Wait = time.Nanosecond
	if _, _, err := d.Run(t.Context()); !errors.Is(err, ErrNotReady) {
		t.Fatal(err)
	}
	w.server.Change(func(all []*akashtest.Deployment) { all[0].LeaseState = "closed" })
	if _, _, err := w.deploy(); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "lease_closed_provider") {
		t.Fatal(err)
	}
	if _, err := w.deployer(w.file()).Shut(t.Context()); err != nil {
		t.Fatal(err)
	}
	// and the deployment itself, before it had a lease
	w.server.Running(akashtest.Status("198.51.100.7", 4001, 4001))
	w.op.hook = func(what string) {
		if strings.HasPrefix(what, "lease") {
			w.server.Change(func(all []*akashtest.Deployment) { all[1].State = "closed" })
		}
	}
	if _, _, err := w.deploy(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// Where the provider picks the ports, the node announces them, and follows when they change.
func TestAnnouncedAddressesFollowTheLease(t *testing.T) {
	w := newWorld(t)
	w.server.Running(akashtest.Status("", 31234, 32345))
	s := w.must()
	if want := []string{"/dns/provider.example.com/tcp/31234", "/dns/provider.example.com/udp/32345/quic-v1"}; !slices.Equal(s.Announce, want) {
		t.Error(s.Announce)
	}
	w.server.Running(akashtest.Status("", 31234, 30000))
	s = w.must()
	if d := w.one(); d.Updates != 2 || !strings.Contains(d.SDL, "/udp/30000/quic-v1") || strings.Contains(d.SDL, "32345") || s.Announce[1] != "/dns/provider.example.com/udp/30000/quic-v1" {
		t.Errorf("%v\n%s", s.Announce, d.SDL)
	}
	// what the operator's file says is left alone, and a new file is asked about
	own := strings.Replace(w.file(), "- PARADOX_LOG_FORMAT=json", "- PARADOX_LOG_FORMAT=json\n      - "+AnnounceEnv+"=/dns/me.example.org/tcp/1", 1)
	if _, _, err := w.deployer(own).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := w.one(); d.SDL != own || w.op.asked[len(w.op.asked)-1] != "update" {
		t.Errorf("%v\n%s", w.op.asked, d.SDL)
	}
}

func TestAnnounce(t *testing.T) {
	sdl, err := Parse(deployFile(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at   *LeaseStatus
		want []string
	}{
		"nothing known":    {nil, nil},
		"not the API":      {&LeaseStatus{Ports: map[string][]ForwardedPort{"node": {{"p.example.com", 8080, 30000, "TCP"}}}}, nil},
		"not said for TCP": {&LeaseStatus{Ports: map[string][]ForwardedPort{"node": {{"p.example.com", 4001, 30000, ""}}}}, []string{"/dns/p.example.com/tcp/30000", "/dns/p.example.com/udp/30000/quic-v1"}},
		"a host's address": {&LeaseStatus{Ports: map[string][]ForwardedPort{"node": {{"203.0.113.9", 4001, 30000, "tcp"}}}}, []string{"/ip4/203.0.113.9/tcp/30000"}},
		"IPv6":             {&LeaseStatus{IPs: map[string][]LeasedIP{"node": {{"2001:db8::1", 4001, 4001, "UDP"}}}}, []string{"/ip6/2001:db8::1/udp/4001/quic-v1"}},
		"no host":          {&LeaseStatus{Ports: map[string][]ForwardedPort{"node": {{"a/tcp/1,/dns/b", 4001, 1, "TCP"}, {"", 4001, 1, "TCP"}, {"p.example.com", 4001, 0, "TCP"}}}}, nil},
		"another service":  {&LeaseStatus{Ports: map[string][]ForwardedPort{"other": {{"p.example.com", 4001, 30000, "TCP"}}}}, nil},
	} {
		got := Announce(sdl, c.at)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
		for _, m := range got {
			wellFormed(t, m)
		}
	}
}

func wellFormed(t *testing.T, m string) {
	t.Helper()
	if _, err := multiaddr.NewMultiaddr(m); err != nil {
		t.Error(err)
	}
}

func TestShut(t *testing.T) {
	w := newWorld(t)
	if _, err := w.deployer(w.file()).Shut(t.Context()); !errors.Is(err, ErrNoDeployment) {
		t.Error(err)
	}
	s := w.must()
	for range maxRetries + 1 {
		w.server.On(http.MethodDelete, "/v1/deployments", akashtest.Says(http.StatusBadGateway, ""))
	}
	if _, err := w.deployer(w.file()).Shut(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
	if dseq, err := w.deployer(w.file()).Shut(t.Context()); err != nil || dseq != s.DSeq || w.one().State != "closed" {
		t.Error(dseq, err)
	}
	// one that somebody closed elsewhere, or that the account has forgotten
	w.must()
	w.server.Change(func(all []*akashtest.Deployment) { all[1].State = "closed" })
	if _, err := w.deployer(w.file()).Shut(t.Context()); err != nil {
		t.Error(err)
	}
	w.must()
	w.server.Change(func(all []*akashtest.Deployment) { all[2].DSeq = "1" })
	if _, err := w.deployer(w.file()).Shut(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneAtATime(t *testing.T) {
	w := newWorld(t)
	w.op.hook = func(what string) {
		if what != "create" {
			return
		}
		other := w.deployer(w.file())
		other.Operator = new(operator)
		if _, _, err := other.Run(t.Context()); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
	}
	w.must()
	w.one()
}

func TestStateThatIsNone(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"", "{}", `{"version":2,"stage":"created","dseq":"1"}`, `{"version":1,"stage":"done","dseq":"1"}`, `{"version":1,"stage":"created","dseq":"../1"}`, `{"version":1,"stage":"leased","dseq":"1"}`} {
		if err := os.WriteFile(filepath.Join(w.home, StateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.deploy(); err == nil || !strings.Contains(err.Error(), StateFile) || w.server.Calls("") != 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLogs(t *testing.T) {
	w := newWorld(t)
	s := w.must()
	w.server.Saying(`{"name":"node-0","message":"one"}`, "two \x1b[31mred", `{"name":"node-0","message":"three\nfour"}`)
	read := func(ctx context.Context, o LogOptions, until string) (got []string, err error) {
		err = w.client.Logs(ctx, *s.Lease, o, func(service, line string) error {
			got = append(got, strings.TrimPrefix(service+": "+line, ": "))
			if line == until {
				return errNo
			}
			return nil
		})
		return got, err
	}
	want := []string{"node-0: one", "two [31mred", "node-0: three", "node-0: four"}
	if got, err := read(t.Context(), LogOptions{Tail: 10}, ""); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	if got, err := read(t.Context(), LogOptions{Follow: true}, "four"); !errors.Is(err, errNo) || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := w.client.Logs(ctx, *s.Lease, LogOptions{Follow: true}, func(_, line string) error {
		if line == "four" {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.server.Saying(strings.Repeat("x", maxLogFrame+1))
	if _, err := read(t.Context(), LogOptions{}, ""); !errors.Is(err, ErrStream) {
		t.Error(err)
	}
	w.server.On(http.MethodPost, "/v1/create-jwt-token", akashtest.Says(http.StatusCreated, `{"data":{"token":"expired"}}`))
	if _, err := read(t.Context(), LogOptions{}, ""); !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
	w.server.On(http.MethodGet, "/v1/providers", akashtest.Says(http.StatusOK, `{"hostUri":"http://x"}`))
	if _, err := read(t.Context(), LogOptions{}, ""); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
	w.server.Provider.Close()
	if _, err := read(t.Context(), LogOptions{}, ""); !errors.Is(err, ErrStream) {
		t.Error(err)
	}
}
