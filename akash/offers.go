package akash

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNoOffer: no bid gives what the SDL requires.
var ErrNoOffer = errors.New("no provider offers what the deployment file requires")

// An Offer is a bid, judged.
type Offer struct {
	Bid   Bid     `json:"-"`
	ID    LeaseID `json:"id"`
	Price Coin    `json:"price"`                 // for a block
	Month float64 `json:"usd_a_month,omitempty"` // 0: what its money is worth is not known
	Lacks string  `json:"lacks,omitempty"`       // why it is not taken; empty: it could be

	amount float64
}

// needs are what a deployment file asks for, added up.
type needs struct {
	cpu     float64            // thousandths
	memory  float64            // bytes
	volumes map[string]float64 // bytes, by class; the container's own has none
	price   float64            // for a block, at most
	denom   string
}

const bytesAGiB = 1 << 30

// needsOf adds up an SDL that is valid.
func needsOf(s *SDL) (*needs, error) {
	n := &needs{volumes: map[string]float64{}}
	for _, places := range s.Deployment {
		for place, d := range places {
			count := float64(d.Count)
			r := s.Profiles.Compute[d.Profile].Resources
			n.cpu += r.CPU.Units * 1000 * count
			memory, err := gib(r.Memory.Size)
			if err != nil {
				return nil, err
			}
			n.memory += memory * bytesAGiB * count
			for _, v := range r.Storage {
				size, err := gib(v.Size)
				if err != nil {
					return nil, err
				}
				class := ""
				if v.Attributes.Persistent {
					class = v.Attributes.Class
				}
				n.volumes[class] += size * bytesAGiB * count
			}
			p := s.Profiles.Placement[place].Pricing[d.Profile]
			n.price, n.denom = n.price+p.Amount*count, p.Denom
		}
	}
	return n, nil
}

// lacks says why a bid is not taken, or nothing.
func (n *needs) lacks(b *Bid) string {
	price, err := b.Price.Value()
	switch {
	case b.State != stateOpen:
		return "is " + b.State
	case b.Price.Denom != n.denom:
		return "wants " + b.Price.Denom
	case err != nil || price > n.price:
		return "wants more than the file pays"
	case len(b.Offer) == 0: // nothing else than what was asked for
		return ""
	}
	var cpu, memory float64
	volumes := map[string]float64{}
	for _, o := range b.Offer {
		count := float64(o.Count)
		cpu += o.Resources.CPU.Units.value() * count
		memory += o.Resources.Memory.Quantity.value() * count
		for _, s := range o.Resources.Storage {
			class := ""
			persistent := false
			for _, a := range s.Attributes {
				switch a.Key {
				case "class":
					class = a.Value
				case "persistent":
					persistent = a.Value == "true"
				}
			}
			if !persistent {
				class = ""
			}
			volumes[class] += s.Quantity.value() * count
		}
	}
	if cpu < n.cpu {
		return "has too little CPU"
	}
	if memory < n.memory {
		return "has too little memory"
	}
	for _, class := range sortedKeys(n.volumes) {
		if volumes[class] < n.volumes[class] {
			return strings.TrimSpace("has too little disk " + class)
		}
	}
	return ""
}

// value is a quantity as a number; what is none is nothing.
func (q quantity) value() float64 {
	n, err := strconv.ParseUint(q.Val, 10, 64)
	if err != nil {
		return 0
	}
	return float64(n)
}

// judge orders bids: those that can be taken first, by price. usd is what a millionth of each money is worth.
func judge(s *SDL, bids []Bid, usd map[string]float64) ([]Offer, error) {
	n, err := needsOf(s)
	if err != nil {
		return nil, err
	}
	var out []Offer
	for i := range bids {
		b := bids[i]
		amount, err := b.Price.Value()
		if err != nil {
			return nil, err
		}
		out = append(out, Offer{
			Bid: b, ID: b.ID, Price: b.Price, Lacks: n.lacks(&b), amount: amount, Month: amount * usd[b.Price.Denom] * BlocksAMonth,
		})
	}
	slices.SortFunc(out, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(bit(a.Lacks != ""), bit(b.Lacks != "")), cmp.Compare(a.amount, b.amount), cmp.Compare(a.ID.Provider, b.ID.Provider))
	})
	return out, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// choose is the cheapest offer that can be taken, or the named provider's.
func choose(offers []Offer, provider string) (*Offer, error) {
	for i := range offers {
		o := &offers[i]
		if provider != "" && o.ID.Provider != provider {
			continue
		}
		if o.Lacks == "" {
			return o, nil
		}
		if provider != "" {
			return nil, fmt.Errorf("%w: the bid of %s %s", ErrNoOffer, provider, o.Lacks)
		}
	}
	if provider != "" {
		return nil, fmt.Errorf("%w: %s has not bid", ErrNoOffer, provider)
	}
	return nil, fmt.Errorf("%w: %d bids, none of which can be taken", ErrNoOffer, len(offers))
}
