package clock

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an NTP server whose clock is ahead by so much.
func server(t *testing.T, ahead time.Duration) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 128)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if n >= 48 {
				_, _ = c.WriteTo(answer(b[:48], time.Now().Add(ahead)), from)
			}
		}
	}()
	return c.LocalAddr().String()
}

// answer is a server's packet (RFC 5905): mode 4, stratum 1, the question's transmit time as origin.
func answer(question []byte, at time.Time) []byte {
	out := make([]byte, 48)
	out[0], out[1], out[2], out[3] = 4<<3|4, 1, 6, 0xec
	copy(out[12:], "TEST")
	copy(out[24:32], question[40:48])
	for _, place := range []int{16, 32, 40} {
		binary.BigEndian.PutUint32(out[place:], uint32(at.Unix()+2_208_988_800))
		binary.BigEndian.PutUint32(out[place+4:], uint32(uint64(at.Nanosecond())<<32/1_000_000_000))
	}
	return out
}

func TestOffsetIsTheMiddleOfThoseThatAnswer(t *testing.T) {
	const slack = 30 * time.Second // a machine may stand for a while between question and answer
	got, err := Offset(t.Context(), []string{server(t, time.Hour), server(t, 2*time.Hour), server(t, -100*time.Hour), "127.0.0.1:1"})
	if err != nil || got < time.Hour-slack || got > time.Hour+slack {
		t.Errorf("%s %v", got, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	for _, list := range [][]string{nil, {"127.0.0.1:1"}, {"nowhere.invalid"}} {
		if _, err := Offset(t.Context(), list); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: %v", list, err)
		}
	}
}
