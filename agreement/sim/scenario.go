package sim

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/phantom-paradox/paradox/agreement/internal/mutation"
)

// A Trick is one thing that Byzantine members do.
type Trick uint32

// The catalogue.
const (
	Mute          Trick = 1 << iota // says nothing
	SplitProposal                   // proposes one header to some and another to the others
	DoubleVote                      // prepares and commits every header it hears of, to some
	HideLock                        // never shows its lock, and overlooks others' where it can
	FalseLock                       // claims locks that nobody prepared
	Withhold                        // proposes batches whose blocks it keeps
	WrongOutcome                    // proposes headers with a wrong outcome
	EmptyHeight                     // proposes empty heights without a reason
	BadTime                         // proposes headers from another hour
	FarCut                          // proposes cuts that the chain has not reached
	Replay                          // sends again what it has heard, of any time
	Flood                           // sends votes of random views
	Partial                         // sends what it sends to some only
	Usurp                           // proposes in views that others lead
	OldHeader                       // proposes headers again that nobody is locked on
	Forge                           // signs in others' names, and badly
	Fork                            // shows each half of the committee a different honest face
	endOfTricks
)

func (t Trick) String() string {
	names := []string{
		"mute", "split-proposal", "double-vote", "hide-lock", "false-lock", "withhold", "wrong-outcome", "empty-height",
		"bad-time", "far-cut", "replay", "flood", "partial", "usurp", "old-header", "forge", "fork",
	}
	var out []string
	for i, name := range names {
		if t&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, "+")
}

// A Scenario is all that a run depends on.
type Scenario struct {
	Seed     uint64
	Weights  []uint16
	Tricks   []Trick // by member; zero: honest
	Settle   uint64  // heights to settle after the network has healed
	Heal     time.Duration
	Deadline time.Duration // virtual time by which it must have come to that

	Latency     Latency
	Loss        float64       // of each message, before the network heals
	LossOf      [6]float64    // likewise, by kind of message, on top
	Duplicate   float64       // chance that a message comes twice, likewise
	Partitions  time.Duration // a new partition so often; zero: none
	CrashEvery  time.Duration // somebody crashes so often; zero: nobody
	Blackout    bool          // everybody dies at once, shortly before the network heals
	CrashOnSave float64       // chance that a member crashes right before or after it writes its log
	DiskLoss    []bool        // by member: its crashes lose the disk
	Skew        []time.Duration
	Lag         []time.Duration // of the member's watcher, before the network heals
	Drops       float64         // chance that a pending height is dropped
	Withdraws   time.Duration   // a withdrawal that moves the generation so often; zero: none
	Changes     float64         // chance that a header changes the members, before the network heals
	Requests    float64         // chance that a height opens with a withdrawal request

	Mutation mutation.Set
}

// Latency is a model of message delays.
type Latency uint8

// The models.
const (
	Local   Latency = iota // 1 to 10 ms
	Wide                   // 20 to 250 ms, with a tail
	Erratic                // 1 ms to 5 s
	endOfLatencies
)

func (l Latency) draw(r *rand.Rand) time.Duration {
	switch l {
	case Wide:
		d := 20 + r.IntN(230)
		if r.IntN(20) == 0 {
			d *= 5
		}
		return time.Duration(d) * time.Millisecond
	case Erratic:
		return time.Duration(1+r.IntN(5000)) * time.Millisecond
	default:
		return time.Duration(1000+r.IntN(9000)) * time.Microsecond
	}
}

// Generate makes the scenario of a seed for a committee of n: equal weights for even seeds, unequal for odd ones;
// Byzantine members, bad clocks and lost disks together weigh less than a third.
func Generate(seed uint64, n int) Scenario {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	s := Scenario{
		Seed: seed, Weights: make([]uint16, n), Tricks: make([]Trick, n), Settle: 2,
		Heal: time.Duration(10+r.IntN(50)) * time.Second, Latency: Latency(r.IntN(int(endOfLatencies))),
		DiskLoss: make([]bool, n), Skew: make([]time.Duration, n), Lag: make([]time.Duration, n),
	}
	s.Deadline = s.Heal + 10*time.Minute
	for i := range s.Weights {
		s.Weights[i] = 1
		if seed%2 == 1 {
			s.Weights[i] = uint16(1 + r.IntN(9))
		}
		s.Skew[i] = time.Duration(r.IntN(1600)-800) * time.Millisecond
		if r.IntN(4) == 0 {
			s.Lag[i] = time.Duration(r.IntN(20)) * time.Second
		}
	}
	s.weather(r)
	s.faults(r)
	return s
}

// weather is what happens to everybody.
func (s *Scenario) weather(r *rand.Rand) {
	pick := func() bool { return r.IntN(3) == 0 }
	if pick() {
		s.Loss = r.Float64() * 0.6
	}
	if pick() {
		s.LossOf[1+r.IntN(5)] = 0.5 + r.Float64()/2 // say, hardly a commit comes through: locks without decisions
	}
	if pick() {
		s.Duplicate = r.Float64() * 0.3
	}
	if pick() {
		s.Partitions = time.Duration(1+r.IntN(10)) * time.Second
	}
	if pick() {
		s.CrashEvery = time.Duration(1+r.IntN(10)) * time.Second
	}
	s.Blackout = pick()
	if pick() {
		s.CrashOnSave = r.Float64() * 0.2
	}
	if pick() {
		s.Drops = r.Float64() * 0.6
	}
	if pick() {
		s.Withdraws = time.Duration(2+r.IntN(15)) * time.Second
	}
	if pick() {
		s.Changes = r.Float64()
	}
	if pick() {
		s.Requests = r.Float64() / 2
	}
}

// faults gives faults to members as long as all of them together weigh less than a third.
func (s *Scenario) faults(r *rand.Rand) {
	total, spent := 0, 0
	for _, w := range s.Weights {
		total += int(w)
	}
	most := r.IntN(4) // in every fourth scenario nobody is faulty
	if most == 0 {
		return
	}
	some, others := Trick(r.Uint32()), Trick(r.Uint32())
	common := some & others & Everything() // a quarter of the catalogue
	for _, i := range r.Perm(len(s.Weights)) {
		if w := int(s.Weights[i]); 3*(spent+w) < total {
			spent += w
			s.fault(i, r, common)
		}
	}
}

func (s *Scenario) fault(i int, r *rand.Rand, common Trick) {
	switch r.IntN(10) {
	case 0:
		s.DiskLoss[i] = true
	case 1:
		s.Skew[i] = time.Duration(r.IntN(120)-60) * time.Second
	case 2, 3, 4:
		s.Tricks[i] = 1 << r.IntN(tricks())
	default:
		s.Tricks[i] = common | 1<<r.IntN(tricks())
	}
}

// tricks is the size of the catalogue.
func tricks() int {
	n := 0
	for t := Trick(1); t < endOfTricks; t <<= 1 {
		n++
	}
	return n
}

// Everything is all tricks together but silence.
func Everything() Trick { return (endOfTricks - 1) &^ Mute }

// Catalogue is a scenario in which as many members as can be play these tricks: odd seeds in foul weather.
func Catalogue(seed uint64, n int, tricks Trick) Scenario {
	s := Generate(seed, n)
	if seed%2 == 0 {
		calm := Scenario{
			Seed: seed, Weights: s.Weights, Settle: 2, Heal: s.Heal, Deadline: s.Deadline, Latency: Wide,
			DiskLoss: make([]bool, n), Skew: make([]time.Duration, n), Lag: make([]time.Duration, n),
		}
		s = calm
	}
	s.Tricks = make([]Trick, n)
	total, spent := 0, 0
	for i, w := range s.Weights {
		total += int(w)
		s.DiskLoss[i] = false
		s.Skew[i] %= time.Second
	}
	for i, w := range s.Weights {
		if 3*(spent+int(w)) < total {
			spent += int(w)
			s.Tricks[i] = tricks
		}
	}
	return s
}
