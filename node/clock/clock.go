// Package clock asks time servers how far this machine's clock is off. It sets no clock and starts nothing.
package clock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/beevik/ntp"
)

const (
	// askTime is how long one server may take.
	askTime = 5 * time.Second
	// Drift is what a clock may be off: headers carry whole seconds, and intents are judged by them.
	Drift = time.Second
	// Broken is so far off that this node disagrees with the others on what has expired.
	Broken = 5 * time.Second
)

// ErrUnknown says that no server answered.
var ErrUnknown = errors.New("no time server answers")

// Offset is how far the true time is ahead of this machine's, as the middle one of the servers that answer says. A server is
// HOST or HOST:PORT.
func Offset(ctx context.Context, servers []string) (time.Duration, error) {
	if len(servers) == 0 {
		return 0, fmt.Errorf("%w: clock.ntp names none", ErrUnknown)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var mu sync.Mutex
	var offsets []time.Duration
	errs := []error{ErrUnknown}
	var all sync.WaitGroup
	for _, server := range servers {
		all.Go(func() {
			offset, err := ask(ctx, server)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", server, err))
				return
			}
			offsets = append(offsets, offset)
		})
	}
	all.Wait()
	if len(offsets) == 0 {
		return 0, errors.Join(errs...)
	}
	slices.Sort(offsets)
	return offsets[(len(offsets)-1)/2], nil
}

func ask(ctx context.Context, server string) (time.Duration, error) {
	dial := func(_, remote string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "udp", remote)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		return c, nil
	}
	answer, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: askTime, Dialer: dial})
	if err != nil {
		return 0, err
	}
	if err := answer.Validate(); err != nil {
		return 0, err
	}
	return answer.ClockOffset, nil
}
