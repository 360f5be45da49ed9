package testnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// InUseError says that another launcher runs in the home.
type InUseError struct{ Home, PID string }

func (e *InUseError) Error() string {
	who := "another launcher"
	if e.PID != "" {
		who += " (process " + e.PID + ")"
	}
	return fmt.Sprintf("--home: %s is in use by %s; stop it, or take another --home", e.Home, who)
}

// PortError says that something else listens where the testnet must.
type PortError struct {
	Address, What, Home string
	Err                 error
}

func (e *PortError) Error() string {
	return fmt.Sprintf("%s, where %s of the testnet in %s listens, is taken; stop what listens there, or take another --home", e.Address, e.What, e.Home)
}

func (e *PortError) Unwrap() error { return e.Err }

// FreePorts finds n ports of the loopback that nobody listens on now, for TCP and for UDP.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	var out []int
	var lc net.ListenConfig
	for len(out) < n {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		held = append(held, l) // so that the next is another
		port := l.Addr().(*net.TCPAddr).Port
		u, err := lc.ListenPacket(ctx, "udp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		u.Close()
		out = append(out, port)
	}
	return out, nil
}

// checkPorts finds out before anything starts whether the testnet can have its ports.
func (s *settings) checkPorts(ctx context.Context, home string) error {
	check := func(address, what string) error {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return &PortError{Address: address, What: what, Home: home, Err: err}
		}
		return l.Close()
	}
	if err := check(s.RPC, s.Chain.String()); err != nil {
		return err
	}
	for _, n := range s.Nodes {
		if err := check(n.API, "the API of "+n.Name); err != nil {
			return err
		}
		if err := check("127.0.0.1:"+strconv.Itoa(n.P2P), "the peer port of "+n.Name); err != nil {
			return err
		}
	}
	return nil
}
