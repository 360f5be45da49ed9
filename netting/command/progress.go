package command

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// patience is how long a job may take before it shows a bar: what is over sooner needs none.
const patience = 500 * time.Millisecond

// progress shows bytes read of a file, on a terminal, once the job takes longer than patience.
type progress struct {
	w     io.Writer
	size  int64 // 0: not known
	start time.Time
	bars  *mpb.Progress
	bar   *mpb.Bar
}

func newProgress(w io.Writer, size int64) *progress {
	p := &progress{size: size, start: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = w
	}
	return p
}

func (p *progress) show(_, bytes int64) {
	if p.w == nil || p.bar == nil && time.Since(p.start) < patience {
		return
	}
	if p.bar == nil {
		p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(p.size, mpb.PrependDecorators(decor.Name("reading "), decor.CountersKibiByte("% .1f / % .1f")),
			mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f"), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))
	}
	if p.size == 0 {
		p.bar.SetTotal(bytes+1, false)
	}
	p.bar.SetCurrent(bytes)
}

func (p *progress) done(complete bool) {
	if p.bar == nil {
		return
	}
	if complete {
		p.bar.SetTotal(-1, true)
	} else {
		p.bar.Abort(false)
	}
	p.bars.Wait()
}
