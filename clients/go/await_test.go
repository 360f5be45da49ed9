package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/phantom-paradox/paradox/intent"
)

func TestAwaitFollowsAnIntent(t *testing.T) {
	id := intent.TextID([]byte("x"))
	var asked atomic.Int32
	states := []string{Pending, Accepted, Pending, Settled}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		fmt.Fprintf(w, `{"id":%q,"state":%q}`, id, states[min(n, len(states))-1])
	})
	if s, err := c.Await(t.Context(), id, Accepted); err != nil || s.State != Accepted || asked.Load() != 2 {
		t.Errorf("%+v %v", s, err)
	}
	if s, err := c.Await(t.Context(), id, Settled); err != nil || s.State != Settled {
		t.Errorf("%+v %v", s, err)
	}
}

func TestAwaitEnds(t *testing.T) {
	id := intent.TextID([]byte("x"))
	state, status := Dropped, http.StatusOK
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"id":%q,"state":%q,"dropped":{"code":"expired"}}`, id, state)
	})
	if s, err := c.Await(t.Context(), id, Settled); err != nil || s.State != Dropped || s.Dropped.Code != intent.Expired {
		t.Errorf("%+v %v", s, err)
	}
	state = Pending
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Await(ctx, id, Settled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	status = http.StatusNotFound
	if _, err := c.Await(t.Context(), id, Settled); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}
