package vault

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// Versions of followState: the first knew nothing of the transactions that bring a height on chain.
const (
	followVersion      = 2
	followWithoutLists = 1
)

// followState is a follower as it is kept between runs of a node. It never travels.
type followState struct {
	V        int           `cbor:"v"`
	Vault    []byte        `cbor:"vault"` // as the account's data; bump and delays are the founding's
	Founded  bool          `cbor:"founded"`
	Purses   []keptPurse   `cbor:"purses"`
	Requests []keptRequest `cbor:"requests"`
	Tallies  []keptTally   `cbor:"tallies"`
	Bringing [][]byte      `cbor:"bringing"` // transactions of the pending height
}

type keptPurse struct {
	Purse   []byte `cbor:"purse"`
	Mint    []byte `cbor:"mint"`
	Entries uint32 `cbor:"entries"`
}

type keptRequest struct {
	Mint   []byte `cbor:"mint"`
	Entry  uint32 `cbor:"entry"`
	Number uint64 `cbor:"number"`
	Unlock uint64 `cbor:"unlock"`
}

type keptTally struct {
	Digest []byte   `cbor:"digest"`
	View   uint32   `cbor:"view"`
	Bitmap uint32   `cbor:"bitmap"`
	Txs    [][]byte `cbor:"txs"`
}

// Encode is the follower's state, for DecodeFollower.
func (f *Follower) Encode() []byte {
	s := followState{V: followVersion, Vault: f.v.Encode(), Founded: f.founded, Bringing: keepTxs(f.bringing)}
	for k, p := range f.purses {
		s.Purses = append(s.Purses, keptPurse{k.Bytes(), p.mint[:], p.entries})
	}
	for k, r := range f.requests {
		s.Requests = append(s.Requests, keptRequest{k.mint[:], k.entry, r.number, r.unlock})
	}
	for k, t := range f.tallies {
		s.Tallies = append(s.Tallies, keptTally{k.digest[:], k.view, t.bitmap, keepTxs(t.txs)})
	}
	slices.SortFunc(s.Purses, func(a, b keptPurse) int { return bytes.Compare(a.Purse, b.Purse) })
	slices.SortFunc(s.Requests, func(a, b keptRequest) int {
		return strings.Compare(fmt.Sprintf("%x%08x", a.Mint, a.Entry), fmt.Sprintf("%x%08x", b.Mint, b.Entry))
	})
	slices.SortFunc(s.Tallies, func(a, b keptTally) int {
		return strings.Compare(fmt.Sprintf("%x%08x", a.Digest, a.View), fmt.Sprintf("%x%08x", b.Digest, b.View))
	})
	b, err := cbor.Marshal(s)
	if err != nil {
		panic("vault: encoding a follower: " + err.Error()) // plain structs of bytes and integers
	}
	return b
}

// DecodeFollower reads what Encode wrote.
func DecodeFollower(b []byte, a Addresses, founding *Founding) (*Follower, error) {
	var s followState
	if err := cbor.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("follower state: %w", err)
	}
	if s.V != followVersion && s.V != followWithoutLists {
		return nil, fmt.Errorf("follower state: version %d", s.V)
	}
	v, err := DecodeVault(s.Vault)
	if err != nil {
		return nil, fmt.Errorf("follower state: %w", err)
	}
	f := NewFollower(a, founding)
	f.v, f.founded = *v, s.Founded
	bad := errors.New("follower state: a key of a wrong length")
	for _, p := range s.Purses {
		if len(p.Purse) != 32 || len(p.Mint) != 32 {
			return nil, bad
		}
		f.purses[solana.PublicKey(p.Purse)] = purseState{intent.Key(p.Mint), p.Entries}
	}
	for _, r := range s.Requests {
		if len(r.Mint) != 32 {
			return nil, bad
		}
		f.requests[entryKey{intent.Key(r.Mint), r.Entry}] = openRequest{r.Number, r.Unlock}
	}
	for _, t := range s.Tallies {
		if len(t.Digest) != 32 {
			return nil, bad
		}
		txs, err := keptTxs(t.Txs)
		if err != nil {
			return nil, err
		}
		f.tallies[tallyKey{intent.Hash(t.Digest), t.View}] = tally{t.Bitmap, txs}
	}
	f.bringing, err = keptTxs(s.Bringing)
	return f, err
}

func keepTxs(txs []solana.Signature) [][]byte {
	out := make([][]byte, len(txs))
	for i := range txs {
		out[i] = txs[i][:]
	}
	return out
}

func keptTxs(kept [][]byte) ([]solana.Signature, error) {
	var out []solana.Signature
	for _, b := range kept {
		if len(b) != len(solana.Signature{}) {
			return nil, fmt.Errorf("follower state: a signature of %d bytes", len(b))
		}
		out = append(out, solana.Signature(b))
	}
	return out, nil
}
