// Package akash knows what Akash wants to be told of a node: the SDL, its references, and what must never stand in it.
//
// It stands beside node and knows nothing of it: an SDL is a text with a shape. Talking to Akash is for others.
package akash

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// SDL is a deployment as version 2.0 says it, as far as a node needs it. Other fields are refused.
type SDL struct {
	Version    string                           `yaml:"version"`
	Endpoints  map[string]Endpoint              `yaml:"endpoints,omitempty"`
	Services   map[string]Service               `yaml:"services"`
	Profiles   Profiles                         `yaml:"profiles"`
	Deployment map[string]map[string]Deployment `yaml:"deployment"`
}

// Endpoint is an address of the lease's own.
type Endpoint struct {
	Kind string `yaml:"kind"`
}

// Service is a container.
type Service struct {
	Image   string   `yaml:"image"`
	Command []string `yaml:"command,omitempty"`
	Args    []string `yaml:"args,omitempty"`
	Env     []string `yaml:"env,omitempty"`
	Expose  []Expose `yaml:"expose"`
	Params  Params   `yaml:"params,omitempty"`
}

// Expose opens a port.
type Expose struct {
	Port  int    `yaml:"port"`
	As    int    `yaml:"as,omitempty"`
	Proto string `yaml:"proto,omitempty"`
	To    []To   `yaml:"to"`
}

// To says to whom.
type To struct {
	Global bool   `yaml:"global,omitempty"`
	IP     string `yaml:"ip,omitempty"`
}

// Params mounts volumes.
type Params struct {
	Storage map[string]Mount `yaml:"storage,omitempty"`
}

// Mount is where a volume is.
type Mount struct {
	Mount    string `yaml:"mount"`
	ReadOnly bool   `yaml:"readOnly,omitempty"`
}

// Profiles are resources and prices.
type Profiles struct {
	Compute   map[string]Compute   `yaml:"compute"`
	Placement map[string]Placement `yaml:"placement"`
}

// Compute is what a service gets.
type Compute struct {
	Resources struct {
		CPU struct {
			Units float64 `yaml:"units"`
		} `yaml:"cpu"`
		Memory struct {
			Size string `yaml:"size"`
		} `yaml:"memory"`
		Storage []Volume `yaml:"storage"`
	} `yaml:"resources"`
}

// Volume is disk: without a name the container's own, with one a volume.
type Volume struct {
	Name       string `yaml:"name,omitempty"`
	Size       string `yaml:"size"`
	Attributes struct {
		Persistent bool   `yaml:"persistent,omitempty"`
		Class      string `yaml:"class,omitempty"`
	} `yaml:"attributes,omitempty"`
}

// Placement is what is paid at most.
type Placement struct {
	Pricing map[string]Price `yaml:"pricing"`
}

// Price is for a block of Akash's chain.
type Price struct {
	Denom  string  `yaml:"denom"`
	Amount float64 `yaml:"amount"`
}

// Deployment places a service.
type Deployment struct {
	Profile string `yaml:"profile"`
	Count   int    `yaml:"count"`
}

// Parse reads one SDL and refuses fields that it does not know.
func Parse(b []byte) (*SDL, error) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	s := new(SDL)
	if err := dec.Decode(s); err != nil {
		return nil, fmt.Errorf("SDL: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("SDL: holds more than one document; write one file for each")
	}
	return s, nil
}

// What an SDL for this node is held against.
var (
	size   = regexp.MustCompile(`^[1-9][0-9]*(Mi|Gi|Ti)$`)
	secret = regexp.MustCompile(`(?i)(secret|token|jwt|password|passphrase|mnemonic|private|dsn|_key)$`)
	class  = regexp.MustCompile(`^beta[123]$`)
	denom  = regexp.MustCompile(`^(uakt|uact)$`)
)

// Validate says everything that is wrong at once: references that lead nowhere, and what a node cannot live with.
func (s *SDL) Validate() error {
	p := &problems{}
	if s.Version != "2.0" {
		p.add("version", "is %q; say \"2.0\"", s.Version)
	}
	for name, e := range s.Endpoints {
		if e.Kind != "ip" {
			p.add("endpoints."+name, "is of kind %q; say ip", e.Kind)
		}
	}
	for name, svc := range s.Services {
		s.service(p, "services."+name, name, svc)
	}
	for name, placement := range s.Profiles.Placement {
		for service, price := range placement.Pricing {
			if !denom.MatchString(price.Denom) || price.Amount <= 0 {
				p.add("profiles.placement."+name+".pricing."+service, "is %v %q; say an amount of uakt or uact", price.Amount, price.Denom)
			}
		}
	}
	for name := range s.Deployment {
		if _, ok := s.Services[name]; !ok {
			p.add("deployment."+name, "names no service")
		}
	}
	return errors.Join(p.list...)
}

type problems struct{ list []error }

func (p *problems) add(field, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("SDL: %s: %s", field, fmt.Sprintf(format, args...)))
}

func (s *SDL) service(p *problems, at, name string, svc Service) {
	if _, tag, ok := strings.Cut(path.Base(svc.Image), ":"); !ok || tag == "latest" {
		p.add(at+".image", "%q has no tag of its own; an image that moves cannot be audited", svc.Image)
	}
	for _, e := range svc.Env {
		key, value, _ := strings.Cut(e, "=")
		if secret.MatchString(key) && value != "" {
			p.add(at+".env", "%s looks like a secret; the provider can read it: keep it on the volume", key)
		}
	}
	for n, e := range svc.Expose {
		for _, to := range e.To {
			if _, ok := s.Endpoints[to.IP]; to.IP != "" && !ok {
				p.add(fmt.Sprintf("%s.expose[%d]", at, n), "names the endpoint %q, which is not there", to.IP)
			}
		}
	}
	placed := s.Deployment[name]
	if len(placed) == 0 {
		p.add("deployment."+name, "is missing")
	}
	for place, d := range placed {
		s.placed(p, name, place, d, svc)
	}
}

func (s *SDL) placed(p *problems, name, place string, d Deployment, svc Service) {
	at := "deployment." + name + "." + place
	if d.Count != 1 {
		p.add(at+".count", "is %d; two nodes with one key stop each other: say 1, and a deployment for each node", d.Count)
	}
	if _, ok := s.Profiles.Placement[place].Pricing[d.Profile]; !ok {
		p.add(at, "has no price at profiles.placement.%s.pricing.%s", place, d.Profile)
	}
	c, ok := s.Profiles.Compute[d.Profile]
	if !ok {
		p.add(at+".profile", "names %q, which is not in profiles.compute", d.Profile)
		return
	}
	r := c.Resources
	if r.CPU.Units <= 0 || !size.MatchString(r.Memory.Size) {
		p.add("profiles.compute."+d.Profile, "has %v CPU and %q memory; say for instance 1 and 1Gi", r.CPU.Units, r.Memory.Size)
	}
	persistent := false
	named := map[string]bool{}
	for _, v := range r.Storage {
		named[v.Name] = true
		if !size.MatchString(v.Size) {
			p.add("profiles.compute."+d.Profile+".storage", "size %q; say for instance 10Gi", v.Size)
		}
		if !v.Attributes.Persistent {
			continue
		}
		if !class.MatchString(v.Attributes.Class) {
			p.add("profiles.compute."+d.Profile+".storage."+v.Name, "class %q; say beta3", v.Attributes.Class)
		}
		if _, ok := svc.Params.Storage[v.Name]; ok {
			persistent = true
		}
	}
	for volume := range svc.Params.Storage {
		if !named[volume] {
			p.add("services."+name+".params.storage", "mounts %q, which profiles.compute.%s does not have", volume, d.Profile)
		}
	}
	if !persistent {
		p.add("profiles.compute."+d.Profile+".storage", "nothing persistent is mounted; a restart would lose keys and votes")
	}
}
