// Package doctor looks at what a node needs before it runs, and while it does: one finding for each thing, and what to do
// where it is not well. It changes nothing, and asks the outside only what a node would ask it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
	"github.com/phantom-paradox/paradox/node/setup"
)

// How a finding is meant.
const (
	OK   = "ok"
	Warn = "warn" // the node runs, and something will bite
	Fail = "fail" // the node does not run, or not as it must
)

// A Finding is one thing that was looked at.
type Finding struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func ok(name, format string, args ...any) Finding {
	return Finding{Name: name, Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(name, remedy, format string, args ...any) Finding {
	return Finding{name, Warn, fmt.Sprintf(format, args...), remedy}
}

func fail(name, remedy, format string, args ...any) Finding {
	return Finding{name, Fail, fmt.Sprintf(format, args...), remedy}
}

// waits bound what the doctor waits for.
const (
	nodeWait = 5 * time.Second
	rpcWait  = 10 * time.Second
)

// A visit is one look at a node's home.
type visit struct {
	c       *config.Config
	version string
	ask     keys.Passphrase
	now     func() time.Time

	file   *network.File // nil: it cannot be read
	keys   *keys.Keys    // nil: they cannot be read
	status *client.Status
}

// Look examines a home. The findings stand in an order that a person reads from the top: what comes first may be the reason
// for what follows.
func Look(ctx context.Context, c *config.Config, version string, ask keys.Passphrase, now func() time.Time) ([]Finding, error) {
	v := &visit{c: c, version: version, ask: ask, now: now}
	out := []Finding{v.home(), v.network(), v.keyFiles()}
	out = append(out, v.node(ctx)...)
	slow := []func(context.Context) []Finding{v.clock, v.disk, v.ports, v.rpc, v.chain, v.peers}
	found := make([][]Finding, len(slow))
	g, ctx := errgroup.WithContext(ctx)
	for i, look := range slow {
		g.Go(func() error {
			found[i] = look(ctx)
			return ctx.Err()
		})
	}
	err := g.Wait()
	for _, list := range found {
		out = append(out, list...)
	}
	return out, err
}

// Worst is the worst status of a list.
func Worst(list []Finding) string {
	worst := OK
	for _, f := range list {
		if f.Status == Fail || f.Status == Warn && worst == OK {
			worst = f.Status
		}
	}
	return worst
}

func (v *visit) home() Finding {
	const name = "home"
	info, err := os.Stat(v.c.Home)
	switch {
	case err != nil:
		return fail(name, "Make one: paradox init --home "+v.c.Home+" --network FILE.", "%v", err)
	case !info.IsDir():
		return fail(name, "Say --home DIR.", "%s is no directory", v.c.Home)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return warn(name, "Run: chmod 0700 "+v.c.Home, "%s is open to others (%#o)", v.c.Home, info.Mode().Perm())
	}
	return ok(name, "%s", v.c.Home)
}

func (v *visit) network() Finding {
	const name = "network"
	f, err := setup.Network(v.c)
	if err != nil {
		return fail(name, "Get the network file from those who founded the network, and compare its hash: paradox network verify FILE --hash HASH.", "%v", err)
	}
	v.file = f
	return ok(name, "%s, %s, %d members", f.Name, f.Hash(), len(f.Members))
}

func (v *visit) keyFiles() Finding {
	const name = "keys"
	k, err := keys.Load(v.c.KeyDir(), v.ask)
	if errors.Is(err, keys.ErrSealed) {
		return warn(name, "Name a file with the passphrase in passphrase_file, or run the doctor in a terminal.", "%v", err)
	}
	if err != nil {
		return fail(name, "", "%v", err)
	}
	v.keys = k
	p, err := k.Public()
	if err != nil {
		return fail(name, "", "%v", err)
	}
	if v.file == nil {
		return ok(name, "%s", p.Member)
	}
	n := network.Find(v.file.Members, p.Member)
	switch {
	case n < 0:
		return ok(name, "%s, an observer's: the network file names no such member", p.Member)
	case v.file.Members[n].VRF != p.VRF:
		return fail(name, "Restore "+keys.VRFFile+" from the backup of that member's home: what it proposes is refused without.",
			"the VRF key is not that of member %s, whose key this is", v.file.Members[n].Name)
	}
	return ok(name, "%s, of member %s", p.Member, v.file.Members[n].Name)
}

// node asks the node of this home, if it runs.
func (v *visit) node(ctx context.Context) []Finding {
	const name = "node"
	mine := ok("version", "paradox %s", v.version)
	c, err := client.New(v.c.API.Listen)
	if err != nil {
		return []Finding{mine, fail(name, "Mend api.listen.", "%v", err)}
	}
	defer c.Close()
	st, err := c.Within(nodeWait).Status(ctx)
	if err != nil {
		return []Finding{mine, ok(name, "does not run at %s", c.Address())}
	}
	if v.file != nil && st.Network != v.file.Name {
		return []Finding{mine, fail(name, "Choose another api.listen for one of them.", "the node at %s is of another network, %s", c.Address(), st.Network)}
	}
	if whose := v.another(ctx, c); whose != "" {
		return []Finding{mine, fail(name, "Choose another api.listen for one of them.", "the node at %s is of another home: its peer is %s", c.Address(), whose)}
	}
	v.status = st
	if st.Version != v.version {
		mine = warn("version", "Start the node again to run the new release.", "paradox %s, and the node runs %s", v.version, st.Version)
	}
	h, err := c.Within(nodeWait).Health(ctx)
	if err != nil {
		return []Finding{mine, warn(name, "Look at its log.", "it does not say how it is: %v", err)}
	}
	out := []Finding{mine, ok(name, "runs at %s, %s", c.Address(), h.Status)}
	for _, check := range h.Checks {
		switch check.Status {
		case "degraded":
			out = append(out, warn("node: "+check.Name, check.Remedy, "%s", check.Detail))
		case "unhealthy":
			out = append(out, fail("node: "+check.Name, check.Remedy, "%s", check.Detail))
		}
	}
	return out
}

// another names the peer that the node at the home's address is, if it has other keys than the home.
func (v *visit) another(ctx context.Context, c *client.Client) string {
	if v.keys == nil {
		return ""
	}
	mine, err := v.keys.Public()
	if err != nil {
		return ""
	}
	p, err := c.Within(nodeWait).Peers(ctx)
	if err != nil || p.ID == mine.Peer {
		return ""
	}
	return p.ID
}
