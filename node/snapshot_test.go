package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/phantom-paradox/paradox/ledger"
	"github.com/phantom-paradox/paradox/node/api"
	"github.com/phantom-paradox/paradox/storage"
)

// snapshot is that of the history's last height.
func (h *archived) snapshot() []byte {
	h.c.t.Helper()
	b := bytes.NewBuffer(encodeEpochs(h.epochs))
	h.must(h.state.Export(b, h.certs[len(h.certs)-1]))
	return b.Bytes()
}

func (c *cluster) dataDir(i int) string { return c.config(i, true).Settings.DataDir() }

// TestANodeFromASnapshot: of a running committee, taken over the operator's listener.
func TestANodeFromASnapshot(t *testing.T) {
	c := newCluster(t, 4)
	for i := range 4 {
		c.start(i)
	}
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	c.seen()
	for h := range 2 {
		c.settled(c.take(0, c.pay(a, b, 1000)))
		c.agreed(uint64(h) + 1)
	}
	answer, err := http.Get("http://" + c.nodes[0].AdminAddr().String() + "/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	snap, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	http.DefaultClient.CloseIdleConnections()
	c.settled(c.take(1, c.pay(a, b, 1000)))
	c.newcomer()
	info, err := ImportSnapshot(c.dataDir(4), c.file, bytes.NewReader(snap))
	if err != nil || info.Height < 2 || info.Signers < 3 || info.Bytes != int64(len(snap)) {
		t.Fatalf("got %+v, %v", info, err)
	}
	if _, err := ImportSnapshot(c.dataDir(4), c.file, bytes.NewReader(snap)); !errors.Is(err, ErrHasState) {
		t.Fatalf("a second import: %v", err)
	}
	c.start(4)
	c.settled(c.take(4, c.pay(a, b, 1000))) // rounds go on, and its door is as good
	c.agreed(info.Height + 2)
	n := c.nodes[4]
	for h := range info.Height {
		if _, err := n.facade.Round(t.Context(), h+1); !errors.Is(err, api.ErrBeforeSnapshot) {
			t.Errorf("round %d: %v", h+1, err)
		}
		if _, err := n.facade.Statement(t.Context(), h+1, a.pub, api.Page{Limit: 1}); !errors.Is(err, api.ErrBeforeSnapshot) {
			t.Errorf("the statement of height %d: %v", h+1, err)
		}
	}
	if _, err := n.facade.Round(t.Context(), info.Height+1); err != nil {
		t.Errorf("the first round after the snapshot: %v", err)
	}
	if s, err := n.facade.Statement(t.Context(), info.Height+1, a.pub, api.Page{Limit: 1}); err != nil || s.Balances[0].Opening != s.Balances[0].Before || s.Balances[0].Delta.Zero() {
		t.Errorf("the first statement after the snapshot: %+v, %v", s, err)
	}
	for from, want := range map[uint64]bool{1: false, info.Height: true, info.Height + 1: true} {
		request, err := encodeWire(syncRequest{From: from, Max: maxCertificates})
		if err != nil {
			t.Fatal(err)
		}
		body, err := n.streams.serveSync(t.Context(), "", request)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := parseCertificates(body); err != nil || len(list) > 0 != want {
			t.Errorf("sync from %d: %d certificates, %v", from, len(list), err)
		}
	}
	c.halt(4)
	c.start(4) // from its own disk
	c.settled(c.take(4, c.pay(a, b, 1000)))
	c.agreed(info.Height + 3)
}

// TestASnapshotMayLagFarBehind: the node catches up from it, past a peer that began above it.
func TestASnapshotMayLagFarBehind(t *testing.T) {
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	h := c.past(10, a, b)
	snap := h.snapshot()
	for range 30 {
		h.grow(c.pay(a, b, 10))
	}
	h.archive(0, true, h.honest)
	h.archive(1, false, func(_ context.Context, height uint64) [][]byte {
		if height < 20 {
			return [][]byte{}
		}
		return h.from(height)
	})
	c.newcomer()
	if _, err := ImportSnapshot(c.dataDir(4), c.file, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	c.start(4)
	if last := c.agreed(40); last.StateDigest != h.state.Digest() {
		t.Fatalf("the state is %s", last.StateDigest.Hex())
	}
}

// TestASnapshotThatTheVaultDidNotSettle: a quorum has signed it, and the node still refuses to go on from it.
func TestASnapshotThatTheVaultDidNotSettle(t *testing.T) {
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	real, fork := c.vault, newMemVault(c.file)
	c.vault = fork
	c.wallet(0, 1_000_000)
	c.wallet(1, 0)
	snap := c.past(3, a, b).snapshot()
	c.vault = real
	c.past(3, a, b)
	c.newcomer()
	if _, err := ImportSnapshot(c.dataDir(4), c.file, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	n, err := New(t.Context(), c.config(4, true))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); !errors.Is(err, ErrForeignState) {
		t.Errorf("it ran: %v", err)
	}
	if s := n.engine.status.Load(); s != nil && (s.Opening != nil || s.Synced || s.Voting != "") {
		t.Errorf("it served: %+v", s)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// TestATamperedSnapshotIsRefused: and leaves nothing behind.
func TestATamperedSnapshotIsRefused(t *testing.T) {
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	snap := c.past(3, a, b).snapshot()
	dir := filepath.Join(c.dir, "tampered")
	bad := [][]byte{nil, snap[:len(snap)-1], snap[:len(snap)/2], append(bytes.Clone(snap), 0), snap[len(snapshotMagic)+4:]}
	for at := 0; at < len(snap); at += 1 + len(snap)/40 {
		changed := bytes.Clone(snap)
		changed[at] ^= 1
		bad = append(bad, changed)
	}
	for i, s := range bad {
		if _, err := ImportSnapshot(dir, c.file, bytes.NewReader(s)); !errors.Is(err, ledger.ErrSnapshot) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := ExportSnapshot(dir, c.file, io.Discard); !errors.Is(err, ErrNothingSettled) {
		t.Errorf("what was refused left a state: %v", err)
	}
	other := *c.file
	other.Name = "another"
	if _, err := ImportSnapshot(dir, &other, bytes.NewReader(snap)); !errors.Is(err, ledger.ErrSnapshot) {
		t.Errorf("into another network: %v", err)
	}
	if _, err := ImportSnapshot(dir, c.file, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if _, err := ExportSnapshot(dir, c.file, &again); err != nil || !bytes.Equal(again.Bytes(), snap) {
		t.Errorf("exported again it is another: %v", err)
	}
}

// TestASnapshotAfterAChangeOfMembers: it carries the certificate of the change, and the node from it has that to show.
func TestASnapshotAfterAChangeOfMembers(t *testing.T) {
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	h := c.past(2, a, b)
	members := slices.Clone(c.file.Members)
	members[1].Weight = 2
	h.change(members, c.pay(a, b, 10))
	h.grow(c.pay(a, b, 10))
	snap := h.snapshot()
	h.grow(c.pay(a, b, 10))
	h.archive(0, true, h.honest)
	c.newcomer()
	dir := c.dataDir(4)
	bad := encodeEpochs(nil)
	if _, err := ImportSnapshot(dir, c.file, bytes.NewReader(append(bad, snap[len(encodeEpochs(h.epochs)):]...))); !errors.Is(err, ledger.ErrSnapshot) {
		t.Errorf("without the change: %v", err)
	}
	if _, err := ImportSnapshot(dir, c.file, bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if _, err := ExportSnapshot(dir, c.file, &again); err != nil || !bytes.Equal(again.Bytes(), snap) {
		t.Errorf("exported again it is another: %v", err)
	}
	c.start(4)
	if last := c.agreed(5); last.StateDigest != h.state.Digest() || last.State.Members()[1].Weight != 2 {
		t.Fatalf("the state is %s", last.StateDigest.Hex())
	}
	f := c.nodes[4].facade
	if list, err := f.epochs.until(f, 1, 5); err != nil || len(list) != 1 || list[0].Members[1].Weight != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
}

// TestAnInterruptedImport: the node does not start on half a state, and the import can be run again.
func TestAnInterruptedImport(t *testing.T) {
	c := newCluster(t, 4)
	a, b := c.wallet(0, 1_000_000), c.wallet(1, 0)
	h := c.past(3, a, b)
	c.newcomer()
	store, err := storage.Open(c.dataDir(4), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	states, book, err := openForSnapshot(store)
	if err == nil {
		err = errors.Join(book.bucket.Set([]byte{bookImporting}, nil, storage.Durable), states.Set([]byte{1}, []byte("half"), storage.Durable), store.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), c.config(4, true)); !errors.Is(err, ErrHalfImported) {
		t.Fatalf("it started: %v", err)
	}
	if _, err := ImportSnapshot(c.dataDir(4), c.file, bytes.NewReader(h.snapshot())); err != nil {
		t.Fatal(err)
	}
	c.start(4)
	c.agreed(3)
}

func FuzzSnapshotEpochs(f *testing.F) {
	f.Add(encodeEpochs(nil))
	f.Add(append([]byte(snapshotMagic), 1, 0, 0, 0, 2, 0, 0, 0, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		list, err := readEpochs(in)
		if err == nil && !bytes.Equal(encodeEpochs(list), b[:len(b)-in.Len()]) {
			t.Fatal("read other bytes than are written")
		}
	})
}
