package chain

import (
	"context"
	"log/slog"
	"time"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"
	"github.com/gagliardetto/solana-go/rpc/ws"

	endpoints "github.com/phantom-paradox/paradox/chain/rpc"
)

// A Waker turns a WebSocket account subscription into wake-ups. It is for speed only: what is true is polled.
type Waker struct {
	URL        string // ws:// or wss:// endpoint
	Account    solana.PublicKey
	Commitment rpc.CommitmentType // default finalized
	Logger     *slog.Logger
}

// Pauses between attempts to subscribe.
const (
	wakerPause    = 200 * time.Millisecond
	wakerPauseMax = 30 * time.Second
)

// Run subscribes, and again after failures, until ctx ends; it sends to each channel without blocking.
func (k *Waker) Run(ctx context.Context, wake ...chan<- struct{}) error {
	pause := wakerPause
	for {
		heard, err := k.listen(ctx, wake)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if heard {
			pause = wakerPause
		}
		if k.Logger != nil {
			k.Logger.Debug("waker: subscription ended", "err", endpoints.Conceal(err, k.URL), "again_in", pause)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		pause = min(2*pause, wakerPauseMax)
	}
}

func (k *Waker) listen(ctx context.Context, wake []chan<- struct{}) (heard bool, err error) {
	c, err := ws.Connect(ctx, k.URL)
	if err != nil {
		return false, err
	}
	defer c.Close()
	commitment := k.Commitment
	if commitment == "" {
		commitment = rpc.CommitmentFinalized
	}
	sub, err := c.AccountSubscribeWithOpts(k.Account, commitment, solana.EncodingBase64)
	if err != nil {
		return false, err
	}
	defer sub.Unsubscribe()
	for {
		if _, err := sub.Recv(ctx); err != nil {
			return heard, err
		}
		heard = true
		for _, w := range wake {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
}
