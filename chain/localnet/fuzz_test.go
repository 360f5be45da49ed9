package localnet

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"testing"
)

func fuzzServer(f *testing.F) *Server {
	cfg, err := Config{SlotTime: -1}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	b, err := openBook(cfg)
	if err != nil {
		f.Fatal(err)
	}
	return &Server{book: b, subs: newSubscriptions(b), log: slog.New(slog.DiscardHandler), rng: rand.New(rand.NewPCG(0, 0))}
}

// FuzzAnswer: no request makes the model panic, and every answer is JSON.
func FuzzAnswer(f *testing.F) {
	s := fuzzServer(f)
	for m := range methods() {
		f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"` + m + `","params":["11111111111111111111111111111111",{"encoding":"base64","commitment":"processed","limit":3,"filters":[{"memcmp":{"offset":1,"bytes":"2"}}]}]}`))
		f.Add([]byte(`[{"id":9223372036854775807,"method":"` + m + `","params":[5,7]}]`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := json.Marshal(s.answer(body)); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSubscribe: no message on a WebSocket makes the model panic.
func FuzzSubscribe(f *testing.F) {
	s := fuzzServer(f)
	for _, m := range []string{"slot", "root", "account", "logs", "signature", "program"} {
		f.Add(m, []byte(`["11111111111111111111111111111111",{"commitment":"confirmed"}]`))
		f.Add(m, []byte(`[{"mentions":["11111111111111111111111111111111"]}]`))
	}
	f.Fuzz(func(t *testing.T, kind string, params []byte) {
		q := &query{s: s, book: s.book}
		if json.Unmarshal(params, &q.params) != nil {
			return
		}
		_, _ = parseSubscription(kind, q, &socket{})
	})
}

// FuzzTransaction: the decoder accepts only what it would write.
func FuzzTransaction(f *testing.F) {
	s := fuzzServer(f)
	raw, _, err := s.book.airdrop([32]byte{1}, 5)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := decodeTx(raw)
		if err != nil {
			return
		}
		again, err := tx.MarshalBinary()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatal("not canonical")
		}
	})
}

// FuzzBlock: a journal record decodes to what encodes to it.
func FuzzBlock(f *testing.F) {
	f.Add(encodeBlock(block{slot: 1, time: 2, txs: [][]byte{{1}, {2, 3}}}))
	f.Fuzz(func(t *testing.T, p []byte) {
		if b, err := decodeBlock(p); err == nil && !bytes.Equal(encodeBlock(b), p) {
			t.Fatal("not canonical")
		}
	})
}
