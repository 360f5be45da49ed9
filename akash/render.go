package akash

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// Node is what a deployment of one node is made from.
type Node struct {
	Image  string   // with a tag
	Env    []string // NAME=value, nothing secret
	Await  bool     // keys that somebody brings, instead of making them
	IP     bool     // an address of the lease's own for peers; otherwise the provider picks the ports
	CPU    float64
	Memory string
	Disk   string // of the volume
	Class  string // of the volume
	Denom  string
	Amount float64 // that is paid for a block at most
}

// The ports inside the container, and the disk that the container itself gets: the binary and room for /tmp.
const (
	apiPort, peerPort = 8080, 4001
	ownDisk           = "512Mi"
)

// SDL renders it. Validate has the last word on what comes out.
func (n Node) SDL() *SDL {
	peers := To{Global: true}
	s := &SDL{Version: "2.0"}
	if n.IP {
		s.Endpoints = map[string]Endpoint{"p2p": {Kind: "ip"}}
		peers.IP = "p2p"
	}
	keys := "--init"
	if n.Await {
		keys = "--await-keys"
	}
	s.Services = map[string]Service{"node": {
		Image: n.Image, Command: []string{"/paradox"}, Args: []string{"run", keys},
		Env: append([]string{
			"PARADOX_HOME=/data/paradox", "PARADOX_NETWORK=/etc/paradox/network.json", fmt.Sprintf("PARADOX_API_LISTEN=0.0.0.0:%d", apiPort),
			fmt.Sprintf("PARADOX_P2P_LISTEN=/ip4/0.0.0.0/tcp/%d,/ip4/0.0.0.0/udp/%d/quic-v1", peerPort, peerPort), "PARADOX_LOG_FORMAT=json",
		}, n.Env...),
		Expose: []Expose{
			{Port: apiPort, As: 80, Proto: "tcp", To: []To{{Global: true}}},
			{Port: peerPort, As: peerPort, Proto: "tcp", To: []To{peers}},
			{Port: peerPort, As: peerPort, Proto: "udp", To: []To{peers}},
		},
		Params: Params{Storage: map[string]Mount{"data": {Mount: "/data"}}},
	}}
	var c Compute
	c.Resources.CPU.Units, c.Resources.Memory.Size = n.CPU, n.Memory
	volume := Volume{Name: "data", Size: n.Disk}
	volume.Attributes.Persistent, volume.Attributes.Class = true, n.Class
	c.Resources.Storage = []Volume{{Size: ownDisk}, volume}
	s.Profiles.Compute = map[string]Compute{"node": c}
	s.Profiles.Placement = map[string]Placement{"anywhere": {Pricing: map[string]Price{"node": {Denom: n.Denom, Amount: n.Amount}}}}
	s.Deployment = map[string]map[string]Deployment{"node": {"anywhere": {Profile: "node", Count: 1}}}
	return s
}

// YAML is the file that Akash takes.
func (s *SDL) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("SDL: %w", err)
	}
	return b.Bytes(), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
