package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/phantom-paradox/paradox/akash"
)

type akashCostCmd struct {
	File string  `arg:"" default:"deploy.sdl.yaml" help:"The deployment file."`
	AKT  float64 `name:"akt-usd" help:"Price of an AKT in US dollars, to say what a file that pays in AKT lets a provider ask at most." placeholder:"USD"`

	Prices akash.Prices `embed:"" prefix:"usd-"`
}

func (c akashCostCmd) Run(a *app) error {
	s, err := readSDL(c.File)
	if err != nil {
		return err
	}
	cost, err := akash.CostOf(s, c.Prices)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errInput, c.File, err)
	}
	then, planned := akash.Planned(c.Prices)
	view := struct {
		*akash.Cost
		Most     float64     `json:"most_usd_a_month,omitempty"` // that the file lets a provider ask
		Replaced *akash.Cost `json:"replaced_service"`
		Planned  float64     `json:"replaced_service_planned_usd_a_day"`
	}{cost, mostOf(s, worth(c.AKT)), then, planned}
	return a.print(view, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, l := range cost.Lines {
			fmt.Fprintf(t, "%s\t%g %s\tx $%.2f\t= $%.2f\t\n", l.Resource, l.Amount, l.Unit, l.Price, l.Month)
		}
		t.Flush()
		fmt.Fprintf(w, "\n$%.2f a month, $%.2f a day, at the prices given (--usd-…); each provider asks what they like.\n", cost.Month, cost.Day)
		if view.Most > 0 {
			fmt.Fprintf(w, "The file pays at most $%.2f a month.\n", view.Most)
		}
		fmt.Fprintf(w, "The service that this replaces planned 0.5 CPU, 1 GiB and 10 GiB for $%.2f a day; at these prices they are $%.2f.\n", planned, then.Day)
	})
}

// mostOf is the file's own ceiling; 0 where its money has no price here.
func mostOf(s *akash.SDL, usd map[string]float64) float64 {
	sum := 0.0
	for _, places := range s.Deployment {
		for place, d := range places {
			p := s.Profiles.Placement[place].Pricing[d.Profile]
			if usd[p.Denom] == 0 {
				return 0
			}
			sum += p.Amount * usd[p.Denom] * akash.BlocksAMonth * float64(d.Count)
		}
	}
	return sum
}
