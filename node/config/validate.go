package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// An Error says which field is wrong, what is wrong with it, and what to do about it.
type Error struct {
	Field, Value, Problem, Remedy string
}

func (e *Error) Error() string {
	s := e.Field
	if e.Value != "" {
		s += " = " + strconv.Quote(e.Value)
	}
	return s + ": " + e.Problem + ". " + e.Remedy
}

// Check says everything that is wrong at once, as *Error joined. (kong would call a method Validate on flags alone.)
func (c *Config) Check() error {
	var errs []error
	bad := func(field, value, problem, remedy string) {
		errs = append(errs, &Error{field, value, problem, remedy})
	}
	if c.Home == "" {
		bad("home", "", "is empty", "Say --home DIR.")
	}
	if !oneOf(c.Log.Level, "debug", "info", "warn", "error") {
		bad("log.level", c.Log.Level, "is no level", "Say debug, info, warn or error.")
	}
	if !oneOf(c.Log.Format, "text", "json") {
		bad("log.format", c.Log.Format, "is no format", "Say text or json.")
	}
	for field, addr := range map[string]string{"api.listen": c.API.Listen, "admin.listen": c.Admin.Listen} {
		if addr == "" && field == "admin.listen" {
			continue
		}
		if err := listenAddr(addr); err != nil {
			bad(field, addr, "is no address to listen on: "+err.Error(), "Say HOST:PORT, for instance 127.0.0.1:8080; port 0 takes a free one.")
		}
	}
	if c.API.Rate < 1 {
		bad("api.rate", strconv.Itoa(c.API.Rate), "is less than 1", "Say how many intents a second this node may take in.")
	}
	errs = append(errs, c.P2P.check()...)
	errs = append(errs, c.IPFS.check()...)
	for _, s := range c.Chain.RPC {
		if u, err := url.Parse(s); err != nil || u.Host == "" || !oneOf(u.Scheme, "http", "https") {
			bad("chain.rpc", RedactURL(s), "is no http or https address", "Say the endpoint's whole URL, for instance https://api.devnet.solana.com.")
		}
	}
	for _, k := range c.Admin.Operators {
		if _, err := intent.ParseKey(k); err != nil {
			bad("admin.operators", k, "is no key: "+err.Error(), "Say the key as Solana wallets show it.")
		}
	}
	for field, list := range map[string][]string{"ipfs.gateways": c.IPFS.Gateways, "sentry.dsn": {c.Sentry.DSN}} {
		for _, s := range list {
			if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || !oneOf(u.Scheme, "http", "https")) {
				bad(field, RedactURL(s), "is no http or https address", "Say the whole URL, for instance https://example.org.")
			}
		}
	}
	return errors.Join(errs...)
}

func (p *P2P) check() []error {
	var errs []error
	secure := slices.ContainsFunc(p.Listen, func(s string) bool {
		return strings.Contains(s, "/wss") || strings.Contains(s, "/tls/")
	})
	if given := p.TLSCert != "" && p.TLSKey != ""; given != (p.TLSCert != "" || p.TLSKey != "") || secure && !given {
		errs = append(errs, &Error{"p2p.tls_cert", p.TLSCert, "and p2p.tls_key go together, and a /wss address in p2p.listen needs them",
			"Say both files, such as those that certbot writes, or listen without /wss."})
	}
	if len(p.Listen) == 0 {
		errs = append(errs, &Error{"p2p.listen", "", "is empty", "Say at least one multiaddr, for instance /ip4/0.0.0.0/tcp/4001."})
	}
	for field, list := range map[string][]string{"p2p.listen": p.Listen, "p2p.announce": p.Announce, "p2p.bootstrap": p.Bootstrap} {
		for _, s := range list {
			m, err := multiaddr.NewMultiaddr(s)
			if err != nil {
				remedy := "Say for instance /ip4/203.0.113.7/tcp/4001."
				if field == "p2p.bootstrap" {
					remedy = "Say for instance /ip4/203.0.113.7/tcp/4001/p2p/ID, with the whole peer id."
				}
				errs = append(errs, &Error{field, s, "is no multiaddr: " + err.Error(), remedy})
				continue
			}
			if _, err := m.ValueForProtocol(multiaddr.P_P2P); err != nil && field == "p2p.bootstrap" {
				errs = append(errs, &Error{field, s, "does not say whose address it is", "End it in /p2p/ID; the peer's operator sees it in `paradox keys show`."})
			}
		}
	}
	return errs
}

func listenAddr(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q is not 0 to 65535", port)
	}
	return nil
}

func oneOf(s string, list ...string) bool {
	for _, x := range list {
		if s == x {
			return true
		}
	}
	return false
}

// CheckNetwork refuses a network file that contradicts what the operator's environment expects of it.
func (c *Config) CheckNetwork(f *network.File) error {
	var errs []error
	check := func(field, name, expected, actual string) {
		if expected != actual {
			errs = append(errs, &Error{field, expected, fmt.Sprintf("the network file of %s says %s", f.Name, actual),
				"The network file decides; remove " + name + " from the environment, or join the network that has this value."})
		}
	}
	e := c.Expect
	if e.ProgramID != "" {
		check("expect.program_id", "PROGRAM_ID", e.ProgramID, f.ProgramID.String())
	}
	if e.MinIntents != 0 {
		check("expect.min_intents", "MIN_INTENTS_PER_BATCH", strconv.Itoa(e.MinIntents), strconv.Itoa(f.Params.MinIntents))
	}
	if e.MaxIntents != 0 {
		check("expect.max_intents", "MAX_INTENTS_PER_BATCH", strconv.Itoa(e.MaxIntents), strconv.Itoa(f.Params.MaxIntents))
	}
	if e.BatchWindow != 0 {
		window := time.Duration(e.BatchWindow) * time.Second
		check("expect.batch_window", "BATCH_WINDOW_SECONDS", window.String(), (time.Duration(f.Params.Tick) * time.Millisecond).String())
	}
	return errors.Join(errs...)
}
