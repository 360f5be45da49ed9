package figures

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// One sweeper a process, of the library that measures bandwidth.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"))
}

// Propose, prepare, commit; and without the leader round change, propose, prepare, commit.
func TestDelaysAreQBFTs(t *testing.T) {
	for _, n := range []int{4, 7, 10, 21} {
		if d, err := CountDelays(n); err != nil || d != (Delays{Decision: 3, LeaderLoss: 4}) {
			t.Errorf("%d members: %+v, %v", n, d, err)
		}
	}
	if _, err := CountDelays(22); err == nil {
		t.Error("a committee of 22")
	}
}

func TestACommitteeIsMeasured(t *testing.T) {
	told := 0
	r, err := Measure(t.Context(), Options{Members: []int{4}, Heights: 3, Losses: 1, Dir: t.TempDir()}, func(Size) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	s := r.Sizes[0]
	// Four prepares, four commits and the proposal; what was lost is said again.
	if told != 1 || s.Messages < 9 || s.Bytes <= 0 || s.Wire < s.Bytes || s.P50 <= 0 || s.P99 < s.P50 || s.Loss == nil || s.Loss.Beyond <= 0 {
		t.Errorf("%+v, %+v", s, s.Loss)
	}
	var out bytes.Buffer
	r.Text(&out)
	if !strings.Contains(out.String(), "message delays: 3 to decide, 4 after") {
		t.Error(out.String())
	}
}
