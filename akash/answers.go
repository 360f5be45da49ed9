package akash

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The API's answers, as far as they are used; fields that are not known are passed over, for the API grows. The shapes are those
// of its documentation and of its schemas (docs/decisions/0010-akash.md says where).

// Created is a new deployment.
type Created struct {
	DSeq     string `json:"dseq"`
	Manifest string `json:"manifest"` // what providers are handed
}

// A LeaseID names a lease, and the bid that it came from.
type LeaseID struct {
	DSeq     string `json:"dseq"`
	GSeq     uint32 `json:"gseq"`
	OSeq     uint32 `json:"oseq"`
	Provider string `json:"provider"`
}

// A Coin is an amount of the chain's money, in millionths.
type Coin struct {
	Denom  string `json:"denom"`
	Amount string `json:"amount"`
}

// Value is the amount as a number.
func (c Coin) Value() (float64, error) {
	f, err := strconv.ParseFloat(c.Amount, 64)
	if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, fmt.Errorf("%w: the amount %q", ErrAnswer, printable(c.Amount))
	}
	return f, nil
}

// A Lot is a deployment as the account has it.
type Lot struct {
	Deployment struct {
		ID struct {
			DSeq string `json:"dseq"`
		} `json:"id"`
		State string `json:"state"`
	} `json:"deployment"`
	Leases []Lease `json:"leases"`
	Escrow struct {
		State struct {
			Funds []Coin `json:"funds"`
		} `json:"state"`
	} `json:"escrow_account"`
}

// A Lease is a provider's word, and what it says of the container.
type Lease struct {
	ID     LeaseID      `json:"id"`
	State  string       `json:"state"`
	Price  Coin         `json:"price"` // for a block
	Reason string       `json:"reason"`
	Status *LeaseStatus `json:"status"` // nil: the provider was not asked, or did not say
}

// LeaseStatus is what a provider says of a lease.
type LeaseStatus struct {
	Services map[string]ServiceStatus   `json:"services"`
	Ports    map[string][]ForwardedPort `json:"forwarded_ports"`
	IPs      map[string][]LeasedIP      `json:"ips"`
}

// ServiceStatus is what a provider says of one service.
type ServiceStatus struct {
	Available int      `json:"available"`
	Total     int      `json:"total"`
	URIs      []string `json:"uris"`
}

// ForwardedPort is a port of the provider's that leads to one of the container's.
type ForwardedPort struct {
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	External uint16 `json:"externalPort"`
	Proto    string `json:"proto"` // TCP, UDP, or not said
}

// LeasedIP is a port of an address of the lease's own.
type LeasedIP struct {
	IP       string `json:"IP"`
	Port     uint16 `json:"Port"`
	External uint16 `json:"ExternalPort"`
	Proto    string `json:"Protocol"`
}

// A Bid is a provider's offer.
type Bid struct {
	ID    LeaseID `json:"id"`
	State string  `json:"state"`
	Price Coin    `json:"price"` // for a block
	Offer []struct {
		Resources offered `json:"resources"`
		Count     uint32  `json:"count"`
	} `json:"resources_offer"`
}

type quantity struct {
	Val string `json:"val"`
}

type offered struct {
	CPU struct {
		Units quantity `json:"units"`
	} `json:"cpu"`
	Memory struct {
		Quantity quantity `json:"quantity"`
	} `json:"memory"`
	Storage []struct {
		Name       string   `json:"name"`
		Quantity   quantity `json:"quantity"`
		Attributes []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"attributes"`
	} `json:"storage"`
}

// States that the chain has words for.
const (
	stateActive, stateOpen = "active", "open"
)

// What an answer is held against before anything of it is used in a path, shown or kept.
var (
	dseqShape     = regexp.MustCompile(`^[0-9]{1,20}$`)
	providerShape = regexp.MustCompile(`^akash1[0-9a-z]{38,58}$`)
	wordShape     = regexp.MustCompile(`^[a-z_]{0,32}$`)
	denomShape    = regexp.MustCompile(`^[A-Za-z0-9/:._-]{1,128}$`)
	tokenShape    = regexp.MustCompile(`^[A-Za-z0-9_.=-]+$`)
)

const (
	maxManifest = 1 << 20
	maxToken    = 8 << 10
	maxBids     = 1_000 // Akash has some hundred providers
	maxLeases   = 16
	maxPorts    = 64
)

// envelope reads {"data": …} into out.
func envelope(b []byte, out any) error {
	var e struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return fmt.Errorf("%w: %s", ErrAnswer, printable(err.Error()))
	}
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return fmt.Errorf("%w: no data", ErrAnswer)
	}
	if err := json.Unmarshal(e.Data, out); err != nil {
		return fmt.Errorf("%w: %s", ErrAnswer, printable(err.Error()))
	}
	return nil
}

func parseCreated(b []byte) (*Created, error) {
	c := new(Created)
	if err := envelope(b, c); err != nil {
		return nil, err
	}
	if !dseqShape.MatchString(c.DSeq) || c.Manifest == "" || len(c.Manifest) > maxManifest {
		return nil, fmt.Errorf("%w: a new deployment without number or manifest", ErrAnswer)
	}
	return c, nil
}

func parseLot(b []byte, dseq string) (*Lot, error) {
	l := new(Lot)
	if err := envelope(b, l); err != nil {
		return nil, err
	}
	if l.Deployment.ID.DSeq != dseq {
		return nil, fmt.Errorf("%w: another deployment than was asked for", ErrAnswer)
	}
	return l, l.check()
}

func parseLots(b []byte) (lots []Lot, more bool, err error) {
	var list struct {
		Deployments []Lot `json:"deployments"`
		Pagination  struct {
			HasMore bool `json:"hasMore"`
		} `json:"pagination"`
	}
	if err := envelope(b, &list); err != nil {
		return nil, false, err
	}
	for i := range list.Deployments {
		if err := list.Deployments[i].check(); err != nil {
			return nil, false, err
		}
	}
	return list.Deployments, list.Pagination.HasMore, nil
}

func (l *Lot) check() error {
	if !dseqShape.MatchString(l.Deployment.ID.DSeq) || !wordShape.MatchString(l.Deployment.State) || len(l.Leases) > maxLeases {
		return fmt.Errorf("%w: a deployment without number or state", ErrAnswer)
	}
	for _, f := range l.Escrow.State.Funds {
		if err := f.check(); err != nil {
			return err
		}
	}
	for i := range l.Leases {
		if err := l.Leases[i].check(l.Deployment.ID.DSeq); err != nil {
			return err
		}
	}
	return nil
}

func (c Coin) check() error {
	if !denomShape.MatchString(c.Denom) {
		return fmt.Errorf("%w: money called %q", ErrAnswer, printable(c.Denom))
	}
	_, err := c.Value()
	return err
}

func (l *Lease) check(dseq string) error {
	if err := l.ID.check(dseq); err != nil {
		return err
	}
	if !wordShape.MatchString(l.State) {
		return fmt.Errorf("%w: a lease without state", ErrAnswer)
	}
	l.Reason = printable(l.Reason)
	if l.Status == nil {
		return l.Price.check()
	}
	for name, s := range l.Status.Services {
		for i, u := range s.URIs {
			s.URIs[i] = printable(u)
		}
		if len(s.URIs) > maxPorts || len(name) > maxMessage {
			return fmt.Errorf("%w: too many addresses", ErrAnswer)
		}
	}
	ports := 0
	for _, p := range l.Status.Ports {
		ports += len(p)
	}
	for _, p := range l.Status.IPs {
		ports += len(p)
	}
	if ports > maxPorts {
		return fmt.Errorf("%w: %d ports", ErrAnswer, ports)
	}
	return l.Price.check()
}

func (id LeaseID) check(dseq string) error {
	if id.DSeq != dseq || id.GSeq == 0 || id.OSeq == 0 || !providerShape.MatchString(id.Provider) {
		return fmt.Errorf("%w: a lease or bid that is not this deployment's, or of no provider", ErrAnswer)
	}
	return nil
}

func parseBids(b []byte, dseq string) ([]Bid, error) {
	var list []struct {
		Bid Bid `json:"bid"`
	}
	if err := envelope(b, &list); err != nil {
		return nil, err
	}
	if len(list) > maxBids {
		return nil, fmt.Errorf("%w: %d bids", ErrAnswer, len(list))
	}
	var out []Bid
	for _, e := range list {
		if err := e.Bid.ID.check(dseq); err != nil {
			return nil, err
		}
		if err := e.Bid.Price.check(); err != nil {
			return nil, err
		}
		if !wordShape.MatchString(e.Bid.State) {
			return nil, fmt.Errorf("%w: a bid without state", ErrAnswer)
		}
		out = append(out, e.Bid)
	}
	return out, nil
}

func parseRemoved(b []byte) error {
	var done struct {
		Success bool `json:"success"`
	}
	if err := envelope(b, &done); err != nil {
		return err
	}
	if !done.Success {
		return fmt.Errorf("%w: the deployment is not closed, it says, and not why", ErrAnswer)
	}
	return nil
}

// parseProvider reads the one answer that has no envelope.
func parseProvider(b []byte) (*url.URL, error) {
	var p struct {
		HostURI string `json:"hostUri"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAnswer, printable(err.Error()))
	}
	u, err := url.Parse(p.HostURI)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%w: the provider's address %q", ErrAnswer, printable(p.HostURI))
	}
	return u, nil
}

func parseToken(b []byte) (string, error) {
	var t struct {
		Token string `json:"token"`
	}
	if err := envelope(b, &t); err != nil {
		return "", err
	}
	if len(t.Token) > maxToken || !tokenShape.MatchString(t.Token) {
		return "", fmt.Errorf("%w: no token", ErrAnswer)
	}
	return t.Token, nil
}

// parseError reads what the API says went wrong; where it says nothing that can be read, nothing.
func parseError(b []byte) (code, message string) {
	var e struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Code    string `json:"code"`
		Data    struct {
			ErrorCode string `json:"errorCode"`
		} `json:"data"`
	}
	_ = json.Unmarshal(b, &e) // data has several shapes; what was read counts
	if e.Data.ErrorCode != "" {
		e.Code = e.Data.ErrorCode
	}
	if e.Message == "" {
		e.Message = e.Error
	}
	return printable(e.Code), printable(e.Message)
}

// printable is one line of text from outside that a terminal shows and does not obey.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, s)
}
