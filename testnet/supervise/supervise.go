// Package supervise keeps processes alive: it starts them, starts them again with backoff when they die, and stops them
// when it is told to. Whether a process does its work is for others to judge.
package supervise

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Command is a process to keep alive.
type Command struct {
	Name string
	Path string
	Args []string
	Env  []string
	Log  string // file that its output is appended to
}

// Timing is how patient a supervisor is.
type Timing struct {
	Backoff    time.Duration // before the first restart; doubled with each death in a row
	BackoffMax time.Duration
	Healthy    time.Duration // alive for so long, the next death is the first in a row again
	Grace      time.Duration // between asking to stop and killing
}

// DefaultTiming suits nodes: they start in a second and close their database in less than ten.
func DefaultTiming() Timing {
	return Timing{Backoff: 300 * time.Millisecond, BackoffMax: 10 * time.Second, Healthy: 20 * time.Second, Grace: 15 * time.Second}
}

// A Notice is something that happened to a process.
type Notice struct {
	Name  string
	PID   int
	Event Event
	Err   error         // of Died and Failed
	Wait  time.Duration // before it is started again
}

// Event says what happened.
type Event uint8

// The events.
const (
	Started Event = iota + 1
	Died          // it ended though nobody asked it to
	Failed        // it could not be started
	Stopped       // as it was asked
)

// A Supervisor owns some processes.
type Supervisor struct {
	timing Timing
	notify func(Notice)
	wg     sync.WaitGroup
	cancel context.CancelFunc
	pids   []atomic.Int64
}

// Start starts the commands and keeps them alive until Stop or until ctx ends. notify is called from several goroutines.
func Start(ctx context.Context, t Timing, commands []Command, notify func(Notice)) *Supervisor {
	ctx, cancel := context.WithCancel(ctx)
	s := &Supervisor{timing: t, notify: notify, cancel: cancel, pids: make([]atomic.Int64, len(commands))}
	for n, c := range commands {
		s.wg.Go(func() { s.keep(ctx, n, c) })
	}
	return s
}

// PID is the process id of the n-th command now; 0 while it does not run.
func (s *Supervisor) PID(n int) int { return int(s.pids[n].Load()) }

// Stop asks all processes to end, kills those that do not within the grace, and waits for all.
func (s *Supervisor) Stop() {
	s.cancel()
	s.wg.Wait()
}

func (s *Supervisor) keep(ctx context.Context, n int, c Command) {
	// On Linux the kernel ends a child when the thread that started it ends: then no node outlives a launcher that was
	// killed. So the thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	wait := s.timing.Backoff
	for ctx.Err() == nil {
		began := time.Now()
		event, err := s.run(ctx, n, c)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= s.timing.Healthy {
			wait = s.timing.Backoff
		}
		s.notify(Notice{Name: c.Name, Event: event, Err: err, Wait: wait})
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, s.timing.BackoffMax)
	}
}

// run starts the process once and waits for its end.
func (s *Supervisor) run(ctx context.Context, n int, c Command) (Event, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return Failed, fmt.Errorf("opening the log of %s: %w", c.Name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(stopSignal()) }
	cmd.WaitDelay = s.timing.Grace
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return Failed, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	s.pids[n].Store(int64(cmd.Process.Pid))
	s.notify(Notice{Name: c.Name, PID: cmd.Process.Pid, Event: Started})
	err = cmd.Wait()
	s.pids[n].Store(0)
	if ctx.Err() != nil {
		s.notify(Notice{Name: c.Name, PID: cmd.Process.Pid, Event: Stopped, Err: err})
		return Stopped, err
	}
	if err == nil {
		err = fmt.Errorf("%s ended by itself", c.Name)
	}
	return Died, err
}

// tailBytes is how much of a log's end is read to show why a process died.
const tailBytes = 4 << 10

// Tail is the end of a command's log.
func Tail(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(max(0, info.Size()-tailBytes), io.SeekStart); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, tailBytes))
	return string(b), err
}
