package akash

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// AnnounceEnv is the variable that tells a node under which addresses others reach it.
const AnnounceEnv = "PARADOX_P2P_ANNOUNCE"

// Announce are the multiaddrs under which others reach the peers' port of a lease: a container sees its pod's address only, and
// behind a provider the port is another one. Where a provider does not say whether a port is TCP's or UDP's, both are said.
func Announce(s *SDL, at *LeaseStatus) []string {
	if at == nil {
		return nil
	}
	var out []string
	for _, name := range sortedKeys(s.Services) {
		peers := map[uint16]bool{}
		for _, e := range s.Services[name].Expose {
			if e.As != 80 && e.As != 443 && e.Port > 0 && e.Port <= 65535 {
				peers[uint16(e.Port)] = true
			}
		}
		for _, p := range at.IPs[name] {
			if peers[p.Port] {
				out = append(out, multiaddrs(p.IP, p.External, p.Proto)...)
			}
		}
		for _, p := range at.Ports[name] {
			if peers[p.Port] {
				out = append(out, multiaddrs(p.Host, p.External, p.Proto)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// multiaddrs is a host's port as libp2p says it; nothing where the host is none.
func multiaddrs(host string, port uint16, proto string) []string {
	at := "/dns/" + host
	if ip, err := netip.ParseAddr(host); err == nil {
		at = "/ip4/" + ip.String()
		if ip.Is6() {
			at = "/ip6/" + ip.WithZone("").String()
		}
	} else if !isName(host) {
		return nil
	}
	if port == 0 {
		return nil
	}
	tcp, quic := fmt.Sprintf("%s/tcp/%d", at, port), fmt.Sprintf("%s/udp/%d/quic-v1", at, port)
	switch strings.ToUpper(proto) {
	case "TCP":
		return []string{tcp}
	case "UDP":
		return []string{quic}
	case "":
		return []string{tcp, quic}
	}
	return nil
}

// isName says whether text is a DNS name.
func isName(s string) bool {
	if s == "" || len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}

// announced is what the SDL itself tells the node to announce.
func (s *SDL) announced() string {
	for _, name := range sortedKeys(s.Services) {
		for _, e := range s.Services[name].Env {
			if v, ok := strings.CutPrefix(e, AnnounceEnv+"="); ok {
				return v
			}
		}
	}
	return ""
}

// withAnnounce is the SDL with the addresses in the environment of each service that has peers.
func withAnnounce(text string, addresses []string) (string, error) {
	s, err := Parse([]byte(text))
	if err != nil {
		return "", err
	}
	if len(addresses) == 0 {
		return text, nil
	}
	for name, svc := range s.Services {
		svc.Env = slices.DeleteFunc(slices.Clone(svc.Env), func(e string) bool { return strings.HasPrefix(e, AnnounceEnv+"=") })
		svc.Env = append(svc.Env, AnnounceEnv+"="+strings.Join(addresses, ","))
		s.Services[name] = svc
	}
	b, err := s.YAML()
	return string(b), err
}

// Announces says whether the operator's own file tells the node what to announce.
func (s *SDL) Announces() bool { return s.announced() != "" }
