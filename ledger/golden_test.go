package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"lukechampine.com/blake3"

	"github.com/phantom-paradox/paradox/intent"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// golden compares a value with docs/spec/vectors/<name>.json.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := "../docs/spec/vectors/" + name + ".json"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs from what the code gives; -update writes it anew:\n%s", path, got)
	}
}

func TestGoldenEvents(t *testing.T) {
	mint, digest := keyOf("mint", 0), intent.Hash(keyOf("hash", 0))
	events := []Event{
		{Tag: EventOpen, Slot: 1, Mint: mint, Entry: 3, Owner: alice},
		{Tag: EventDeposit, Slot: 2, Mint: mint, Entry: 3, Amount: 1_500_000},
		{Tag: EventRequest, Slot: 3, Mint: mint, Entry: 3, Amount: 1 << 63, Unlock: 9003},
		{Tag: EventCancel, Slot: 4, Mint: mint, Entry: 3},
		{Tag: EventWithdraw, Slot: 5, Mint: mint, Entry: 1<<32 - 1, Amount: 7, Generation: 2},
		{Tag: EventSettled, Slot: 6, Height: 9, Digest: digest, Epoch: 1},
		{Tag: EventDropped, Slot: 1<<64 - 1, Height: 10, Digest: digest, Generation: 3},
	}
	type row struct {
		Number uint64 `json:"number"`
		Event  string `json:"event"`
		Hash   string `json:"hash"`
	}
	var rows []row
	var cut Cut
	for k := range events {
		b := events[k].Encode()
		again, err := ParseEvent(b)
		if err != nil || !reflect.DeepEqual(again, events[k]) {
			t.Fatalf("event %d reads as %+v, %v", k+1, again, err)
		}
		cut = cut.After(&events[k])
		rows = append(rows, row{cut.Number, hex.EncodeToString(b), cut.Hash.Hex()})
	}
	golden(t, "events", rows)
}

func TestGoldenState(t *testing.T) {
	w, _ := snapshotWorld(t)
	type row struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	out := struct {
		Elements []row  `json:"elements"`
		Sum      string `json:"sum_sha256"`
		First    string `json:"first_element_xof"`
		Empty    string `json:"empty_sum_sha256"`
	}{Sum: w.state.Digest().Hex()}
	var empty lattice
	out.Empty = empty.digest().Hex()
	all := dump(t, w.state.table)
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k[0] < firstDerived {
			out.Elements = append(out.Elements, row{hex.EncodeToString([]byte(k)), hex.EncodeToString([]byte(all[k]))})
		}
	}
	var x [latticeBytes]byte
	expand(keys[0], []byte(all[keys[0]]), &x)
	out.First = hex.EncodeToString(x[:])
	golden(t, "state", out)
}

// TestXOFIsBLAKE3 holds the short way of expand against the library's.
func TestXOFIsBLAKE3(t *testing.T) {
	for _, n := range []int{0, 1, 60, 61, 62, 125, 300, 1020, 1021, 1022, 3000} {
		value := bytes.Repeat([]byte{7}, n)
		var got, want [latticeBytes]byte
		expand("\x01k", value, &got)
		h := blake3.New(32, nil)
		_, _ = h.Write(append([]byte{1, 1, 0, 'k'}, value...))
		_, _ = h.XOF().Read(want[:])
		if got != want {
			t.Fatalf("%d bytes", n)
		}
	}
}

func TestSwapAllOnManyCores(t *testing.T) {
	var one, many lattice
	var swaps []swap
	for k := range 4 * latticeShare {
		s := swap{key: "\x03" + strconv.Itoa(k), old: []byte{1}, new: []byte{2}}
		if k%3 == 0 {
			s.old = nil
		}
		swaps = append(swaps, s)
	}
	one.swapEach(swaps)
	many.swapAll(swaps)
	if one != many {
		t.Fatal("sums differ")
	}
}

func TestGoldenHeader(t *testing.T) {
	h := testHeader(testFile())
	type row struct {
		Body    string `json:"body"`
		Digest  string `json:"digest"`
		Commit  string `json:"commit_message_view_3"`
		Prepare string `json:"prepare_message_view_3"`
		Cert    string `json:"certificate"`
	}
	var rows []row
	for range 2 {
		oracle(t, h.Body())
		c := certify(h, 3, 0, 0, 1, 2)
		oracle(t, c.Encode())
		rows = append(rows, row{hex.EncodeToString(h.Body()), h.Digest().Hex(),
			hex.EncodeToString(CommitMessage(h.Network, h.Instance, 3, h.Digest())),
			hex.EncodeToString(PrepareMessage(h.Network, h.Instance, 3, h.Digest())), hex.EncodeToString(c.Encode())})
		h.Members = testMembers(0, 3)
	}
	golden(t, "header", rows)
}

// oracle reads dag-cbor with another implementation and wants the same bytes from it.
func oracle(t *testing.T, b []byte) {
	t.Helper()
	node := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(node, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := dagcbor.Encode(node.Build(), &again); err != nil || !bytes.Equal(again.Bytes(), b) {
		t.Fatalf("another encoder writes %x, not %x (%v)", again.Bytes(), b, err)
	}
}

func TestGoldenBatch(t *testing.T) {
	w := funded(t)
	pool := []BatchIntent{w.pay(alice, bob, 5), w.pay(bob, carol, 6), w.pay(carol, alice, 7)}
	bundles := [][]byte{
		intent.EncodeList([]*intent.Signed{pool[0].Signed, pool[1].Signed}), intent.EncodeList([]*intent.Signed{pool[2].Signed}),
	}
	slices.SortFunc(bundles, func(a, b []byte) int { return bytes.Compare([]byte(BlockCID(a)), []byte(BlockCID(b))) })
	root := &BatchRoot{Network: w.net.Hash, Height: 1}
	for _, b := range bundles {
		taken := Taken{Bundle: BlockCID(b)}
		list, err := ReadBundle(b, w.net)
		w.must(err)
		taken.Take(len(list) - 1)
		root.Bundles = append(root.Bundles, taken)
	}
	in := w.input()
	var err error
	in.Intents, _, err = root.Intents(func(c BatchCID) ([]BundleIntent, error) {
		k := slices.IndexFunc(bundles, func(b []byte) bool { return BlockCID(b) == c })
		return ReadBundle(bundles[k], w.net)
	}, 10, 1<<20)
	w.must(err)
	res, err := w.opening().Execute(in)
	w.must(err)
	next := &BatchRoot{Network: w.net.Hash, Height: 2, Previous: root.CID(), Bundles: []Taken{}}
	oracle(t, root.Encode())
	oracle(t, next.Encode())
	type proof struct {
		Leaf  string   `json:"leaf"`
		Index uint64   `json:"index"`
		Size  uint64   `json:"size"`
		Path  []string `json:"path"`
	}
	out := struct {
		Bundles []string `json:"bundles"`
		Root    string   `json:"root"`
		CID     string   `json:"cid"`
		Empty   string   `json:"empty_root"`
		Leaves  []string `json:"outcome_leaves"`
		Outcome string   `json:"outcome_root"`
		Nothing string   `json:"empty_outcome_root"`
		Proof   proof    `json:"proof"`
	}{Root: hex.EncodeToString(root.Encode()), CID: root.CID().String(), Empty: hex.EncodeToString(next.Encode()), Outcome: res.OutcomeRoot.Hex()}
	for _, b := range bundles {
		out.Bundles = append(out.Bundles, hex.EncodeToString(b))
	}
	for _, l := range res.leaves() {
		out.Leaves = append(out.Leaves, hex.EncodeToString(l))
	}
	out.Nothing = (&Outcome{}).Tree().Root().Hex()
	p, _ := res.Proof(res.Accepted[1])
	out.Proof = proof{Leaf: hex.EncodeToString(p.Leaf), Index: p.Index, Size: p.Size}
	for _, h := range p.Path {
		out.Proof.Path = append(out.Proof.Path, h.Hex())
	}
	golden(t, "batch", out)
}

func TestGoldenSettlement(t *testing.T) {
	a, b := keyOf("mint", 0), keyOf("mint", 1)
	var debits, credits []purseChange
	for k := range uint32(400) {
		c := purseChange{mint: a, ChunkEntry: ChunkEntry{Number: k * k % 40_000, Amount: uint64(k+1) << (k % 50)}}
		if k%2 == 0 {
			c.mint = b
		}
		if slices.ContainsFunc(append(debits, credits...), func(x purseChange) bool { return x.mint == c.mint && x.Number == c.Number }) {
			continue
		}
		if k%3 == 0 {
			debits = append(debits, c)
		} else {
			credits = append(credits, c)
		}
	}
	type row struct {
		Chunk string `json:"chunk"`
		Head  string `json:"head"`
	}
	list := chunks(debits, credits, testMembers(0, 2))
	heads := SettlementHeads(list)
	var rows []row
	for k, raw := range list {
		c, err := ParseChunk(raw)
		if err != nil || !bytes.Equal(c.Encode(), raw) {
			t.Fatalf("chunk %d: %v", k, err)
		}
		rows = append(rows, row{hex.EncodeToString(raw), heads[k].Hex()})
	}
	golden(t, "settlement", rows)
}

// TestChunksAreGreedy: each chunk could not have taken the next change.
func TestChunksAreGreedy(t *testing.T) {
	var debits []purseChange
	for k := range uint32(3000) {
		debits = append(debits, purseChange{mint: keyOf("mint", 0), ChunkEntry: ChunkEntry{Number: k * 37, Amount: uint64(k + 1)}})
	}
	list := chunks(slices.Clone(debits), nil, nil)
	at := 0
	for _, raw := range list {
		c, err := ParseChunk(raw)
		if err != nil {
			t.Fatal(err)
		}
		at += len(c.Entries)
		if at < len(debits) {
			c.Entries = append(c.Entries, debits[at].ChunkEntry)
			if pages := len(c.Pages()); pages <= MaxPages && len(c.Encode()) <= ChunkRoom-PageCost*pages {
				t.Fatal("there was room for one more")
			}
		}
	}
	if at != len(debits) {
		t.Fatalf("%d of %d", at, len(debits))
	}
}

func TestProofsOfEveryTree(t *testing.T) {
	for n := 1; n < 40; n++ {
		var leaves [][]byte
		for k := range n {
			leaves = append(leaves, []byte{byte(k)})
		}
		tree := newTree(leaves)
		for k := range n {
			p := tree.Proof(k)
			if err := p.Verify(tree.Root()); err != nil {
				t.Fatalf("leaf %d of %d: %v", k, n, err)
			}
			for _, bad := range []Proof{
				{Leaf: []byte{99}, Index: p.Index, Size: p.Size, Path: p.Path},
				{Leaf: p.Leaf, Index: p.Index, Size: p.Size, Path: append(slices.Clone(p.Path), intent.Hash{})},
				{Leaf: p.Leaf, Index: p.Size, Size: p.Size, Path: p.Path},
			} {
				if bad.Verify(tree.Root()) == nil {
					t.Fatalf("a false proof of leaf %d of %d", k, n)
				}
			}
			if n > 1 {
				if short := (&Proof{Leaf: p.Leaf, Index: p.Index, Size: p.Size, Path: p.Path[1:]}); short.Verify(tree.Root()) == nil {
					t.Fatal("a short proof")
				}
			}
		}
	}
}

func TestBatchRootIsStrict(t *testing.T) {
	a, b := BlockCID([]byte("a")), BlockCID([]byte("b"))
	if a > b {
		a, b = b, a
	}
	good := &BatchRoot{Network: intent.Hash{1}, Height: 5, Previous: b, Bundles: []Taken{{a, []byte{1}}, {b, []byte{0, 3}}}}
	if _, err := ParseBatchRoot(good.Encode()); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]*BatchRoot{
		"height 0":      {Network: intent.Hash{1}},
		"out of order":  {Height: 5, Bundles: []Taken{{b, []byte{1}}, {a, []byte{1}}}},
		"one twice":     {Height: 5, Bundles: []Taken{{a, []byte{1}}, {a, []byte{2}}}},
		"takes nothing": {Height: 5, Bundles: []Taken{{a, []byte{}}}},
		"a long bitmap": {Height: 5, Bundles: []Taken{{a, []byte{1, 0}}}},
		"a huge bitmap": {Height: 5, Bundles: []Taken{{a, bytes.Repeat([]byte{1}, 33)}}},
	} {
		if _, err := ParseBatchRoot(bad.Encode()); err == nil {
			t.Error(name)
		}
	}
	if c, err := ParseBatchCID(a.String()); err != nil || c != a || a.Hash() != intent.Hash([]byte(a)[4:]) {
		t.Error(err)
	}
	for _, bad := range []string{"", "b", "z" + a.String()[1:], a.String() + "a", a.String()[:20], "bafkreidd4wbctfbbnshpnsw6pm2y6jb3u4karbusefuioibt4c6prnqomy"} {
		if _, err := ParseBatchCID(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestRootTakesNothingTwice(t *testing.T) {
	w := funded(t)
	p := w.pay(alice, bob, 5)
	list := []BundleIntent{{p, 300}}
	read := func(BatchCID) ([]BundleIntent, error) { return list, nil }
	root := &BatchRoot{Height: 1, Bundles: []Taken{{BlockCID([]byte("a")), []byte{1}}}}
	if _, size, err := root.Intents(read, 1, 1<<20); err != nil || size != uint64(300+len(root.Encode())) {
		t.Fatal(err)
	}
	for name, bad := range map[string]func(){
		"beyond the bundle":   func() { root.Bundles[0].Bitmap = []byte{2} },
		"the same id":         func() { root.Bundles = append(root.Bundles, Taken{BlockCID([]byte("b")), []byte{1}}) },
		"the same id, inside": func() { list = append(list, list[0]); root.Bundles[0].Bitmap = []byte{3} },
	} {
		keep, was := *root, list
		root.Bundles = slices.Clone(root.Bundles)
		bad()
		if _, _, err := root.Intents(read, 10, 1<<20); err == nil {
			t.Error(name)
		}
		*root, list = keep, was
	}
	if _, _, err := root.Intents(read, 0, 1<<20); err == nil {
		t.Error("too many")
	}
	if _, _, err := root.Intents(read, 1, 310); err == nil {
		t.Error("too large")
	}
}
