package sim

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phantom-paradox/paradox/agreement"
	at "github.com/phantom-paradox/paradox/agreement/agreementtest"
	"github.com/phantom-paradox/paradox/leader"
	"github.com/phantom-paradox/paradox/network"
)

// A Result is what became of a run.
type Result struct {
	Err       error // the promise that was broken, or nil
	Heights   uint64
	Elapsed   time.Duration // virtual
	Messages  int
	MaxView   uint32
	Evidence  int // contradictions that honest members saw
	Decisions int
	Discarded int // headers decided by somebody, then void because the generation moved
	Restarts  int
	Epochs    uint32        // changes of the members
	Recovery  time.Duration // virtual, from the heal to the goal
	Hash      [32]byte      // of all that happened: equal for equal seeds
}

// Run plays a scenario.
func Run(s Scenario) Result {
	w := newWorld(s)
	w.run()
	return w.result()
}

// timing is shorter than a node's, so that runs are; the proportions are the same.
func timing() agreement.Timing {
	return agreement.Timing{
		View: 2 * time.Second, PerMiB: time.Second, Max: 12 * time.Second, Grace: time.Second, Rebroadcast: 700 * time.Millisecond,
	}
}

// A world is a run: the clock, what is going to happen, and everybody.
type world struct {
	s          Scenario
	r          *rand.Rand
	now        time.Duration
	queue      queue
	seq        uint64
	members    []network.Member // all there are; by epoch: committee
	committees map[uint32]*committee
	nodes      []*node
	vault      *vault
	watch      *watch
	cut        []int // partition: members with different numbers do not hear each other
	res        Result
	trace      [32]byte
	goal       uint64
}

func newWorld(s Scenario) *world {
	w := &world{s: s, r: rand.New(rand.NewPCG(s.Seed, 0xa9)), members: at.Members(s.Weights...), cut: make([]int, len(s.Weights)), committees: map[uint32]*committee{}}
	w.vault = newVault(w)
	w.watch = newWatch(w)
	for i := range w.members {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	return w
}

func (w *world) run() {
	for _, n := range w.nodes {
		w.after(time.Duration(w.r.IntN(500))*time.Millisecond, n.boot)
	}
	w.vault.schedule()
	w.schedulePartitions()
	w.scheduleCrashes()
	w.at(w.s.Heal, w.heal)
	for len(w.queue) > 0 && w.res.Err == nil && !w.done() {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		if w.now > w.s.Deadline {
			w.fail("not live: %s", w.stuck())
			return
		}
		e.do()
	}
	if len(w.queue) == 0 && !w.done() {
		w.fail("not live: nothing happens any more: %s", w.stuck())
	}
}

// heal ends all troubles but the Byzantine members.
func (w *world) heal() {
	clear(w.cut)
	w.goal = w.vault.height + w.s.Settle
	for _, n := range w.nodes {
		if n.down {
			n.boot()
		}
		n.watchChain()
	}
}

func (w *world) healed() bool { return w.now >= w.s.Heal }

// done: enough heights are settled since the network healed, and every honest member knows it.
func (w *world) done() bool {
	if w.goal == 0 || w.vault.height < w.goal {
		return false
	}
	for _, n := range w.nodes {
		if n.honest() && n.height < w.goal {
			return false
		}
	}
	return true
}

func (w *world) stuck() string {
	out := fmt.Sprintf("height %d, goal %d, generation %d, epoch %d:", w.vault.height, w.goal, w.vault.generation, w.vault.epoch)
	for _, n := range w.nodes {
		if n.machine == nil {
			out += fmt.Sprintf(" [%d down %v]", n.place, w.s.Tricks[n.place])
			continue
		}
		st := n.machine.Status()
		out += fmt.Sprintf(" [%d %v h%d g%d v%d %s silent=%v]", n.place, w.s.Tricks[n.place], st.Instance.Height, st.Instance.Generation, st.View, st.Phase, st.Silent)
	}
	return out
}

func (w *world) fail(format string, args ...any) {
	if w.res.Err == nil {
		w.res.Err = fmt.Errorf("at %v: "+format, append([]any{w.now}, args...)...)
	}
}

func (w *world) result() Result {
	w.res.Epochs = w.vault.epoch
	w.res.Heights, w.res.Elapsed, w.res.Hash, w.res.Recovery = w.vault.height, w.now, w.trace, w.now-w.s.Heal
	return w.res
}

// note makes a run comparable with its replay.
func (w *world) note(what byte, place int, digest [32]byte) {
	b := append(w.trace[:], what, byte(place))
	b = binary.LittleEndian.AppendUint64(b, uint64(w.now))
	w.trace = sha256.Sum256(append(b, digest[:]...))
}

// order is the leader order of a height among the members of its epoch.
func (w *world) order(height uint64, members []network.Member) []int {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], height)
	binary.LittleEndian.PutUint64(b[8:], w.s.Seed)
	return leader.Draw{}.Order(height, sha256.Sum256(b[:]), members)
}

// send delivers a message to one member, if the network lets it.
func (w *world) send(from, to int, m *agreement.Message) {
	copies := 1
	latency := w.s.Latency
	if w.healed() {
		latency = min(latency, Wide)
	} else {
		if w.cut[from] != w.cut[to] || w.r.Float64() < w.s.Loss || w.r.Float64() < w.s.LossOf[m.Kind] {
			return
		}
		if w.r.Float64() < w.s.Duplicate {
			copies++
		}
	}
	if w.res.Messages%codecEvery == 0 {
		m = w.throughCodec(m)
	}
	for range copies {
		w.res.Messages++
		w.after(latency.draw(w.r), func() { w.nodes[to].receive(m) })
	}
}

// codecEvery: encoding is the larger part of a message's cost, and has tests of its own.
const codecEvery = 50

// throughCodec is what a message becomes on its way.
func (w *world) throughCodec(m *agreement.Message) *agreement.Message {
	out, err := agreement.DecodeMessage(m.Encode())
	if err != nil {
		w.fail("a message does not survive its encoding: %v: %+v", err, *m)
		return m
	}
	return out
}

func (w *world) schedulePartitions() {
	if w.s.Partitions == 0 {
		return
	}
	w.every(w.s.Partitions, func() {
		parts := 1 + w.r.IntN(3)
		for i := range w.cut {
			w.cut[i] = w.r.IntN(parts)
		}
	})
}

func (w *world) scheduleCrashes() {
	if w.s.Blackout {
		w.at(w.s.Heal-3*time.Second, func() {
			for _, n := range w.nodes {
				if n.honest() {
					n.crash()
				}
			}
		})
	}
	if w.s.CrashEvery == 0 {
		return
	}
	w.every(w.s.CrashEvery, func() {
		if n := w.nodes[w.r.IntN(len(w.nodes))]; n.honest() {
			n.crash()
		}
	})
}

// every repeats something until the network heals.
func (w *world) every(d time.Duration, do func()) {
	w.after(d, func() {
		if !w.healed() {
			do()
			w.every(d, do)
		}
	})
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

func (w *world) at(t time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{at: t, seq: w.seq, do: do})
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
