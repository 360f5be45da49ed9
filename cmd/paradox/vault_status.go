package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/phantom-paradox/paradox/chain"
	"github.com/phantom-paradox/paradox/intent"
)

type vaultStatusCmd struct {
	vaultFlags `embed:""`
}

// Help is what --help says besides.
func (vaultStatusCmd) Help() string {
	return `It reads the vault's accounts at finalized, and no node. Exit code 4: the token accounts hold less than the entries and what is in flight,
or the program is not the one that the network file pins.`
}

func (v vaultStatusCmd) Run(ctx context.Context, a *app) error {
	return v.do(ctx, a, func(ctx context.Context, t *teller) error {
		s, err := chain.Look(ctx, t.file, t.pool)
		if errors.Is(err, chain.ErrNotReady) {
			return fmt.Errorf("%s has no vault on this cluster yet; `paradox vault init` founds it: %w", t.file.Name, err)
		}
		if err != nil {
			return err
		}
		if err := a.print(s, func(w io.Writer) { t.showVault(w, s) }); err != nil {
			return err
		}
		if len(s.Problems) > 0 {
			return fmt.Errorf("%w: %s", errUnhealthy, s.Problems[0])
		}
		return nil
	})
}

func (t *teller) showVault(w io.Writer, s *chain.Survey) {
	fmt.Fprintf(w, "vault       %s of %s, at slot %d\n", s.Vault, t.file.Name, s.Slot)
	final := "nobody can replace it"
	if s.Program.Authority != nil {
		final = s.Program.Authority.String() + " can replace it"
	}
	fmt.Fprintf(w, "program     %s, code %s; %s\n", s.Program.ID, s.Program.Code, final)
	fmt.Fprintf(w, "height      %d, generation %d, epoch %d; last settled or dropped at slot %d\n", s.Height, s.Generation, s.Epoch, s.LastSlot)
	fmt.Fprintf(w, "events      %d, hash %s, floor %d\n", s.Events, s.EventHash, s.Floor)
	if p := s.Pending; p != nil {
		what := "being applied"
		if p.Reversing {
			what = "being taken back"
		}
		fmt.Fprintf(w, "pending     height %d since slot %d, %s; may be taken back from slot %d\n", p.Height, p.Since, what, p.DropSlot)
	}
	fmt.Fprintf(w, "committee   %d members; a quorum weighs more than %d\n", len(s.Committee), s.Threshold)
	for _, m := range s.Committee {
		fmt.Fprintf(w, "  %-16s %s  weight %d\n", m.Name, m.Key, m.Weight)
	}
	for _, p := range s.Purses {
		mint := intent.Mint{Mint: p.Mint, Symbol: p.Symbol}
		for _, m := range t.file.Mints {
			if m.Mint == p.Mint {
				mint = m
			}
		}
		fmt.Fprintf(w, "%-10s  holds %s, owes %s, in flight %s; %d entries on %d pages\n", p.Symbol, amount(p.Tokens, mint), amount(p.Available, mint),
			amount(p.InFlight, mint), p.Entries, p.Pages)
	}
	past, rent := 0, uint64(0)
	for _, x := range s.Tallies {
		if rent += x.Lamports; x.Past {
			past++
		}
	}
	if s.Unknown != "" {
		fmt.Fprintf(w, "tallies     unknown: the endpoint does not list them (%s)\n", s.Unknown)
	} else {
		fmt.Fprintf(w, "tallies     %d open with %s of rent, %d of them past\n", len(s.Tallies), sol(rent), past)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "PROBLEM     %s\n", p)
	}
}
