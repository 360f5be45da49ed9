package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/netting"
	"github.com/phantom-paradox/paradox/netting/internal/plain"
	"github.com/phantom-paradox/paradox/netting/internal/workload"
)

// BenchArgs are the flags of `paradox bench netting`.
type BenchArgs struct {
	MaxMoves int  // leave out larger batches; 0: all, up to a million
	JSON     bool // one JSON line a measurement
}

// A Measurement is one line of the table, in nanoseconds a move. No signature is in it. Core, Keys and Plain are the best
// of several rounds, in each of which all three ran, one after the other.
type Measurement struct {
	Mix     string  `json:"mix"`
	Moves   int     `json:"moves"`
	Wallets int     `json:"wallets"`
	Core    float64 `json:"core_ns"`                // from interned moves to the deltas of accounts
	Keys    float64 `json:"keys_ns"`                // from 32-byte keys to the sorted outcome, without explanations
	Plain   float64 `json:"map_ns,omitempty"`       // the same job with maps; payments only
	Times   float64 `json:"times,omitempty"`        // Plain / Keys
	Median  float64 `json:"times_median,omitempty"` // the median of the rounds' own ratios
	Rounds  int     `json:"rounds"`
	Allocs  uint64  `json:"allocs"`            // of a run from keys to outcome, warm
	Steps   float64 `json:"steps_a_move"`      // of the fixpoint
	Machine string  `json:"machine,omitempty"` // on the first line
}

type benchSize struct{ moves, wallets int }

func benchSizes() []benchSize {
	return []benchSize{{1_000, 1_000}, {10_000, 1_000}, {10_000, 10_000}, {100_000, 1_000}, {100_000, 10_000}, {100_000, 100_000},
		{1_000_000, 10_000}, {1_000_000, 100_000}}
}

// Bench measures netting on this machine and prints a table.
func Bench(ctx context.Context, a BenchArgs, stdout io.Writer) error {
	if a.MaxMoves < 0 {
		return fmt.Errorf("--max-moves is %d; give a positive number", a.MaxMoves)
	}
	where := machine()
	if !a.JSON {
		say(stdout, "netting, one core, no signatures, ns a move (best of interleaved rounds)\n%s\n%s\n\n%s\n\n%-8s %9s %9s %8s %9s %9s %7s %7s %7s %7s\n",
			where, benchClock, benchLegend, "mix", "moves", "wallets", "core", "keys", "map", "times", "median", "allocs", "steps")
	}
	var large []Measurement
	for _, mix := range workload.Mixes() {
		for _, s := range benchSizes() {
			if a.MaxMoves > 0 && s.moves > a.MaxMoves || mix != workload.Solvent && mix != workload.Scarce && s.moves != 10*s.wallets {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			m, err := measure(workload.Make(mix, s.moves, s.wallets, 1))
			if err != nil {
				return err
			}
			m.Machine, where = where, ""
			if err := m.print(stdout, a.JSON); err != nil {
				return fmt.Errorf("print a measurement: %w", err)
			}
			if m.Moves >= largeBatch && m.Times > 0 {
				large = append(large, m)
			}
		}
	}
	if !a.JSON {
		say(stdout, "%s", summary(large))
	}
	return nil
}

const benchLegend = `core    interned moves to the deltas of accounts
keys    32-byte keys to the sorted outcome, without explanations
map     the same job, keys to sorted outcome, with Go maps (payments only)
times   map / keys; median: of the rounds' own ratios, which the machine's other work moves less`

// largeBatch is from how many moves on the summary counts.
const largeBatch = 100_000

func summary(large []Measurement) string {
	if len(large) == 0 {
		return ""
	}
	least := slices.MinFunc(large, byTimes)
	most := slices.MaxFunc(large, byTimes)
	return fmt.Sprintf("\nfrom %d moves on the version with maps takes %.1f (%s, %d moves, %d wallets) to %.1f times as long (%s, %d moves, %d wallets)\n",
		largeBatch, least.Times, least.Mix, least.Moves, least.Wallets, most.Times, most.Mix, most.Moves, most.Wallets)
}

func byTimes(a, b Measurement) int { return cmp.Compare(a.Times, b.Times) }

func measure(b *workload.Batch) (Measurement, error) {
	e := netting.Engine{Bare: true}
	m := Measurement{Mix: b.Name, Moves: len(b.Moves), Wallets: len(b.Balances)}
	jobs := []func(){func() { e.NetKeyed(&b.Keyed) }, e.Solve}
	if len(b.Sales) == 0 {
		jobs = append(jobs, func() { plain.Net(b) })
	}
	rounds, err := interleaved(jobs)
	if err != nil {
		return m, fmt.Errorf("measure %s: %w", b.Name, err)
	}
	perMove := func(job int) float64 {
		shortest := slices.Min(column(rounds, job))
		return float64(shortest.Nanoseconds()) / float64(len(b.Moves))
	}
	m.Rounds, m.Keys, m.Core = len(rounds), perMove(0), perMove(1)
	m.Steps = float64(e.Steps()) / float64(len(b.Moves))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e.NetKeyed(&b.Keyed)
	runtime.ReadMemStats(&after)
	m.Allocs = after.Mallocs - before.Mallocs
	if len(jobs) > 2 {
		m.Plain = perMove(2)
		m.Times, m.Median = m.Plain/m.Keys, medianRatio(rounds)
	}
	return m, nil
}

// interleaved times the jobs round by round: at least three rounds, and as many as a second holds. What others do on the
// machine only ever makes a run longer, and meets all jobs alike.
func interleaved(jobs []func()) (rounds [][]time.Duration, err error) {
	const (
		least  = 3
		enough = time.Second
		sample = 5 * time.Millisecond // a shorter run is repeated: the clock has its grain
	)
	runtime.LockOSThread() // threadTime is a thread's
	defer runtime.UnlockOSThread()
	repeat := make([]int, len(jobs))
	for i, job := range jobs {
		job() // memory of the right size
		once, err := timed(job, 1)
		if err != nil {
			return nil, err
		}
		repeat[i] = 1 + int(sample/max(once, time.Microsecond))
	}
	for total := time.Duration(0); len(rounds) < least || total < enough; {
		round := make([]time.Duration, len(jobs))
		for i, job := range jobs {
			if round[i], err = timed(job, repeat[i]); err != nil {
				return nil, err
			}
			total += round[i] * time.Duration(repeat[i])
		}
		rounds = append(rounds, round)
	}
	return rounds, nil
}

// timed is how long one of n runs takes. The garbage of other jobs is not this one's.
func timed(job func(), n int) (time.Duration, error) {
	runtime.GC()
	start, err := threadTime()
	if err != nil {
		return 0, err
	}
	for range n {
		job()
	}
	end, err := threadTime()
	return (end - start) / time.Duration(n), err
}

func column(rounds [][]time.Duration, job int) []time.Duration {
	out := make([]time.Duration, len(rounds))
	for i := range rounds {
		out[i] = rounds[i][job]
	}
	return out
}

// medianRatio is the median of what the last job took over what the first took.
func medianRatio(rounds [][]time.Duration) float64 {
	ratios := make([]float64, len(rounds))
	for i, r := range rounds {
		ratios[i] = float64(r[len(r)-1]) / float64(r[0])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func (m *Measurement) print(w io.Writer, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(m)
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	}
	plainText, times, median := "-", "-", "-"
	if m.Plain > 0 {
		plainText, times, median = fmt.Sprintf("%.0f", m.Plain), fmt.Sprintf("%.1f", m.Times), fmt.Sprintf("%.1f", m.Median)
	}
	_, err := fmt.Fprintf(w, "%-8s %9d %9d %8.1f %9.1f %9s %7s %7s %7d %7.2f\n",
		m.Mix, m.Moves, m.Wallets, m.Core, m.Keys, plainText, times, median, m.Allocs, m.Steps)
	return err
}

// machine names the machine as well as it can.
func machine() string {
	model := "processor not named"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
