package figures

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phantom-paradox/paradox/agreement"
)

// Options say what to measure.
type Options struct {
	Members []int  // sizes of committees
	Heights int    // measured of each
	Losses  int    // of the leader
	Dir     string // for vote logs; they must be on the disk that nodes would use
}

// A Report is what came of it.
type Report struct {
	Machine Machine `json:"machine"`
	Delays  Delays  `json:"message_delays"`
	Sizes   []Size  `json:"committees"`
}

// Machine is where it was measured, and what else it did then.
type Machine struct {
	OS     string `json:"os"`
	CPUs   int    `json:"cpus"`
	Model  string `json:"model,omitempty"`
	Load   string `json:"load,omitempty"` // the system's averages when it began
	Go     string `json:"go"`
	Shared string `json:"shared"`
}

// Size is a committee of one size. Times are milliseconds.
type Size struct {
	Members  int     `json:"members"`
	Heights  int     `json:"heights"`
	P50      float64 `json:"decision_p50_ms"` // of all members' decisions, from the start of the round
	P99      float64 `json:"decision_p99_ms"`
	Messages float64 `json:"messages"`   // said in a height, by all members together
	Bytes    float64 `json:"bytes"`      // of those
	Wire     float64 `json:"wire_bytes"` // sent in a height by all hosts together: every copy, gossip and keeping included
	Loss     *Loss   `json:"leader_loss,omitempty"`
}

// Loss is a leader that is silent. Times are milliseconds.
type Loss struct {
	Samples int     `json:"samples"`
	Timer   float64 `json:"timer_ms"` // that the members wait for it
	P50     float64 `json:"decision_p50_ms"`
	Max     float64 `json:"decision_max_ms"`
	Beyond  float64 `json:"beyond_timer_p50_ms"`
}

const (
	// warmUp is how many heights come before those that count: meshes form, files grow.
	warmUp = 3
	// heightWait is how long a height may take: some views.
	heightWait = 2 * time.Minute
	// meetWait is how long hosts may take to find each other.
	meetWait = time.Minute
)

// Measure measures each committee, one after the other. tell hears of each.
func Measure(ctx context.Context, o Options, tell func(Size)) (*Report, error) {
	r := &Report{Machine: machine()}
	var err error
	if r.Delays, err = CountDelays(o.Members[0]); err != nil {
		return nil, err
	}
	for i, n := range o.Members {
		s, err := measure(ctx, o, n, fmt.Sprintf("%s/%d", o.Dir, i))
		if err != nil {
			return nil, fmt.Errorf("a committee of %d: %w", n, err)
		}
		tell(*s)
		r.Sizes = append(r.Sizes, *s)
	}
	return r, nil
}

// bench is a committee that runs.
type bench struct {
	members []*member
	done    chan decision
	height  uint64
}

func measure(ctx context.Context, o Options, n int, dir string) (s *Size, err error) {
	com, err := newCommittee(n)
	if err != nil {
		return nil, err
	}
	b := &bench{done: make(chan decision, 2*n)}
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, g.Wait())
		for _, m := range b.members {
			err = errors.Join(err, m.close())
		}
	}()
	for i := range n {
		m, err := newMember(ctx, dir, com, i, b.done)
		if err != nil {
			return nil, err
		}
		b.members = append(b.members, m)
		for _, task := range []func(context.Context) error{m.run, m.read, m.write} {
			g.Go(func() error { return task(ctx) })
		}
	}
	if err := b.meet(ctx); err != nil {
		return nil, err
	}
	if _, err := b.heights(ctx, warmUp, false); err != nil {
		return nil, err
	}
	return b.size(ctx, o)
}

func (b *bench) size(ctx context.Context, o Options) (*Size, error) {
	said, bytes, wire, err := b.traffic(ctx)
	if err != nil {
		return nil, err
	}
	took, err := b.heights(ctx, o.Heights, false)
	if err != nil {
		return nil, err
	}
	said2, bytes2, wire2, err := b.traffic(ctx)
	if err != nil {
		return nil, err
	}
	per := func(before, after uint64) float64 { return float64(after-before) / float64(o.Heights) }
	s := &Size{Members: len(b.members), Heights: o.Heights, P50: quantile(took, 0.50), P99: quantile(took, 0.99),
		Messages: per(said, said2), Bytes: per(bytes, bytes2), Wire: per(wire, wire2)}
	if o.Losses > 0 && len(b.members) > 3 { // fewer have no quorum without one
		if took, err = b.heights(ctx, o.Losses, true); err != nil {
			return nil, err
		}
		t := agreement.DefaultTiming()
		wait := float64((t.View + t.Grace).Milliseconds())
		s.Loss = &Loss{Samples: o.Losses, Timer: wait, P50: quantile(took, 0.50), Max: quantile(took, 1), Beyond: quantile(took, 0.50) - wait}
	}
	return s, nil
}

// meet connects everybody with everybody.
func (b *bench) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, meetWait)
	defer cancel()
	for i, m := range b.members {
		for _, other := range b.members[:i] {
			if err := m.host.Connect(ctx, other.host.Info()); err != nil {
				return err
			}
		}
	}
	for _, m := range b.members {
		if err := m.topic.WaitPeers(ctx, len(b.members)-1); err != nil {
			return err
		}
	}
	return nil
}

// meterRest is after how long libp2p's meters have counted what was sent: they look once a second.
const meterRest = 2500 * time.Millisecond

// traffic is what was said so far, once it is counted.
func (b *bench) traffic(ctx context.Context) (said, bytes, wire uint64, err error) {
	select {
	case <-time.After(meterRest):
	case <-ctx.Done():
		return 0, 0, 0, ctx.Err()
	}
	for _, m := range b.members {
		said += m.said.Load()
		bytes += m.bytes.Load()
		wire += uint64(m.host.Traffic().TotalOut)
	}
	return said, bytes, wire, nil
}

// heights decides some heights and gives what each member's decision took. With silent, the first leader of each hears nothing.
func (b *bench) heights(ctx context.Context, count int, silent bool) (took []time.Duration, err error) {
	for range count {
		b.height++
		height, leader := b.height, b.members[0].com.order(b.height)[0]
		for i, m := range b.members {
			m.order(ctx, func() { m.enter(height, silent && i == leader) })
		}
		began := time.Now()
		for _, m := range b.members {
			m.order(ctx, func() { m.start(began) })
		}
		want := len(b.members)
		if silent {
			want--
		}
		late := time.After(heightWait)
		for want > 0 {
			select {
			case d := <-b.done:
				if d.height == height {
					took = append(took, d.took)
					want--
				}
			case <-late:
				return nil, fmt.Errorf("height %d is not decided after %s", height, heightWait)
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	slices.Sort(took)
	return took, nil
}

// quantile is of a sorted list, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

func machine() Machine {
	m := Machine{OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), Shared: "all members run in this one process, on these CPUs and one disk"}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil { // where there is one
		m.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.Model = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// Text is the report for people.
func (r *Report) Text(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d CPUs (%s), load %s, %s; %s\n\n", m.OS, m.CPUs, m.Model, m.Load, m.Go, m.Shared)
	fmt.Fprintf(w, "message delays: %d to decide, %d after the timeout of a silent leader\n\n", r.Delays.Decision, r.Delays.LeaderLoss)
	fmt.Fprintf(w, "members  decision p50     p99   messages      bytes   on the wire   without leader p50     max   beyond the timer\n")
	for _, s := range r.Sizes {
		s.Line(w)
	}
}

// Line is a row of Text.
func (s *Size) Line(w io.Writer) {
	fmt.Fprintf(w, "%7d  %9.1f ms %6.1f ms %8.1f %8.1f kB %10.1f kB", s.Members, s.P50, s.P99, s.Messages, s.Bytes/1000, s.Wire/1000)
	if l := s.Loss; l != nil {
		fmt.Fprintf(w, "   %15.0f ms %6.0f ms %12.0f ms", l.P50, l.Max, l.Beyond)
	}
	fmt.Fprintln(w)
}
