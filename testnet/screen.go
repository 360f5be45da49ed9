package testnet

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/phantom-paradox/paradox/internal/fit"
)

// A screen shows a run to a person: lines, and where there is a terminal and a known amount to do, a bar below them.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	tty   bool
	width func() int // of the terminal; nil: lines are not broken
	start time.Time
	now   func() time.Time
	bars  *mpb.Progress
	bar   *mpb.Bar
	note  atomic.Value // string, beside the bar
}

func newScreen(o *Options) *screen {
	s := &screen{out: o.Out, tty: o.TTY, width: o.Columns, start: o.Now(), now: o.Now}
	s.note.Store("")
	return s
}

// stampWidth is what the time takes before a line.
const stampWidth = 9

// say writes one line, broken where a terminal is narrower.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.out
	if s.bars != nil {
		w = s.bars // prints above the bar
	}
	text := fmt.Sprintf(format, args...)
	if s.width != nil && !strings.Contains(text, "\n") {
		text = fit.Wrap(text, s.width(), stampWidth, stampWidth)
	}
	fmt.Fprintf(w, "%6.1fs  %s\n", s.now().Sub(s.start).Seconds(), text)
}

// expect begins a bar of total things; without a terminal there is none.
func (s *screen) expect(total int) {
	if !s.tty || total <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bars = mpb.New(mpb.WithOutput(s.out), mpb.WithWidth(40))
	s.bar = s.bars.AddBar(int64(total),
		mpb.PrependDecorators(decor.Name("intents "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return s.note.Load().(string) })),
	)
}

// progress moves the bar.
func (s *screen) progress(done int, note string) {
	s.note.Store(note)
	if s.bar != nil {
		s.bar.SetCurrent(int64(done))
	}
}

// close ends the bar, whether it is full or not.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bars == nil {
		return
	}
	s.bar.Abort(false)
	s.bars.Wait()
	s.bars = nil
}
