//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Weather is how a proxy carries things: each read or datagram later by a time between least and most, and lost with a
// probability. What TCP loses comes late instead, as the kernel's retransmission would bring it, and holds up what follows.
type weather struct {
	least, most time.Duration
	lose        float64
}

const (
	// retransmit is the least timeout of Linux's TCP.
	retransmit = 200 * time.Millisecond
	// chunkBytes and maxChunks bound what is under way in one direction of a connection: a slow line's buffer.
	chunkBytes = 16 << 10
	maxChunks  = 64
)

// A proxy stands in the hub before one host's TCP and UDP port.
type proxy struct {
	weather weather
	target  string
	tcp     net.Listener
	udp     *net.UDPConn
	carried struct{ tcp, udp, lost atomic.Int64 }
	tasks   sync.WaitGroup
	over    chan struct{} // closed by close

	mu     sync.Mutex
	r      *rand.Rand
	open   map[io.Closer]struct{}
	paths  map[string]*net.UDPConn // by who sends
	closed bool
}

// newProxy listens in the hub, with TCP and UDP on one port, and ends with the test.
func newProxy(t *testing.T, port int, target string, w weather) *proxy {
	t.Helper()
	p := &proxy{weather: w, target: target, r: rand.New(rand.NewPCG(uint64(port), 1)), over: make(chan struct{}), open: map[io.Closer]struct{}{}, paths: map[string]*net.UDPConn{}}
	var err error
	if p.tcp, err = net.Listen("tcp", fmt.Sprintf("%s:%d", hubAddr, port)); err != nil {
		t.Fatal(err)
	}
	if p.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(hubAddr), Port: port}); err != nil {
		t.Fatal(errors.Join(err, p.tcp.Close()))
	}
	p.keep(p.tcp)
	p.keep(p.udp)
	p.tasks.Go(p.accept)
	p.tasks.Go(p.datagrams)
	t.Cleanup(p.close)
	return p
}

// keep remembers what close must close; false if that is over.
func (p *proxy) keep(c io.Closer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close() // nobody uses it
		return false
	}
	p.open[c] = struct{}{}
	return true
}

func (p *proxy) end(list ...io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range list {
		delete(p.open, c)
		_ = c.Close() // the other side may have closed it
	}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	close(p.over)
	for c := range p.open {
		_ = c.Close() // the other side may have closed it
	}
	p.mu.Unlock()
	p.tasks.Wait()
}

// fate is how late something comes, and whether it is lost.
func (p *proxy) fate() (late time.Duration, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost = p.r.Float64() < p.weather.lose
	if lost {
		p.carried.lost.Add(1)
	}
	return p.weather.least + time.Duration(p.r.Int64N(int64(p.weather.most-p.weather.least))), lost
}

func (p *proxy) accept() {
	for {
		in, err := p.tcp.Accept()
		if err != nil {
			return // closed
		}
		p.tasks.Go(func() {
			if !p.keep(in) {
				return
			}
			out, err := net.Dial("tcp", p.target)
			if err != nil || !p.keep(out) {
				p.end(in)
				return
			}
			p.tasks.Go(func() { p.pipe(in, out) })
			p.pipe(out, in)
		})
	}
}

type chunk struct {
	data []byte
	due  time.Time
}

// travels waits as long as the line is; false if the proxy closes meanwhile.
func (p *proxy) travels(due time.Time) bool {
	arrive := time.NewTimer(time.Until(due))
	defer arrive.Stop()
	select {
	case <-arrive.C:
		return true
	case <-p.over:
		return false
	}
}

// pipe carries one direction of a connection, in order.
func (p *proxy) pipe(to, from net.Conn) {
	under := make(chan chunk, maxChunks)
	p.tasks.Go(func() {
		defer p.end(to, from)
		for c := range under {
			if !p.travels(c.due) {
				break
			}
			if _, err := to.Write(c.data); err != nil {
				break
			}
		}
		_ = from.Close() // ends the reader
		for range under {
		}
	})
	defer close(under)
	for {
		data := make([]byte, chunkBytes)
		n, err := from.Read(data)
		if n > 0 {
			late, lost := p.fate()
			if lost {
				late += retransmit
			}
			p.carried.tcp.Add(1)
			under <- chunk{data[:n], time.Now().Add(late)}
		}
		if err != nil {
			return
		}
	}
}

// datagrams carries what comes for the host; each sender has a path of its own, so that answers find back.
func (p *proxy) datagrams() {
	for {
		data := make([]byte, 2048) // more than an Ethernet carries
		n, from, err := p.udp.ReadFromUDP(data)
		if err != nil {
			return // closed
		}
		path := p.path(from)
		if path == nil {
			return
		}
		p.later(func() error { _, err := path.Write(data[:n]); return err })
	}
}

func (p *proxy) path(from *net.UDPAddr) *net.UDPConn {
	p.mu.Lock()
	have := p.paths[from.String()]
	p.mu.Unlock()
	if have != nil {
		return have
	}
	target, err := net.ResolveUDPAddr("udp", p.target)
	if err != nil {
		return nil
	}
	path, err := net.DialUDP("udp", nil, target)
	if err != nil || !p.keep(path) {
		return nil
	}
	p.mu.Lock()
	p.paths[from.String()] = path
	p.mu.Unlock()
	p.tasks.Go(func() {
		for {
			data := make([]byte, 2048)
			n, err := path.Read(data)
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err == nil:
				p.later(func() error { _, err := p.udp.WriteToUDP(data[:n], from); return err })
			}
		}
	})
	return path
}

// later carries a datagram, or loses it. It may overtake others.
func (p *proxy) later(send func() error) {
	late, lost := p.fate()
	if lost {
		return
	}
	p.carried.udp.Add(1)
	time.AfterFunc(late, func() { _ = send() }) // one more that may get lost
}
