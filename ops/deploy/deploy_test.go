// Package deploy holds the files that run a node elsewhere than on Akash; its test keeps them and the image of one mind.
package deploy_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type service struct {
	Image       string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Restart     string
	Volumes     []string
	Ports       []string
	Environment any
	Configs     []struct{ Source, Target string }
	Healthcheck struct{ Test []string }
}

func compose(t *testing.T) map[string]service {
	t.Helper()
	b, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Services map[string]service
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		volume, _, _ := strings.Cut(s.Volumes[0], ":")
		if _, ok := c.Volumes[volume]; !ok {
			t.Errorf("%s mounts %s, which is not there", name, volume)
		}
	}
	return c.Services
}

func TestComposeRunsFourNodesApart(t *testing.T) {
	services := compose(t)
	if len(services) != 4 {
		t.Errorf("%d nodes", len(services))
	}
	taken := map[string]string{}
	for name, s := range services {
		if s.User != "65532:65532" || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s may more than it needs: %+v", name, s)
		}
		if !strings.HasPrefix(s.Image, "ghcr.io/phantom-paradox/paradox:") || s.Restart != "unless-stopped" {
			t.Errorf("%s: image %s, restart %s", name, s.Image, s.Restart)
		}
		if strings.Join(s.Healthcheck.Test, " ") != "CMD /paradox health" || s.Configs[0].Target != "/etc/paradox/network.json" {
			t.Errorf("%s: probe %v, files %v", name, s.Healthcheck.Test, s.Configs)
		}
		if s.Environment != nil {
			t.Errorf("%s: the image's environment serves, and secrets have no place in one", name)
		}
		for _, own := range slices.Concat(s.Ports, s.Volumes) {
			host := own[:strings.LastIndex(own, ":")]
			if _, proto, ok := strings.Cut(own, "/"); ok {
				host += "/" + proto
			}
			if other, ok := taken[host]; ok {
				t.Errorf("%s and %s share %s", name, other, host)
			}
			taken[host] = name
			if strings.HasSuffix(own, ":8080") && !strings.HasPrefix(own, "127.0.0.1:") {
				t.Errorf("%s opens its API to the world", name)
			}
		}
	}
}

// TestUnit reads what systemd itself does not judge (.ci/unit has it judge the rest): exit code 2, bad input, is not worth another
// try, and settings are those that the binary knows.
func TestUnit(t *testing.T) {
	b, err := os.ReadFile("paradox.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			unit[key] = value
		}
	}
	for key, want := range map[string]string{
		"ExecStart": "/usr/local/bin/paradox run --init", "DynamicUser": "yes", "ProtectSystem": "strict", "StateDirectory": "paradox", "StateDirectoryMode": "0700",
		"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "RestartPreventExitStatus": "2",
	} {
		if have, ok := unit[key]; !ok || have != want {
			t.Errorf("%s=%s, want %s", key, have, want)
		}
	}
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range strings.Fields(unit["Environment"]) {
		name, _, _ := strings.Cut(setting, "=")
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is no setting", name)
		}
	}
}
