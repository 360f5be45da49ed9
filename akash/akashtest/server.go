// Package akashtest is a server of the Console API's shape, and a provider behind it, for tests: what it answers, it answers as
// the documentation says; faults are put before its answers.
package akashtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// Key is the one key that the server knows.
const Key = "a-key-of-this-server"

// Owner and the providers have addresses as the chain makes them.
const (
	Owner = "akash1owner00000000000000000000000000000000000"
	Cheap = "akash1cheap00000000000000000000000000000000000"
	Dear  = "akash1dear000000000000000000000000000000000000"
)

// A Fault is asked before a request is answered; false lets it through.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// A Deployment is one, as the chain has it.
type Deployment struct {
	DSeq, State, SDL, Manifest string
	Lease                      string // the provider; empty: none
	LeaseState                 string
	Sent                       bool // the provider has the manifest
	Updates                    int
}

// A Bid is a provider's.
type Bid struct {
	Provider, State, Denom, Amount string
	CPU, Memory, Disk, Class       string // of the offer; all empty: the offer says nothing
}

// Console is the server.
type Console struct {
	*httptest.Server
	Provider *httptest.Server // with a certificate of its own making

	mu      sync.Mutex
	faults  []trap
	all     []*Deployment
	bids    []Bid
	status  any
	next    int
	calls   []string
	said    []string // what the provider streams
	refused bool
	older   bool
}

// New starts one, with two bids for whatever is deployed, and a lease status as it is with an address of the lease's own.
func New() *Console {
	c := &Console{next: 1001, status: Status("198.51.100.7", 4001, 4001), said: []string{`{"name":"node-0","message":"ready"}`}, bids: []Bid{
		{Provider: Dear, State: "open", Denom: "uact", Amount: "30.5"},
		{Provider: Cheap, State: "open", Denom: "uact", Amount: "18.500000000000000000"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/deployments", c.create)
	mux.HandleFunc("GET /v1/deployments", c.list)
	mux.HandleFunc("GET /v1/deployments/{dseq}", c.get)
	mux.HandleFunc("PUT /v1/deployments/{dseq}", c.update)
	mux.HandleFunc("DELETE /v1/deployments/{dseq}", c.remove)
	mux.HandleFunc("GET /v1/bids", c.list4bids)
	mux.HandleFunc("POST /v1/leases", c.lease)
	mux.HandleFunc("POST /v1/create-jwt-token", c.token)
	mux.HandleFunc("GET /v1/providers/{address}", c.provider)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.fault(w, r) {
			return
		}
		if r.Header.Get("x-api-key") != Key && !strings.HasPrefix(r.URL.Path, "/v1/providers/") {
			no(w, http.StatusUnauthorized, "Unauthorized", "Invalid API key")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	pm := http.NewServeMux()
	pm.HandleFunc("GET /lease/{dseq}/{gseq}/{oseq}/logs", c.logs)
	c.Provider = httptest.NewTLSServer(pm)
	return c
}

// Close ends both.
func (c *Console) Close() {
	c.Server.Close()
	c.Provider.Close()
}

// On puts faults before the next requests of one kind, one each.
func (c *Console) On(method, path string, f ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, do := range f {
		c.faults = append(c.faults, trap{method, path, do})
	}
}

type trap struct {
	method, path string
	do           Fault
}

func (c *Console) fault(w http.ResponseWriter, r *http.Request) bool {
	c.mu.Lock()
	c.calls = append(c.calls, r.Method+" "+r.URL.Path)
	i := slices.IndexFunc(c.faults, func(t trap) bool { return t.method == r.Method && strings.HasPrefix(r.URL.Path, t.path) })
	if i < 0 {
		c.mu.Unlock()
		return false
	}
	do := c.faults[i].do
	c.faults = slices.Delete(c.faults, i, i+1)
	c.mu.Unlock()
	return do(w, r)
}

// Says is a fault that answers so, once.
func Says(status int, body string, header ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// Drop is a fault that ends the connection without an answer.
func Drop(http.ResponseWriter, *http.Request) bool {
	panic(http.ErrAbortHandler)
}

// After is a fault that does what was asked and answers otherwise.
func (c *Console) After(f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/deployments":
			c.create(httptest.NewRecorder(), r)
		case r.Method == http.MethodPost && r.URL.Path == "/v1/leases":
			c.lease(httptest.NewRecorder(), r)
		default:
			panic("After knows creations and leases")
		}
		return f(w, r)
	}
}

// Calls are the requests so far, and how many began with a text.
func (c *Console) Calls(prefix string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.calls {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

// Deployments are those that there are.
func (c *Console) Deployments() (out []Deployment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.all {
		out = append(out, *d)
	}
	return out
}

// Change changes the world.
func (c *Console) Change(f func(all []*Deployment)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.all)
}

// Bidding says who bids.
func (c *Console) Bidding(b ...Bid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bids = b
}

// Running says what the provider says of leases; nil: nothing.
func (c *Console) Running(status any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// Saying says what the provider streams.
func (c *Console) Saying(frames ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = frames
}

// RefuseManifests makes the provider take none from now on, or again.
func (c *Console) RefuseManifests(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = yes
}

// Older makes it one that keeps no manifests: each lease must bring its own.
func (c *Console) Older() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.older = true
}

// Status is a lease's with an address of its own; with an empty one the provider forwards ports of its own.
func Status(ip string, tcp, udp int, uris ...string) any {
	services := map[string]any{"node": map[string]any{"name": "node", "available": 1, "total": 1, "uris": uris,
		"observed_generation": 1, "replicas": 1, "updated_replicas": 1, "ready_replicas": 1, "available_replicas": 1}}
	if ip != "" {
		return map[string]any{"services": services, "forwarded_ports": map[string]any{}, "ips": map[string]any{"node": []any{
			map[string]any{"IP": ip, "Port": 4001, "ExternalPort": tcp, "Protocol": "TCP"},
			map[string]any{"IP": ip, "Port": 4001, "ExternalPort": udp, "Protocol": "UDP"},
		}}}
	}
	return map[string]any{"services": services, "ips": map[string]any{}, "forwarded_ports": map[string]any{"node": []any{
		map[string]any{"host": "provider.example.com", "port": 4001, "externalPort": tcp, "proto": "TCP", "available": 1, "name": "node"},
		map[string]any{"host": "provider.example.com", "port": 4001, "externalPort": udp, "proto": "UDP", "available": 1, "name": "node"},
	}}}
}

func no(w http.ResponseWriter, status int, name, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": name, "message": message})
}

func yes(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

func (c *Console) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Data struct {
			SDL string `json:"sdl"`
		} `json:"data"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Data.SDL == "" {
		no(w, http.StatusBadRequest, "BadRequestError", "Validation error")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := &Deployment{DSeq: strconv.Itoa(c.next), State: "active", SDL: in.Data.SDL, Manifest: fmt.Sprintf("[manifest %d]", c.next)}
	c.next++
	c.all = append(c.all, d)
	yes(w, http.StatusCreated, map[string]any{"dseq": d.DSeq, "manifest": d.Manifest, "signTx": map[string]any{"code": 0, "transactionHash": "AB", "rawLog": "[]"}})
}

func (c *Console) find(dseq string) *Deployment {
	for _, d := range c.all {
		if d.DSeq == dseq {
			return d
		}
	}
	return nil
}

// shape is a deployment as the API shows it.
func (c *Console) shape(d *Deployment, detail bool) map[string]any {
	leases := []any{}
	if d.Lease != "" {
		l := map[string]any{"id": c.id(d.DSeq, d.Lease), "state": d.LeaseState, "price": map[string]any{"denom": "uact", "amount": "18.5"}, "created_at": "92", "closed_on": ""}
		if d.LeaseState == "closed" {
			l["reason"] = "lease_closed_provider"
		}
		if detail {
			l["status"] = nil
			if d.Sent && d.LeaseState == "active" {
				l["status"] = c.status
			}
		}
		leases = append(leases, l)
	}
	return map[string]any{
		"deployment": map[string]any{"id": map[string]any{"owner": Owner, "dseq": d.DSeq}, "state": d.State, "hash": "aGFzaA==", "created_at": "92"}, "leases": leases,
		"escrow_account": map[string]any{"id": map[string]any{"scope": "deployment", "xid": Owner + "/" + d.DSeq}, "state": map[string]any{
			"owner": Owner, "state": "open", "transferred": []any{}, "settled_at": "92", "deposits": []any{}, "funds": []any{map[string]any{"denom": "uact", "amount": "5000000.000000000000000000"}},
		}},
	}
}

func (c *Console) id(dseq, provider string) map[string]any {
	return map[string]any{"owner": Owner, "dseq": dseq, "gseq": 1, "oseq": 1, "provider": provider, "bseq": 92}
}

func (c *Console) list(w http.ResponseWriter, r *http.Request) {
	skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))   // 0
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit")) // 0
	c.mu.Lock()
	defer c.mu.Unlock()
	end := min(skip+limit, len(c.all))
	page := []any{}
	for _, d := range c.all[min(skip, end):end] {
		page = append(page, c.shape(d, false))
	}
	yes(w, http.StatusOK, map[string]any{"deployments": page, "pagination": map[string]any{"total": len(c.all), "skip": skip, "limit": limit, "hasMore": end < len(c.all)}})
}

// with answers with a deployment, after a change of it; 404 where there is none.
func (c *Console) with(w http.ResponseWriter, dseq string, change func(*Deployment) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.find(dseq)
	if d == nil {
		no(w, http.StatusNotFound, "NotFoundError", "Deployment not found")
		return
	}
	if change(d) {
		yes(w, http.StatusOK, c.shape(d, true))
	}
}

func (c *Console) get(w http.ResponseWriter, r *http.Request) {
	c.with(w, r.PathValue("dseq"), func(*Deployment) bool { return true })
}

func (c *Console) update(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Data struct {
			SDL string `json:"sdl"`
		} `json:"data"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Data.SDL == "" {
		no(w, http.StatusBadRequest, "BadRequestError", "Validation error")
		return
	}
	c.with(w, r.PathValue("dseq"), func(d *Deployment) bool {
		if d.State != "active" {
			no(w, http.StatusBadRequest, "BadRequestError", "Deployment closed")
			return false
		}
		d.SDL, d.Updates = in.Data.SDL, d.Updates+1
		return true
	})
}

func (c *Console) remove(w http.ResponseWriter, r *http.Request) {
	c.with(w, r.PathValue("dseq"), func(d *Deployment) bool {
		d.State = "closed"
		if d.Lease != "" {
			d.LeaseState = "closed"
		}
		yes(w, http.StatusOK, map[string]any{"success": true})
		return false
	})
}

func (c *Console) list4bids(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dseq := r.URL.Query().Get("dseq")
	out := []any{}
	for _, b := range c.bids {
		offer := []any{}
		if b.CPU != "" {
			offer = append(offer, map[string]any{"count": 1, "resources": map[string]any{
				"cpu": map[string]any{"units": map[string]any{"val": b.CPU}, "attributes": []any{}}, "gpu": map[string]any{"units": map[string]any{"val": "0"}, "attributes": []any{}},
				"memory": map[string]any{"quantity": map[string]any{"val": b.Memory}, "attributes": []any{}}, "endpoints": []any{map[string]any{"kind": "LEASED_IP", "sequence_number": 2}},
				"storage": []any{
					map[string]any{"name": "default", "quantity": map[string]any{"val": "536870912"}, "attributes": []any{}},
					map[string]any{"name": "data", "quantity": map[string]any{"val": b.Disk}, "attributes": []any{map[string]any{"key": "class", "value": b.Class}, map[string]any{"key": "persistent", "value": "true"}}},
				},
			}})
		}
		out = append(out, map[string]any{"bid": map[string]any{"id": c.id(dseq, b.Provider), "state": b.State, "price": map[string]any{"denom": b.Denom, "amount": b.Amount}, "created_at": "92", "resources_offer": offer},
			"escrow_account": map[string]any{"id": map[string]any{"scope": "bid", "xid": "1"}, "state": map[string]any{"owner": b.Provider, "state": "open"}}})
	}
	yes(w, http.StatusOK, out)
}

func (c *Console) lease(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Manifest string `json:"manifest"`
		Leases   []struct {
			DSeq     string `json:"dseq"`
			GSeq     int    `json:"gseq"`
			OSeq     int    `json:"oseq"`
			Provider string `json:"provider"`
		} `json:"leases"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || len(in.Leases) != 1 || in.Leases[0].GSeq != 1 || in.Leases[0].OSeq != 1 {
		no(w, http.StatusBadRequest, "BadRequestError", "Validation error")
		return
	}
	l := in.Leases[0]
	c.with(w, l.DSeq, func(d *Deployment) bool {
		open := slices.ContainsFunc(c.bids, func(b Bid) bool { return b.Provider == l.Provider && b.State == "open" })
		switch {
		case in.Manifest != d.Manifest && (in.Manifest != "" || c.older):
			no(w, http.StatusUnprocessableEntity, "UnprocessableEntityError", "No manifest to send for lease")
			return false
		case d.State != "active":
			no(w, http.StatusBadRequest, "BadRequestError", "Failed to create lease: Deployment closed")
			return false
		case d.Lease == "" && !open:
			no(w, http.StatusBadRequest, "BadRequestError", "Cannot create lease: The selected bid is no longer open. Please refresh and select an available bid.")
			return false
		}
		if d.Lease == "" {
			d.Lease, d.LeaseState = l.Provider, "active"
		}
		if c.refused {
			no(w, http.StatusUnprocessableEntity, "UnprocessableEntityError", "The lease for deployment "+d.DSeq+" exists, but provider "+d.Lease+" did not receive its manifest.")
			return false
		}
		d.Sent = true
		return true
	})
}

// bearer is what the server's tokens are.
const bearer = "eyJhbGciOiJFUzI1NksifQ.e30.c2ln"

func (c *Console) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Data struct {
			TTL    int `json:"ttl"`
			Leases struct {
				Access      string `json:"access"`
				Permissions []struct {
					Provider, Access string
					Scope            []string
				} `json:"permissions"`
			} `json:"leases"`
		} `json:"data"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Data.TTL <= 0 || in.Data.Leases.Access != "granular" || len(in.Data.Leases.Permissions) != 1 ||
		!slices.Equal(in.Data.Leases.Permissions[0].Scope, []string{"logs"}) {
		no(w, http.StatusBadRequest, "BadRequestError", "Validation error")
		return
	}
	yes(w, http.StatusCreated, map[string]any{"token": bearer})
}

func (c *Console) provider(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{"owner": r.PathValue("address"), "hostUri": c.Provider.URL})
}

func (c *Console) logs(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+bearer {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	c.mu.Lock()
	frames := slices.Clone(c.said)
	c.mu.Unlock()
	for _, f := range frames {
		if conn.WriteMessage(websocket.TextMessage, []byte(f)) != nil {
			return
		}
	}
	if r.URL.Query().Get("follow") == "true" { // until the other side goes
		_, _, _ = conn.ReadMessage() // whatever ends it
		return
	}
	_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")) // the end
	_, _, _ = conn.ReadMessage()                                                                                  // the other side's close
}
