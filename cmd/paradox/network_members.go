package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
	"github.com/phantom-paradox/paradox/node/council"
	"github.com/phantom-paradox/paradox/node/keys"
)

type networkMembersCmd struct {
	asking `embed:""`
}

func (n networkMembersCmd) Run(ctx context.Context, a *app) error {
	c, err := n.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	net, err := c.Network(ctx)
	if err != nil {
		return n.unreached(err)
	}
	return a.print(net, func(w io.Writer) {
		fmt.Fprintf(w, "%s, epoch %d: %d members; a quorum weighs more than %d\n", net.Name, net.Epoch, len(net.Members), net.Threshold)
		for _, m := range net.Members {
			fmt.Fprintf(w, "  %-16s %s  weight %d\n", m.Name, m.Key, m.Weight)
		}
		tellChanges(w, net.Changes)
	})
}

// tellChanges says which changes of the members wait.
func tellChanges(w io.Writer, list []client.Change) {
	for _, c := range list {
		own := "; this node's operator has not approved it"
		if c.Own {
			own = ""
		}
		fmt.Fprintf(w, "waits         %s %s (weight %d): approved by %s, weight %d of more than %d, until %s%s\n", c.Action, c.Member.Name, c.Member.Weight,
			strings.Join(c.Approved, ", "), c.Weight, c.Threshold, time.Unix(c.Expires, 0).UTC().Format(time.RFC3339), own)
	}
}

type networkJoinCmd struct {
	Home           string `help:"The candidate's home." placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
	Name           string `required:"" help:"The name to have among the members: 1 to 32 of a-z A-Z 0-9 - _ ."`
}

// Run prints a request; it is JSON either way, to be handed on as it is.
func (n networkJoinCmd) Run(a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	f, err := readNetwork(c.NetworkFile())
	if err != nil {
		return err
	}
	k, err := keys.Load(c.KeyDir(), a.passphrase(c.PassphraseFile))
	if err != nil {
		return err
	}
	r, err := council.NewRequest(k.Member, k.VRF.Public(), f.Hash(), n.Name)
	if err != nil {
		return fmt.Errorf("%w: --name: %w", errInput, err)
	}
	a.json = true
	return a.print(r, nil)
}

// approving is what admit and remove have in common.
type approving struct {
	asking         `embed:""`
	PassphraseFile string        `help:"File whose first line opens sealed keys; a terminal is asked otherwise." placeholder:"FILE"`
	For            time.Duration `default:"168h" help:"How long the approval holds; at most 720h. It lapses with the epoch too."`
	Undo           bool          `help:"Take the approval back."`
}

type networkAdmitCmd struct {
	approving `embed:""`
	Request   string `arg:"" help:"File with the candidate's request, as paradox network join prints it; - for standard input."`
	Weight    uint16 `default:"1" help:"The weight of its vote; the others must approve the same."`
}

func (n networkAdmitCmd) Run(ctx context.Context, a *app) error {
	return n.run(ctx, a, func(net *client.Network) (*council.Change, error) {
		in := a.in
		if n.Request != "-" {
			f, err := os.Open(n.Request)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			in = f
		}
		const enough = 8 << 10 // more than a request may have
		b, err := io.ReadAll(io.LimitReader(in, enough))
		if err != nil {
			return nil, err
		}
		r, err := council.ParseRequest(b)
		if err != nil {
			return nil, err
		}
		return r.Admits(net.Hash, n.Weight)
	})
}

type networkRemoveCmd struct {
	approving `embed:""`
	Member    string `arg:"" help:"Name or key of the member."`
}

func (n networkRemoveCmd) Run(ctx context.Context, a *app) error {
	return n.run(ctx, a, func(net *client.Network) (*council.Change, error) {
		for _, m := range net.Members {
			if m.Name == n.Member || m.Key.String() == n.Member {
				return &council.Change{Remove: &m.Key}, nil
			}
		}
		return nil, fmt.Errorf("%q is no member; paradox network members lists them", n.Member)
	})
}

// run signs the approval of a change by the home's member key and hands it to the node.
func (q approving) run(ctx context.Context, a *app, change func(*client.Network) (*council.Change, error)) error {
	home, err := a.load()
	if err != nil {
		return err
	}
	if q.For < time.Minute || q.For > council.MaxLife*time.Second {
		return fmt.Errorf("%w: --for %s: an approval holds for a minute at least and 720h at most", errInput, q.For)
	}
	k, err := keys.Load(home.KeyDir(), a.passphrase(home.PassphraseFile))
	if err != nil {
		return err
	}
	pub, err := k.Public()
	if err != nil {
		return err
	}
	c, err := q.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	net, err := c.Network(ctx)
	if err != nil {
		return q.unreached(err)
	}
	wish, err := change(net)
	if err == nil {
		_, err = wish.Apply(membersOf(net))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	now := a.now().Unix()
	approval := council.Approval{Epoch: net.Epoch, Change: *wish, Made: now, Expires: now + int64(q.For/time.Second)}
	if q.Undo {
		approval.Expires = now
	}
	waits, err := c.Approve(ctx, council.Sign(k.Member, net.Hash, approval).Encode())
	if err != nil {
		return explainApproval(q.unreached(err), net, pub.Member)
	}
	return a.print(map[string]any{"changes": waits}, func(w io.Writer) {
		if q.Undo {
			fmt.Fprintln(w, "the approval is taken back")
		} else {
			fmt.Fprintln(w, "the approval is on the node's disk, and it tells the other members")
		}
		tellChanges(w, waits)
	})
}

func membersOf(net *client.Network) []network.Member {
	out := make([]network.Member, len(net.Members))
	for i, m := range net.Members {
		out[i] = network.Member(m)
	}
	return out
}

// explainApproval says what to do where a node refuses an approval.
func explainApproval(err error, net *client.Network, key intent.Key) error {
	var p *client.Problem
	if errors.As(err, &p) && network.Find(membersOf(net), key) < 0 {
		return fmt.Errorf("%w: the key of this home, %s, is no member's: only members' operators approve; name the member's --home", errInput, key)
	}
	return err
}
