package localnet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gorilla/websocket"

	"github.com/phantom-paradox/paradox/chain/localnet/bank"
)

// Bounds of a connection: a client that does not read is cut off.
const (
	socketQueue  = 1024
	maxSubs      = 256
	socketWrite  = 10 * time.Second
	maxSocketMsg = 64 << 10
)

// subscriptions are all that was subscribed to; each slot's end is shown to them.
type subscriptions struct {
	book *book
	mu   sync.Mutex
	next uint64
	subs map[uint64]*subscription
	open map[*socket]struct{}
	shut bool
}

type subscription struct {
	id     uint64
	kind   string // slot, root, account, logs, signature, program
	key    solana.PublicKey
	all    bool // logs of everything
	sig    solana.Signature
	opts   options
	seen   uint64 // newest slot shown
	socket *socket
}

type socket struct {
	conn *websocket.Conn
	out  chan []byte
	done chan struct{}
	once sync.Once
}

func (k *socket) close() { k.once.Do(func() { close(k.done); _ = k.conn.Close() }) }

// send queues a message, or cuts a client that is too slow.
func (k *socket) send(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	select {
	case k.out <- b:
	default:
		k.close()
	}
}

func newSubscriptions(b *book) *subscriptions {
	return &subscriptions{book: b, subs: map[uint64]*subscription{}, open: map[*socket]struct{}{}}
}

func (ss *subscriptions) closeAll() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.shut = true
	for k := range ss.open {
		k.close()
	}
}

// join counts the connection's goroutine in wg, which cannot be waited for yet: closeAll comes first.
func (ss *subscriptions) join(k *socket, wg *sync.WaitGroup) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.shut {
		return false
	}
	wg.Add(1)
	ss.open[k] = struct{}{}
	return true
}

func (ss *subscriptions) leave(k *socket) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, k)
	for id, s := range ss.subs {
		if s.socket == k {
			delete(ss.subs, id)
		}
	}
}

// serveSocket serves one connection. It runs in the goroutine of its request, which Close waits for through s.wg.
func (s *Server) serveSocket(ctx context.Context, conn *websocket.Conn) {
	conn.SetReadLimit(maxSocketMsg)
	k := &socket{conn: conn, out: make(chan []byte, socketQueue), done: make(chan struct{})}
	if !s.subs.join(k, &s.wg) {
		k.close()
		return
	}
	defer s.wg.Done()
	var writer sync.WaitGroup
	writer.Go(k.write)
	defer writer.Wait()
	defer s.subs.leave(k)
	defer k.close()
	for ctx.Err() == nil {
		_, msg, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if s.currentFaults().Drop > 0 && s.happens(s.currentFaults().Drop) {
			return
		}
		s.answerSocket(k, msg)
	}
}

func (k *socket) write() {
	for {
		select {
		case <-k.done:
			return
		case b := <-k.out:
			_ = k.conn.SetWriteDeadline(time.Now().Add(socketWrite))
			if k.conn.WriteMessage(websocket.TextMessage, b) != nil {
				k.close()
				return
			}
		}
	}
}

func (s *Server) answerSocket(k *socket, msg []byte) {
	var q rpcRequest
	if err := json.Unmarshal(msg, &q); err != nil {
		k.send(failed(nil, &rpcError{Code: codeParse, Message: "Parse error"}))
		return
	}
	if kind, ok := strings.CutSuffix(q.Method, "Unsubscribe"); ok && kind != "" {
		var id uint64
		if len(q.Params) == 1 && json.Unmarshal(q.Params[0], &id) == nil {
			s.subs.remove(id, k)
		}
		k.send(&rpcResponse{Version: "2.0", ID: idOf(q.ID), Result: true})
		return
	}
	kind, ok := strings.CutSuffix(q.Method, "Subscribe")
	if !ok {
		k.send(s.call(&q))
		return
	}
	sub, err := parseSubscription(kind, &query{s: s, book: s.book, params: q.Params}, k)
	if err == nil {
		err = s.subs.add(sub, func(id uint64) { k.send(&rpcResponse{Version: "2.0", ID: idOf(q.ID), Result: id}) })
	}
	if err != nil {
		k.send(failed(q.ID, err))
	}
}

func parseSubscription(kind string, q *query, k *socket) (*subscription, error) {
	q.book.mu.RLock()
	defer q.book.mu.RUnlock()
	sub := &subscription{kind: kind, socket: k}
	var err error
	switch kind {
	case "slot", "root":
	case "account", "program":
		if sub.key, err = q.key(0); err != nil {
			return nil, err
		}
		sub.opts, err = q.opts(1)
	case "signature":
		var text string
		if err = q.param(0, &text); err != nil {
			return nil, err
		}
		if sub.sig, err = parseSignature(text); err != nil {
			return nil, err
		}
		sub.opts, err = q.opts(1)
	case "logs":
		sub.opts, err = q.opts(1)
		if err == nil {
			err = sub.parseMentions(q)
		}
	default:
		return nil, &rpcError{Code: codeNoMethod, Message: "Method not found"}
	}
	sub.seen = sub.top(q.book)
	return sub, err
}

func (sub *subscription) parseMentions(q *query) error {
	var text string
	if q.param(0, &text) == nil {
		sub.all = true
		return nil
	}
	var m struct {
		Mentions []string `json:"mentions"`
	}
	if err := q.param(0, &m); err != nil || len(m.Mentions) != 1 {
		return badParams("mentions: want one address")
	}
	k, err := parseKey(m.Mentions[0])
	sub.key = k
	return err
}

// top is the newest ended slot that the subscription's commitment shows.
func (sub *subscription) top(b *book) uint64 {
	return min(b.view(sub.opts.Commitment, 0), b.slot-1)
}

func (ss *subscriptions) add(sub *subscription, accepted func(id uint64)) error {
	ss.mu.Lock()
	n := 0
	for _, s := range ss.subs {
		if s.socket == sub.socket {
			n++
		}
	}
	if n >= maxSubs {
		ss.mu.Unlock()
		return &rpcError{Code: codeInternal, Message: "too many subscriptions on a connection"}
	}
	ss.next++
	sub.id = ss.next
	accepted(sub.id)
	ss.subs[sub.id] = sub
	ss.mu.Unlock()
	if sub.kind == "signature" {
		ss.notify()
	}
	return nil
}

func (ss *subscriptions) remove(id uint64, k *socket) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s, ok := ss.subs[id]; ok && s.socket == k {
		delete(ss.subs, id)
	}
}

// notify shows every subscription what its commitment has come to.
func (ss *subscriptions) notify() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.book.mu.RLock()
	defer ss.book.mu.RUnlock()
	ids := make([]uint64, 0, len(ss.subs))
	for id := range ss.subs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if done := ss.subs[id].show(ss.book); done {
			delete(ss.subs, id)
		}
	}
}

func (sub *subscription) push(method string, result any) {
	sub.socket.send(map[string]any{"jsonrpc": "2.0", "method": method + "Notification", "params": map[string]any{"result": result, "subscription": sub.id}})
}

// show pushes what is new; done says that the subscription has ended.
func (sub *subscription) show(b *book) (done bool) {
	top := sub.top(b)
	defer func() { sub.seen = max(sub.seen, top) }()
	if sub.kind == "signature" {
		r, ok := b.records[sub.sig]
		if !ok || r.slot > top {
			return false
		}
		sub.push("signature", inContext(r.slot, map[string]any{"err": r.err()}))
		return true
	}
	if top <= sub.seen {
		return false
	}
	switch sub.kind {
	case "slot":
		sub.push("slot", map[string]uint64{"slot": b.slot, "parent": b.slot - 1, "root": b.view("finalized", 0)})
	case "root":
		sub.push("root", b.view("finalized", 0))
	default:
		sub.showBlocks(b, top)
	}
	return false
}

func (sub *subscription) showBlocks(b *book, top uint64) {
	changed := false
	for slot := sub.seen + 1; slot <= top; slot++ {
		for _, r := range b.bySlot[slot] {
			switch sub.kind {
			case "logs":
				if sub.all || slices.Contains(r.tx.Message.AccountKeys, sub.key) {
					sub.push("logs", inContext(slot, map[string]any{"signature": r.sig, "err": r.err(), "logs": r.res.Logs}))
				}
			case "account":
				_, ok := r.res.Writes[sub.key]
				changed = changed || ok
			case "program":
				for k, a := range r.res.Writes {
					if a != nil && a.Owner == sub.key {
						sub.push("program", inContext(slot, keyedAccount{k, accountOf(a, sub.opts)}))
					}
				}
			}
		}
	}
	if changed {
		a := b.at(sub.key, top)
		if a == nil {
			a = &bank.Account{}
		}
		sub.push("account", inContext(top, accountOf(a, sub.opts)))
	}
}
