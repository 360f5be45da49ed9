package ledger

import (
	"bytes"
	"testing"
)

// What one decoder reads, its encoder writes again: no two encodings of one thing.

func FuzzParseEvent(f *testing.F) {
	for tag := EventOpen; tag <= EventDropped; tag++ {
		f.Add((&Event{Tag: tag, Slot: 5, Amount: 3, Height: 2}).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ParseEvent(b); err == nil && !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x is read as %+v", b, e)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	h := testHeader(testFile())
	f.Add(h.Body())
	h.Members = testMembers(0, 2)
	f.Add(h.Body())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHeader(b); err == nil && !bytes.Equal(h.Body(), b) {
			t.Fatalf("%x is read as %+v", b, h)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	file := testFile()
	f.Add(certify(testHeader(file), 2, 0, 0, 1).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCertificate(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x is read as %+v", b, c)
		}
		if _, err := c.Verify(file.Hash(), file.Members); err == nil {
			t.Fatal("two of four members are a quorum, or a signature is forged")
		}
	})
}

func FuzzParseBatchRoot(f *testing.F) {
	f.Add((&BatchRoot{Height: 1, Bundles: []Taken{{BlockCID([]byte("a")), []byte{5}}}}).Encode())
	f.Add((&BatchRoot{Height: 2, Previous: BlockCID(nil), Bundles: []Taken{}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseBatchRoot(b)
		if err != nil {
			return
		}
		if r.Bundles == nil {
			r.Bundles = []Taken{}
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Fatalf("%x is read as %+v", b, r)
		}
		for k := range r.Bundles {
			var again Taken
			for _, i := range r.Bundles[k].Indexes() {
				again.Take(i)
			}
			if !bytes.Equal(again.Bitmap, r.Bundles[k].Bitmap) {
				t.Fatal("a bitmap is not its indexes")
			}
		}
	})
}

func FuzzParseBatchCID(f *testing.F) {
	f.Add(BlockCID([]byte("a")).String())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseBatchCID(s); err == nil && c.String() != s {
			t.Fatalf("%q is read as %s", s, c)
		}
	})
}

func FuzzReadBundle(f *testing.F) {
	w := funded(f)
	f.Add([]byte{0x80})
	f.Add(append([]byte{0x81}, w.pay(alice, bob, 5).Signed.Encode()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ReadBundle(b, w.net)
		if err != nil {
			return
		}
		size := 0
		for _, x := range list {
			size += x.Size
		}
		if size >= len(b) || size+3 < len(b) {
			t.Fatalf("%d bytes of intents in a bundle of %d", size, len(b))
		}
	})
}

func FuzzParseChunk(f *testing.F) {
	for _, c := range chunks([]purseChange{{alice, ChunkEntry{1, 5}}, {alice, ChunkEntry{2000, 1 << 60}}}, []purseChange{{bob, ChunkEntry{0, 1}}}, testMembers(0, 2)) {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseChunk(b); err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x is read as %+v", b, c)
		}
	})
}

func FuzzCheckElement(f *testing.F) {
	w, _ := snapshotWorld(f)
	for k, v := range dump(f, w.store) {
		f.Add([]byte(k), []byte(v))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key) == 0 || checkElement(key, value) != nil {
			return
		}
		w := newWriter(&MemStore{})
		if err := w.restore(key, value); err == nil && !bytes.Equal(w.writes[string(key)], value) {
			t.Fatalf("%x %x is written as %x", key, value, w.writes[string(key)])
		}
	})
}

func FuzzImport(f *testing.F) {
	w, c := snapshotWorld(f)
	var b bytes.Buffer
	w.must(w.state.Export(&b, c))
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:200])
	f.Fuzz(func(t *testing.T, in []byte) {
		var to MemStore
		if _, err := Import(w.file, nil, bytes.NewReader(in), &to); err != nil {
			return
		}
		s, err := Load(w.file, &to)
		if err != nil || s.Digest() != w.state.Digest() {
			t.Fatal("another state was imported", err)
		}
	})
}

func FuzzProof(f *testing.F) {
	tree := newTree([][]byte{{1}, {2}, {3}, {4}, {5}})
	f.Add([]byte{3}, uint64(2), uint64(5), []byte{})
	f.Fuzz(func(t *testing.T, leaf []byte, index, size uint64, path []byte) {
		p := &Proof{Leaf: leaf, Index: index, Size: size}
		for ; len(path) >= 32; path = path[32:] {
			p.Path = append(p.Path, [32]byte(path))
		}
		if p.Verify(tree.Root()) == nil && (size != 5 || index > 4 || !bytes.Equal(leaf, []byte{byte(index + 1)})) {
			t.Log("a proof with another shape that hashes to the root") // 5 leaves prove under few other sizes; the leaf must be one of them
			if len(leaf) != 1 || leaf[0] < 1 || leaf[0] > 5 {
				t.Fatal("a leaf that is not in the tree is proven")
			}
		}
	})
}
