package akash

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func deployFile(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../deploy.sdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDeployFile(t *testing.T) {
	s, err := Parse(deployFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	node := s.Services["node"]
	open := map[string]bool{}
	for _, e := range node.Expose {
		for _, to := range e.To {
			if e.As == 4001 && to.IP == "" {
				t.Errorf("the peer port is not on the lease's own address: %+v", e)
			}
			open[e.Proto+"/"+to.IP] = true
		}
	}
	if len(open) != 3 {
		t.Errorf("opens %v, want HTTP, and the peer port for TCP and UDP", open)
	}
}

// The variant without an address is the same but for that.
func TestTheVariantWithoutAnAddress(t *testing.T) {
	b, err := os.ReadFile("../ops/deploy/no-ip.sdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.Validate(); err != nil {
		t.Error(err)
	}
	whole, err := Parse(deployFile(t))
	if err != nil {
		t.Fatal(err)
	}
	whole.Endpoints = nil
	for _, e := range whole.Services["node"].Expose {
		e.To[0].IP = ""
	}
	if !reflect.DeepEqual(bare, whole) {
		t.Errorf("%+v\n%+v", bare, whole)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"unknown field":       {"count: 1", "count: 1\n      replicas: 2", "replicas"},
		"version":             {`version: "2.0"`, `version: "3.0"`, "version"},
		"two of one key":      {"count: 1", "count: 2", "one key"},
		"an image that moves": {"paradox:0.1.0", "paradox:latest", "image"},
		"a secret":            {"PARADOX_LOG_FORMAT=json", "PINATA_JWT=abc", "looks like a secret"},
		"nothing persistent":  {"persistent: true", "persistent: false", "nothing persistent"},
		"invented class":      {"class: beta3", "class: beta9", "class"},
		"a volume elsewhere":  {"- name: data", "- name: other", "mounts \"data\""},
		"no such endpoint":    {"ip: p2p", "ip: p3p", "p3p"},
		"no such profile":     {"profile: node", "profile: nodes", "nodes"},
		"other money":         {"denom: uact", "denom: usd", "uakt"},
		"no size":             {"size: 10Gi", "size: much", "size"},
		"two documents":       {`version: "2.0"`, "version: \"2.0\"\n---\nversion: \"2.0\"", "one document"},
	} {
		text := strings.Replace(string(deployFile(t)), c.old, c.new, 1)
		s, err := Parse([]byte(text))
		if err == nil {
			err = s.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: want an error that says %q, got %v", name, c.says, err)
		}
	}
}

func FuzzSDL(f *testing.F) {
	f.Add(deployFile(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(b); err == nil {
			_, _ = CostOf(s, Prices{}) // must not panic, whatever it says; it validates first
		}
	})
}
