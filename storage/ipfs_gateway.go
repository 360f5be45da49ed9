package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	gatewayTimeout = 5 * time.Second // one gateway, one block
	maxGateways    = 8               // a fetch tries each once
)

// gateways asks trustless HTTP gateways for raw blocks and believes none of them.
type gateways struct {
	bases  []*url.URL
	client *http.Client
	own    bool

	timeout  time.Duration // gatewayTimeout but in tests
	failures atomic.Uint64
}

func newGateways(bases []string, client *http.Client) (*gateways, error) {
	if len(bases) > maxGateways {
		return nil, fmt.Errorf("%d gateways: at most %d", len(bases), maxGateways)
	}
	g := &gateways{client: client, timeout: gatewayTimeout}
	if client == nil {
		g.client, g.own = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2}}, true
	}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return nil, fmt.Errorf("gateway %q: not an http or https URL such as https://trustless-gateway.link", base)
		}
		g.bases = append(g.bases, u)
	}
	return g, nil
}

func (g *gateways) fetch(ctx context.Context, id cid.Cid) ([]byte, error) {
	if len(g.bases) == 0 {
		return nil, errors.New("no gateway is configured")
	}
	var all []error
	for _, base := range g.bases {
		data, err := g.fetchFrom(ctx, base, id)
		if err == nil {
			return data, nil
		}
		if ctx.Err() == nil { // whoever gave up says nothing of the gateway
			g.failures.Add(1)
		}
		all = append(all, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(all...)
}

func (g *gateways) fetchFrom(ctx context.Context, base *url.URL, id cid.Cid) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	u := base.JoinPath("ipfs", id.String())
	u.RawQuery = "format=raw"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", base.Host, err)
	}
	req.Header.Set("Accept", "application/vnd.ipld.raw")
	res, err := g.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", base.Host, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("gateway %s: %s", base.Host, res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, MaxBlock+1))
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", base.Host, err)
	}
	if err := verify(id, data); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", base.Host, err)
	}
	return data, nil
}

// verify holds data against its CID.
func verify(id cid.Cid, data []byte) error {
	if err := checkCID(id); err != nil {
		return err
	}
	if len(data) > MaxBlock {
		return ErrTooLarge
	}
	sum, err := id.Prefix().Sum(data)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	if !sum.Equals(id) {
		return ErrBadBlock
	}
	return nil
}

func (g *gateways) close() {
	if g.own {
		g.client.CloseIdleConnections()
	}
}

// GatewayFailures is how often a gateway failed to give a block: it did not answer in time, did not have it, or gave another.
func (f *IPFS) GatewayFailures() uint64 { return f.gates.failures.Load() }
