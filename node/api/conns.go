package api

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

const (
	// maxConns bounds open connections: what the process's file descriptors leave beside peers and disk.
	maxConns = 2048
	// maxClientConns bounds those of one address: a browser opens six, a busy client some dozens.
	maxClientConns = 128
)

// boundedListener closes what comes beyond the bounds. It does not let it wait: those who wait would be everybody else.
type boundedListener struct {
	net.Listener
	count counter
}

// counter counts what clients hold: all together, and each address that clientOf knows.
type counter struct {
	most, mostEach int

	mu   sync.Mutex
	all  int
	each map[netip.Prefix]int
}

func newCounter(most, mostEach int) counter {
	return counter{most: most, mostEach: mostEach, each: map[netip.Prefix]int{}}
}

// enter takes a place for an address; leave gives it back. ok is false where there is none.
func (c *counter) enter(addr string) (leave func(), ok bool) {
	who, known := clientOf(addr)
	known = known && !who.Addr().IsPrivate() // a proxy holds the connections of all its clients
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.most || known && c.each[who] >= c.mostEach {
		return nil, false
	}
	c.all++
	if known {
		c.each[who]++
	}
	var once sync.Once
	return func() { once.Do(func() { c.leave(who, known) }) }, true
}

func (c *counter) leave(who netip.Prefix, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if !known {
		return
	}
	if c.each[who]--; c.each[who] <= 0 {
		delete(c.each, who)
	}
}

func bounded(l net.Listener) *boundedListener {
	return &boundedListener{Listener: l, count: newCounter(maxConns, maxClientConns)}
}

// Accept implements net.Listener.
func (b *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, fmt.Errorf("accepting a connection: %w", err)
		}
		leave, ok := b.count.enter(c.RemoteAddr().String())
		if !ok {
			_ = c.Close() // a stranger's connection that was never used
			continue
		}
		return &countedConn{c, leave}, nil
	}
}

// countedConn gives its place back when it closes.
type countedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
