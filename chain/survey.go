package chain

import (
	"context"
	"fmt"

	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/rpc"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Survey is what a person wants to know of a network's vault, as it is finalised.
type Survey struct {
	Vault      solana.PublicKey `json:"vault"`
	Program    *Program         `json:"program"`
	Slot       uint64           `json:"slot"`
	Height     uint64           `json:"height"`
	Epoch      uint32           `json:"epoch"`
	Generation uint32           `json:"generation"`
	Events     uint64           `json:"events,string"`
	EventHash  intent.Hash      `json:"event_hash"`
	Floor      uint64           `json:"floor,string"`
	LastSlot   uint64           `json:"last_slot"` // of the last settle or drop
	Threshold  uint32           `json:"threshold"`
	Committee  []SurveyMember   `json:"committee"`
	Pending    *SurveyPending   `json:"pending"`
	Purses     []SurveyPurse    `json:"purses"`
	Tallies    []SurveyTally    `json:"tallies"`
	Unknown    string           `json:"tallies_unknown,omitempty"` // why the endpoint does not list them
	Problems   []string         `json:"problems"`                  // of the reserves, and of the program
}

// A SurveyMember is a member with a vote.
type SurveyMember struct {
	Name   string     `json:"name"` // the network file's; empty for one that came later
	Key    intent.Key `json:"key"`
	Weight uint16     `json:"weight"`
}

// A SurveyPending is an attested height that is being applied.
type SurveyPending struct {
	Height    uint64 `json:"height"`
	Digest    string `json:"digest"`
	Since     uint64 `json:"since_slot"`
	DropSlot  uint64 `json:"drop_slot"` // from which it may be taken back
	Reversing bool   `json:"reversing"`
}

// A SurveyPurse is what is held and owed of a mint.
type SurveyPurse struct {
	Mint      intent.Key       `json:"mint"`
	Symbol    string           `json:"symbol"`
	Purse     solana.PublicKey `json:"purse"`
	Entries   uint32           `json:"entries"`
	Pages     uint32           `json:"pages"`
	Tokens    uint64           `json:"tokens,string"`      // reserves
	Available uint64           `json:"liabilities,string"` // sum over entries
	InFlight  uint64           `json:"in_flight,string"`
}

// A SurveyTally is an open count of attestations.
type SurveyTally struct {
	Tally    solana.PublicKey `json:"tally"`
	Payer    solana.PublicKey `json:"payer"`
	Height   uint64           `json:"height"`
	View     uint32           `json:"view"`
	Weight   uint32           `json:"weight"`
	Lamports uint64           `json:"lamports"`
	Past     bool             `json:"past"` // it can be closed, and its rent goes back to the payer
}

// A Lister also lists a program's accounts, which not every endpoint does.
type Lister interface {
	Client
	GetProgramAccountsWithOpts(ctx context.Context, program solana.PublicKey, opts *rpc.GetProgramAccountsOpts) (rpc.GetProgramAccountsResult, error)
}

// Look surveys the vault. ErrNotReady: there is none yet.
func Look(ctx context.Context, f *network.File, c Lister) (*Survey, error) {
	a := Addresses(f)
	v, slot, err := ReadVault(ctx, c, a.Vault, rpc.CommitmentFinalized)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, ErrNotReady
	}
	s := &Survey{Vault: a.Vault, Slot: slot, Height: v.Height, Epoch: v.Epoch, Generation: v.Generation, Events: v.EventNumber, EventHash: v.EventHash,
		Floor: v.Floor, LastSlot: v.LastSlot, Threshold: v.Threshold, Tallies: []SurveyTally{}, Problems: []string{}}
	if p := v.Pending; p != nil {
		s.Pending = &SurveyPending{Height: p.Height, Digest: p.Digest.Hex(), Since: p.Since, DropSlot: p.Since + v.DropTime + 1, Reversing: p.Reversing}
	}
	for _, m := range v.Members {
		name := ""
		if i := network.Find(f.Members, m.Key); i >= 0 {
			name = f.Members[i].Name
		}
		s.Committee = append(s.Committee, SurveyMember{name, m.Key, m.Weight})
	}
	if s.Program, err = ReadProgram(ctx, c, solana.PublicKey(f.ProgramID), f.CodeHash); err != nil {
		return nil, err
	}
	if err := s.Program.Check(f); err != nil {
		s.Problems = append(s.Problems, err.Error())
	}
	return s, s.reserves(ctx, f, c, v)
}

func (s *Survey) reserves(ctx context.Context, f *network.File, c Lister, v *vault.Vault) error {
	a := Addresses(f)
	r, err := CheckReserves(ctx, f, c, nil)
	if err != nil {
		return err
	}
	s.Problems = append(s.Problems, r.Problems...)
	for _, p := range r.Purses {
		key, _ := a.Purse(p.Mint)
		out := SurveyPurse{Mint: p.Mint, Purse: key, Entries: p.Entries, Pages: (p.Entries + vault.PageEntries - 1) / vault.PageEntries,
			Tokens: p.Tokens, Available: p.Available, InFlight: p.InFlight}
		for _, m := range f.Mints {
			if m.Mint == p.Mint {
				out.Symbol = m.Symbol
			}
		}
		s.Purses = append(s.Purses, out)
	}
	if err := s.listTallies(ctx, c, a, v); err != nil { // many public endpoints refuse it
		s.Unknown = err.Error()
	}
	return nil
}

func (s *Survey) listTallies(ctx context.Context, c Lister, a vault.Addresses, v *vault.Vault) error {
	d := vault.Discriminator("Tally")
	list, err := c.GetProgramAccountsWithOpts(ctx, a.Program, &rpc.GetProgramAccountsOpts{Encoding: solana.EncodingBase64, Commitment: rpc.CommitmentFinalized,
		Filters: []rpc.RPCFilter{{DataSize: vault.TallySize}, {Memcmp: &rpc.RPCFilterMemcmp{Offset: 0, Bytes: append(d[:], a.Vault[:]...)}}}})
	if err != nil {
		return fmt.Errorf("listing tallies: %w", err)
	}
	for _, x := range list {
		t, err := vault.DecodeTally(x.Account.Data.GetBinary())
		if err != nil {
			continue
		}
		o := openTally{height: t.Height, generation: t.Generation, epoch: t.Epoch}
		s.Tallies = append(s.Tallies, SurveyTally{Tally: x.Pubkey, Payer: t.Payer, Height: t.Height, View: t.View, Weight: v.Weight(t.Bitmap),
			Lamports: x.Account.Lamports, Past: o.past(v)})
	}
	return nil
}
