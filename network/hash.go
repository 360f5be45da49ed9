package network

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// hashDomain begins what the network hash covers.
const hashDomain = "paradox/network/1"

// Hash is the network hash. Its first part is what the vault program checks by itself, its last the digest of all else.
func (f *File) Hash() intent.Hash {
	b := append(make([]byte, 0, 1024), hashDomain...)
	b = append(b, f.ProgramID[:]...)
	return sha256.Sum256(append(b, f.VaultArgs()...))
}

// VaultArgs is what `create vault` is given, and what the program hashes: members, threshold, delays, fee owner, RestHash.
// Validate refuses more members than the count's byte can say.
func (f *File) VaultArgs() []byte {
	b := append(make([]byte, 0, 1024), byte(len(f.Members)))
	for i := range f.Members {
		b = append(b, f.Members[i].Key[:]...)
		b = binary.LittleEndian.AppendUint16(b, f.Members[i].Weight)
	}
	b = binary.LittleEndian.AppendUint32(b, f.Threshold())
	b = binary.LittleEndian.AppendUint64(b, f.WithdrawDelay)
	b = binary.LittleEndian.AppendUint64(b, f.DropTime)
	b = append(b, f.FeeOwner[:]...)
	rest := f.RestHash()
	return append(b, rest[:]...)
}

// RestHash is the SHA-256 of Rest.
func (f *File) RestHash() intent.Hash { return sha256.Sum256(f.Rest()) }

// The maps of Rest. Keys are shorter than 24 bytes, so core deterministic order is dag-cbor's.
type (
	rest struct {
		V        int64        `cbor:"v"`
		Name     string       `cbor:"name"`
		Time     int64        `cbor:"time"`
		Mints    []restMint   `cbor:"mints"`
		Params   restParams   `cbor:"params"`
		Cluster  []byte       `cbor:"cluster"`
		FeeBps   uint64       `cbor:"fee_bps"`
		MaxAge   restMaxAge   `cbor:"max_age"`
		Members  []restMember `cbor:"members"`
		CodeHash []byte       `cbor:"code_hash"`
	}
	restMint struct {
		Mint     []byte `cbor:"mint"`
		Symbol   string `cbor:"symbol"`
		Decimals uint8  `cbor:"decimals"`
	}
	restMaxAge struct {
		Default int64 `cbor:"default"`
		Ask     int64 `cbor:"ask"`
		Session int64 `cbor:"session"`
	}
	restMember struct {
		Name string `cbor:"name"`
		VRF  []byte `cbor:"vrf"`
	}
	restParams struct {
		MinIntents     int    `cbor:"min_intents"`
		MaxIntents     int    `cbor:"max_intents"`
		MaxBatchBytes  int    `cbor:"max_batch_bytes"`
		Tick           int64  `cbor:"tick_ms"`
		MaxWait        int64  `cbor:"max_wait_ms"`
		BundleAge      int64  `cbor:"bundle_age_ms"`
		ViewTimeout    int64  `cbor:"view_timeout_ms"`
		ViewTimeoutMax int64  `cbor:"view_timeout_max_ms"`
		TakeoverDelay  int64  `cbor:"takeover_delay_ms"`
		CutMargin      uint64 `cbor:"cut_margin_slots"`
		MaxWallets     int    `cbor:"max_wallets"`
		MaxItems       int    `cbor:"max_items"`
	}
)

// Rest is the canonical dag-cbor of the consensus fields that the vault does not read by itself.
func (f *File) Rest() []byte {
	r := rest{
		V: int64(f.Version), Name: f.Name, Time: f.Time,
		Mints:   make([]restMint, len(f.Mints)),
		Params:  restParams(f.Params),
		Cluster: f.Cluster[:], FeeBps: f.FeeBps, MaxAge: restMaxAge(f.MaxAge),
		Members:  make([]restMember, len(f.Members)),
		CodeHash: f.CodeHash[:],
	}
	for i := range f.Mints {
		m := &f.Mints[i]
		r.Mints[i] = restMint{Mint: m.Mint[:], Symbol: m.Symbol, Decimals: m.Decimals}
	}
	for i := range f.Members {
		r.Members[i] = restMember{Name: f.Members[i].Name, VRF: f.Members[i].VRF[:]}
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err == nil {
		var b []byte
		if b, err = mode.Marshal(r); err == nil {
			return b
		}
	}
	panic("network: the fields of a file encode: " + err.Error())
}
