package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/phantom-paradox/paradox/node/clock"
	"github.com/phantom-paradox/paradox/storage"
)

func (v *visit) clock(ctx context.Context) []Finding {
	const name, remedy = "clock", "Let the machine set its clock by itself: timedatectl set-ntp true, or chrony."
	if len(v.c.Clock.NTP) == 0 {
		return []Finding{ok(name, "not compared: clock.ntp names no server")}
	}
	offset, err := clock.Offset(ctx, v.c.Clock.NTP)
	off := offset.Abs().Round(time.Millisecond)
	switch {
	case err != nil:
		return []Finding{warn(name, "Allow UDP port 123, or name reachable servers in clock.ntp.", "%v", err)}
	case off >= clock.Broken:
		return []Finding{fail(name, remedy, "off by %s: this node disagrees with others on what has expired", off)}
	case off >= clock.Drift:
		return []Finding{warn(name, remedy, "off by %s", off)}
	}
	return []Finding{ok(name, "off by %s", off)}
}

// diskWant is room for a month of a busy testnet node, in bytes.
const diskWant = 4 << 30

func (v *visit) disk(context.Context) []Finding {
	const name, remedy = "disk", "Make room on the volume of the home directory, or move it to a larger one."
	dir := v.c.Home
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir) // the nearest that is there: the home would come to lie on the same volume
	}
	free, err := storage.FreeBytes(dir)
	switch {
	case err != nil:
		return []Finding{warn(name, "", "%v", err)}
	case free < storage.DefaultMinFree:
		return []Finding{fail(name, remedy, "%d MB free; below %d MB nothing is written", free>>20, storage.DefaultMinFree>>20)}
	case free < diskWant:
		return []Finding{warn(name, remedy, "%d MB free; %d MB last longer", free>>20, diskWant>>20)}
	}
	if err := writable(v.c.Home); err != nil {
		return []Finding{fail(name, "Give the directory to the user who runs the node.", "%v", err)}
	}
	return []Finding{ok(name, "%d MB free", free>>20)}
}

// writable tries to write where the node would.
func writable(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil //nolint:nilerr // said by the finding of the home
	}
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// ports tries what the node would listen on; a node that runs holds them itself.
func (v *visit) ports(ctx context.Context) []Finding {
	const name = "ports"
	if v.status != nil {
		return []Finding{ok(name, "held by the node that runs")}
	}
	var out []Finding
	try := func(field, where, network, addr string) {
		err := listen(ctx, network, addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			out = append(out, fail(name, "Stop what listens there (ss -lntup shows it), or set "+field+".", "%s %s is taken", field, where))
		case errors.Is(err, syscall.EACCES):
			out = append(out, fail(name, "Choose a port above 1023 for "+field+".", "%s %s is not allowed", field, where))
		case err != nil:
			out = append(out, warn(name, "Choose an address of this machine for "+field+".", "%s %s: %v", field, where, err))
		}
	}
	for field, addr := range map[string]string{"api.listen": v.c.API.Listen, "admin.listen": v.c.Admin.Listen} {
		if addr != "" {
			try(field, addr, "tcp", addr)
		}
	}
	for _, text := range v.c.P2P.Listen {
		m, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			continue // the configuration has been checked
		}
		for len(m) > 0 { // what runs over the transport, such as quic-v1/webtransport, goes
			if n, addr, err := manet.DialArgs(m); err == nil {
				try("p2p.listen", text, n, addr)
				break
			}
			m, _ = multiaddr.SplitLast(m)
		}
	}
	if len(out) == 0 {
		out = append(out, ok(name, "all free"))
	}
	return out
}

func listen(ctx context.Context, network, addr string) error {
	var l net.ListenConfig
	if len(network) > 2 && network[:3] == "udp" {
		c, err := l.ListenPacket(ctx, network, addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
	c, err := l.Listen(ctx, network, addr)
	if err != nil {
		return err
	}
	return c.Close()
}
