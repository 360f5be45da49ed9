//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/chain/wallet"
	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/api"
)

// askWait bounds one question to a node: one that is stopped never answers.
const askWait = 5 * time.Second

// readWait bounds the answer that a test cannot do without.
const readWait = time.Minute

func status(ctx context.Context, c *client.Client) (*client.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return c.Status(ctx)
}

// ready waits until every node takes intents.
func (w *world) ready(t *testing.T) {
	t.Helper()
	eventually(t, upWait, func(ctx context.Context) string {
		if !w.launcher.running() {
			return fmt.Sprintf("the launcher ended with %d", w.launcher.code)
		}
		for n, c := range w.clients {
			ctx, cancel := context.WithTimeout(ctx, askWait)
			err := c.Ready(ctx)
			cancel()
			if err != nil {
				return fmt.Sprintf("%s is not ready: %v", w.nodes[n].Name, err)
			}
		}
		return ""
	})
}

// settled is the highest height that any of the nodes shows settled.
func (w *world) settled(ctx context.Context, nodes ...int) uint64 {
	var h uint64
	for _, n := range nodes {
		if s, err := status(ctx, w.clients[n]); err == nil {
			h = max(h, s.Chain.Height)
		}
	}
	return h
}

// standing says where each node is, for the message of a failure.
func (w *world) standing(ctx context.Context) string {
	var out []string
	for n, c := range w.clients {
		s, err := status(ctx, c)
		if err != nil {
			out = append(out, fmt.Sprintf("%s: %v", w.nodes[n].Name, err))
			continue
		}
		out = append(out, fmt.Sprintf("%s at %d of %d, view %d, %s, synced %v %s, %d peers, %d pooled", w.nodes[n].Name, s.Chain.Height, s.Height,
			s.View, s.Voting, s.Synced, s.Why, s.Peers, s.Pool))
	}
	return strings.Join(out, "; ")
}

func (w *world) all() []int {
	out := make([]int, len(w.nodes))
	for n := range out {
		out[n] = n
	}
	return out
}

// agree waits until all nodes are at one settled height with one state, and gives both.
func (w *world) agree(t *testing.T, wait time.Duration) (height uint64, digest string) {
	t.Helper()
	eventually(t, wait, func(ctx context.Context) string {
		for n, c := range w.clients {
			s, err := status(ctx, c)
			switch {
			case err != nil:
				return fmt.Sprintf("%s: %v", w.nodes[n].Name, err)
			case !s.Synced || s.Height != s.Chain.Height:
				return fmt.Sprintf("%s is at %d of %d, synced: %v", w.nodes[n].Name, s.Chain.Height, s.Height, s.Synced)
			case n == 0:
				height, digest = s.Chain.Height, s.StateDigest
			case s.Chain.Height != height:
				return fmt.Sprintf("%s is at height %d, %s at %d", w.nodes[n].Name, s.Chain.Height, w.nodes[0].Name, height)
			case s.StateDigest != digest:
				t.Fatalf("at height %d %s has the state %s, %s has %s", height, w.nodes[n].Name, s.StateDigest, w.nodes[0].Name, digest)
			}
		}
		return ""
	})
	return height, digest
}

// fetch decodes a node's answer.
func (w *world) fetch(t *testing.T, node int, path string, v any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.nodes[node].API+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", path, w.nodes[node].Name, err)
	}
}

// history checks that the nodes have settled the same headers, one on the other, that no intent is in two of them, and that
// the last has the state that the nodes show. It gives the height of every settled intent.
func (w *world) history(t *testing.T, height uint64, digest string) map[intent.ID]uint64 {
	t.Helper()
	settled := map[intent.ID]uint64{}
	for h := uint64(1); h <= height; h++ {
		var first api.Round
		for n := range w.nodes {
			var r api.Round
			w.fetch(t, n, fmt.Sprintf("/api/rounds/%d", h), &r)
			if n == 0 {
				first = r
			}
			if r.Header.Digest != first.Header.Digest {
				t.Fatalf("height %d: %s has settled another header than %s", h, w.nodes[n].Name, w.nodes[0].Name)
			}
			if r.Settlement.State != client.Settled {
				t.Errorf("height %d of %d is %s at %s", h, height, r.Settlement.State, w.nodes[n].Name)
			}
		}
		for _, id := range w.batch(t, &first) {
			if before, ok := settled[id]; ok {
				t.Errorf("intent %s is settled twice: in heights %d and %d", id, before, h)
			}
			settled[id] = h
		}
		if h == height && fmt.Sprintf("%x", first.Header.StateDigest[:]) != digest {
			t.Errorf("the nodes show the state %s, the header of height %d certifies %x", digest, h, first.Header.StateDigest[:])
		}
	}
	return settled
}

// batch lists the intents of a round; each node keeps its batches, so the node that is asked changes.
func (w *world) batch(t *testing.T, r *api.Round) []intent.ID {
	t.Helper()
	var out []intent.ID
	for after := ""; ; {
		var b api.Batch
		path := "/api/batches/" + r.Header.Batch + "?limit=200"
		if after != "" {
			path += "&after=" + after
		}
		w.fetch(t, int(r.Header.Height)%len(w.nodes), path, &b)
		for _, i := range b.Intents {
			out = append(out, i.ID)
		}
		if after = b.Next; after == "" {
			break
		}
	}
	if uint64(len(out)) != r.Header.Count {
		t.Errorf("height %d: the header counts %d intents, the batch holds %d", r.Header.Height, r.Header.Count, len(out))
	}
	return out
}

// reserves checks that the vault holds what it owes, and that every balance of the state is what the vault has.
func (w *world) reserves(t *testing.T) {
	t.Helper()
	c := rpc.New(w.file.RPC[0])
	defer c.Close()
	vault := wallet.New(wallet.Config{RPC: c, Addresses: chain.Addresses(w.file)})
	owners := map[intent.Key]bool{}
	for _, m := range w.file.Mints {
		list, err := vault.Entries(t.Context(), m.Mint)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			owners[e.Owner] = true
		}
	}
	var balances []chain.Balance
	for o := range owners {
		var has api.Wallet
		w.fetch(t, len(w.nodes)-1, "/api/wallets/"+o.String(), &has)
		for _, e := range has.Entries {
			balances = append(balances, chain.Balance{Mint: e.Mint, Entry: e.Number, Owner: o, Amount: uint64(e.Balance)})
		}
	}
	report, err := chain.CheckReserves(t.Context(), w.file, c, func(uint64, uint64) ([]chain.Balance, bool) { return balances, true })
	if err != nil {
		t.Fatal(err)
	}
	if !report.Compared || len(report.Problems) > 0 {
		t.Errorf("vault and state (compared: %v): %v", report.Compared, report.Problems)
	}
}

// logs fails on what no node may ever say, however it was killed.
func (w *world) logs(t *testing.T) {
	t.Helper()
	for _, n := range w.nodes {
		b, err := os.ReadFile(filepath.Join(w.home, "logs", n.Name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			for _, bad := range []string{"panic", "goroutine ", "level=ERROR", "contradicted itself", "computes otherwise", "DATA RACE"} {
				if strings.Contains(line, bad) {
					t.Errorf("%s says: %s", n.Name, line)
				}
			}
		}
	}
}
