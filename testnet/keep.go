package testnet

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/chain/svm"
	"github.com/phantom-paradox/paradox/testnet/supervise"
)

// A keptSVM is a Solana VM in a child process that is started again when it dies. Its journal brings its chain back.
type keptSVM struct {
	cfg    svm.Config
	say    func(format string, args ...any)
	server atomic.Pointer[svm.Server] // the newest

	url     string
	genesis solana.Hash

	stop context.CancelFunc // of keeping
	kill context.CancelFunc // of the process
	done chan struct{}
}

// killWait is how long a start that is under way may go on once the VM is not wanted any more.
const killWait = 5 * time.Second

func keepSVM(ctx context.Context, cfg svm.Config, say func(string, ...any)) (*keptSVM, error) {
	life, kill := context.WithCancel(ctx)
	server, err := svm.Start(life, cfg)
	if err != nil {
		kill()
		return nil, err
	}
	k := &keptSVM{cfg: cfg, say: say, url: server.URL(), genesis: server.GenesisHash(), kill: kill, done: make(chan struct{})}
	k.server.Store(server)
	keeping, stop := context.WithCancel(life)
	k.stop = stop
	go func() {
		defer close(k.done)
		k.keep(keeping, life, supervise.DefaultTiming())
	}()
	return k, nil
}

// keep starts the process again whenever it has ended, until keeping ends.
func (k *keptSVM) keep(keeping, life context.Context, t supervise.Timing) {
	wait, began := t.Backoff, time.Now()
	for {
		select {
		case <-keeping.Done():
			return
		case <-k.server.Load().Done():
		}
		if time.Since(began) > t.Healthy {
			wait = t.Backoff
		}
		why := k.server.Load().Complaint()
		if why == "" {
			why = "it said nothing"
		}
		k.say("the Solana VM died (%s); starting it again in %s", why, wait)
		began = k.again(keeping, life, &wait, t)
	}
}

// again waits and starts, until it has succeeded or keeping ends.
func (k *keptSVM) again(keeping, life context.Context, wait *time.Duration, t supervise.Timing) (began time.Time) {
	for {
		timer := time.NewTimer(*wait)
		select {
		case <-keeping.Done():
			timer.Stop()
			return time.Time{}
		case <-timer.C:
		}
		*wait = min(2**wait, t.BackoffMax)
		server, err := svm.Start(life, k.cfg)
		if err == nil {
			k.server.Store(server)
			return time.Now()
		}
		if keeping.Err() != nil {
			return time.Time{}
		}
		k.say("the Solana VM cannot be started (%v); trying again in %s", err, *wait)
	}
}

func (k *keptSVM) URL() string { return k.url }

func (k *keptSVM) GenesisHash() solana.Hash { return k.genesis }

// Close ends keeping, then the process.
func (k *keptSVM) Close() error {
	k.stop()
	timer := time.NewTimer(killWait)
	defer timer.Stop()
	select {
	case <-k.done:
	case <-timer.C:
		k.kill()
		<-k.done
	}
	err := k.server.Load().Close()
	k.kill()
	return err
}
