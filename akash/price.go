package akash

import (
	"fmt"
	"strconv"
	"strings"
)

// Prices are US dollars a month. The defaults are what a provider asks who leaves the price script of Akash's own helm chart as
// it comes; most ask something near, and each asks what they like.
type Prices struct {
	CPU       float64 `default:"1.60" name:"cpu" help:"A CPU."`
	Memory    float64 `default:"0.80" help:"A GiB of memory."`
	Ephemeral float64 `default:"0.02" help:"A GiB of the container's own disk."`
	HDD       float64 `default:"0.01" name:"hdd" help:"A GiB of a volume on hard disks, beta1."`
	SSD       float64 `default:"0.03" name:"ssd" help:"A GiB of a volume on SSD, beta2."`
	NVMe      float64 `default:"0.04" name:"nvme" help:"A GiB of a volume on NVMe, beta3."`
	Endpoint  float64 `default:"0.05" help:"An open port."`
	IP        float64 `default:"5" help:"An address of the lease's own." name:"ip"`
}

// daysAMonth is the average; Akash's price script counts the same way.
const daysAMonth = 365.25 / 12

// secondsABlock is Akash's: a price in an SDL is for a block.
const secondsABlock = 6.117

// BlocksAMonth is how often the price that a lease was won with is paid in a month.
const BlocksAMonth = daysAMonth * 86_400 / secondsABlock

// A CostLine is one resource of a service, with its arithmetic: Amount times Price is Month.
type CostLine struct {
	Resource string  `json:"resource"`
	Amount   float64 `json:"amount"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"usd_a_month_each"`
	Month    float64 `json:"usd_a_month"`
}

// Cost is what a deployment costs at some prices.
type Cost struct {
	Lines []CostLine `json:"lines"`
	Month float64    `json:"usd_a_month"`
	Day   float64    `json:"usd_a_day"`
}

func (c *Cost) add(resource string, amount float64, unit string, price float64) {
	if amount == 0 {
		return
	}
	c.Lines = append(c.Lines, CostLine{resource, amount, unit, price, amount * price})
	c.Month += amount * price
	c.Day = c.Month / daysAMonth
}

// CostOf adds up a deployment that is valid.
func CostOf(s *SDL, p Prices) (*Cost, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	c := new(Cost)
	ips := map[string]bool{}
	ports := 0
	for _, name := range sortedKeys(s.Services) {
		for _, e := range s.Services[name].Expose {
			for _, to := range e.To {
				if to.IP != "" {
					ips[to.IP] = true
				}
				ports++
			}
		}
		for _, d := range s.Deployment[name] {
			if err := c.compute(s.Profiles.Compute[d.Profile], p); err != nil {
				return nil, err
			}
		}
	}
	c.add("open ports", float64(ports), "", p.Endpoint)
	c.add("own addresses", float64(len(ips)), "", p.IP)
	return c, nil
}

func (c *Cost) compute(of Compute, p Prices) error {
	r := of.Resources
	c.add("CPU", r.CPU.Units, "", p.CPU)
	memory, err := gib(r.Memory.Size)
	if err != nil {
		return err
	}
	c.add("memory", memory, "GiB", p.Memory)
	for _, v := range r.Storage {
		size, err := gib(v.Size)
		if err != nil {
			return err
		}
		class, price := "container's disk", p.Ephemeral
		if v.Attributes.Persistent {
			class = "volume " + v.Attributes.Class
			price = map[string]float64{"beta1": p.HDD, "beta2": p.SSD, "beta3": p.NVMe}[v.Attributes.Class]
		}
		c.add(class, size, "GiB", price)
	}
	return nil
}

// gib reads a size as an SDL says it.
func gib(s string) (float64, error) {
	for suffix, factor := range map[string]float64{"Mi": 1.0 / 1024, "Gi": 1, "Ti": 1024} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			n, err := strconv.ParseUint(digits, 10, 32)
			if err != nil {
				return 0, fmt.Errorf("SDL: size %q: %w", s, err)
			}
			return float64(n) * factor, nil
		}
	}
	return 0, fmt.Errorf("SDL: size %q; say for instance 10Gi", s)
}

// Planned is what the service that Paradox replaces planned for itself: half a CPU, 1 GiB of memory, 10 GiB of disk, for half a
// dollar a day. It is priced here as a container without a volume or an address of its own.
func Planned(p Prices) (at *Cost, planned float64) {
	at = new(Cost)
	at.add("CPU", 0.5, "", p.CPU)
	at.add("memory", 1, "GiB", p.Memory)
	at.add("container's disk", 10, "GiB", p.Ephemeral)
	return at, plannedDay
}

// plannedDay is what that plan was going to pay, in US dollars a day.
const plannedDay = 0.50
