// Package network is the network file: the genesis of a Paradox network, in one canonical encoding, and the hash that
// everything signed names. It is pure. What changes after the founding (members, epochs) belongs to package ledger.
package network

import "github.com/phantom-paradox/paradox/intent"

// A Member is a node with a vote.
type Member struct {
	Name   string     `json:"name"`
	Key    intent.Key `json:"key"`    // Ed25519 voting key, which is also the libp2p identity
	VRF    VRFKey     `json:"vrf"`    // RFC 9381 P-256 public key, compressed, 33 bytes
	Weight uint16     `json:"weight"` // at least 1
}

// A VRFKey is a compressed P-256 public key; its text is lower-case hex.
type VRFKey [33]byte

// A File is the network file. Everything but Bootstrap, RPC and Signatures is covered by Hash.
type File struct {
	Version       int           `json:"version"` // 1
	Name          string        `json:"name"`
	ProgramID     intent.Key    `json:"program_id"`
	CodeHash      intent.Hash   `json:"code_hash"` // SHA-256 of the vault program's code; of the model's version text on the localnet
	Cluster       intent.Hash   `json:"cluster"`   // the cluster's genesis hash, base58
	Members       []Member      `json:"members"`
	WithdrawDelay uint64        `json:"withdraw_delay"` // slots
	DropTime      uint64        `json:"drop_time"`      // slots
	FeeOwner      intent.Key    `json:"fee_owner"`
	FeeBps        uint64        `json:"fee_bps"`
	Mints         []intent.Mint `json:"mints"`
	MaxAge        intent.MaxAge `json:"max_age"`
	Time          int64         `json:"time"` // founding, unix seconds
	Params        Params        `json:"params"`

	Bootstrap []string `json:"bootstrap,omitempty"` // multiaddrs, not hashed
	RPC       []string `json:"rpc,omitempty"`       // Solana RPC endpoints, not hashed

	Signatures []Signature `json:"signatures,omitempty"` // the founders', of the hash; not hashed themselves
}

// Params are the consensus parameters. Durations are milliseconds.
type Params struct {
	MinIntents     int    `json:"min_intents"`     // a round starts when so many are selectable and Tick has passed
	MaxIntents     int    `json:"max_intents"`     // a batch, at most 100,000
	MaxBatchBytes  int    `json:"max_batch_bytes"` // at most 32 MiB
	Tick           int64  `json:"tick_ms"`
	MaxWait        int64  `json:"max_wait_ms"`
	BundleAge      int64  `json:"bundle_age_ms"` // only bundles held so long are proposed
	ViewTimeout    int64  `json:"view_timeout_ms"`
	ViewTimeoutMax int64  `json:"view_timeout_max_ms"`
	TakeoverDelay  int64  `json:"takeover_delay_ms"`
	CutMargin      uint64 `json:"cut_margin_slots"` // a leader proposes a cut at least so much older than its newest
	MaxWallets     int    `json:"max_wallets"`      // entries a height may change
	MaxItems       int    `json:"max_items"`        // items an issuer
}
