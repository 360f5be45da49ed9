package ledger

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

const seedDomain = "paradox/seed/1"

// A State is the ledger after a height: settled when it was loaded, provisional when it is a Result's.
type State struct {
	View
	base   Store             // what is on disk
	writes map[string][]byte // what is not: a Result's, or the genesis
	sum    lattice
	digest intent.Hash
	tip    intent.Hash // header digest of the height
}

// Genesis is the state before height 1.
func Genesis(f *network.File) (*State, error) { return Load(f, &MemStore{}) }

// Load reads the settled state of a store. An empty store gives the genesis, which the first height's Changes write too.
func Load(f *network.File, s Store) (*State, error) {
	v, err := s.Get([]byte{kindHead})
	if err != nil {
		return nil, fmt.Errorf("reading the state's head: %w", err)
	}
	if v == nil {
		return genesis(f, s), nil
	}
	st := &State{View: View{file: f, net: f.Intents(), table: s}, base: s}
	if st.head, err = parseHead(v); err != nil {
		return nil, err
	}
	if v, err = s.Get([]byte{kindMembers}); err != nil {
		return nil, fmt.Errorf("reading the members: %w", err)
	}
	if st.members, err = parseMembers(v); err != nil {
		return nil, err
	}
	if v, err = s.Get([]byte{kindSum}); err != nil {
		return nil, fmt.Errorf("reading the lattice sum: %w", err)
	}
	if st.sum, err = parseLattice(v); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if v, err = s.Get([]byte{kindTip}); err != nil {
		return nil, fmt.Errorf("reading the header digest: %w", err)
	}
	if len(v) != len(st.tip) {
		return nil, corrupt("a header digest", v)
	}
	st.tip = intent.Hash(v)
	st.digest = st.sum.digest()
	return st, nil
}

func genesis(f *network.File, s Store) *State {
	w := newWriter(s)
	st := &State{View: View{file: f, net: f.Intents(), table: w.layer}, base: s, writes: w.writes, tip: f.Hash()}
	st.head = head{time: f.Time, seed: FirstSeed(st.tip)}
	st.members = slices.Clone(f.Members)
	w.element([]byte{kindHead}, nil, st.head.encode())
	w.element([]byte{kindMembers}, nil, encodeMembers(st.members))
	st.sum.swapAll(w.swaps())
	w.put([]byte{kindSum}, st.sum.bytes())
	w.put([]byte{kindTip}, st.tip[:])
	st.digest = st.sum.digest()
	return st
}

// Height is the number of the last batch, 0 before the first.
func (s *State) Height() uint64 { return s.head.height }

// Time is the last header's, the network file's before the first.
func (s *State) Time() int64 { return s.head.time }

// Seed draws the leaders of the next height.
func (s *State) Seed() intent.Hash { return s.head.seed }

// Digest is what the header of the height carries as state digest.
func (s *State) Digest() intent.Hash { return s.digest }

// HeaderDigest is that of the height's header; the network hash before the first.
func (s *State) HeaderDigest() intent.Hash { return s.tip }

// FirstSeed is the seed of height 1.
func FirstSeed(net intent.Hash) intent.Hash {
	return sha256.Sum256(append([]byte(seedDomain), net[:]...))
}

// NextSeed is the seed of the height after one with this seed and VRF output.
func NextSeed(seed intent.Hash, vrfOutput [32]byte) intent.Hash {
	return sha256.Sum256(append(append([]byte(seedDomain), seed[:]...), vrfOutput[:]...))
}
