package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
)

// The shapes of answers. Amounts, nonces and event numbers are decimal strings; heights, views, slots and times (unix seconds)
// numbers; keys base58; ids and CIDs text; digests lower-case hex, but the network's base58.

// A Decimal is an integer that travels as a decimal string: JSON's numbers end at 2^53.
type Decimal uint64

// MarshalText implements encoding.TextMarshaler.
func (d Decimal) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(d), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Decimal) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return errors.New("not a decimal integer of 64 bits")
	}
	*d = Decimal(n)
	return nil
}

// A Digest is 32 bytes in lower-case hex.
type Digest [32]byte

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error {
	h, err := intent.ParseHex(string(b))
	*d = Digest(h)
	return err
}

// Hex is bytes in lower-case hex.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// An IntentJSON is an intent as intent.Signed.JSON writes it.
type IntentJSON json.RawMessage

// MarshalJSON implements json.Marshaler.
func (j IntentJSON) MarshalJSON() ([]byte, error) { return json.RawMessage(j).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (j *IntentJSON) UnmarshalJSON(b []byte) error {
	return (*json.RawMessage)(j).UnmarshalJSON(b)
}

// A Result answers one intent that was handed in.
type Result struct {
	ID     *intent.ID  `json:"id" nullable:"true" doc:"CID of the signed text; null where no text can be rendered"`
	State  string      `json:"state,omitempty" enum:"pending,accepted,settled,dropped" doc:"of an intent that is taken or known"`
	Code   intent.Code `json:"code,omitempty" doc:"why it is refused"`
	Detail string      `json:"detail,omitempty" doc:"the same for people, and what would be right"`
	Field  string      `json:"field,omitempty" doc:"the field at fault"`
}

// Results stand in the order of the intents.
type Results struct {
	Results []Result `json:"results"`
}

// The states of an intent.
const (
	Pending  = "pending"
	Accepted = "accepted" // revocable until settled
	Settled  = "settled"
	Dropped  = "dropped"
)

// IntentStatus is what became of an intent.
type IntentStatus struct {
	ID       intent.ID     `json:"id"`
	State    string        `json:"state" enum:"pending,accepted,settled,dropped"`
	Intent   IntentJSON    `json:"intent,omitempty"`
	Received int64         `json:"received,omitempty" doc:"when this node had it; left out where it came with a batch"`
	Pending  *Why          `json:"pending,omitempty" doc:"why it waits"`
	Accepted *Acceptance   `json:"accepted,omitempty" doc:"revocable until settled"`
	Settled  *Transactions `json:"settled,omitempty"`
	Dropped  *Why          `json:"dropped,omitempty"`
}

// Why is a code, and the same for people.
type Why struct {
	Code   intent.Code `json:"code"`
	Detail string      `json:"detail,omitempty"`
}

// Acceptance is the height that took an intent.
type Acceptance struct {
	Height uint64 `json:"height"`
	View   uint32 `json:"view" doc:"of the certificate"`
	Time   int64  `json:"time" doc:"the header's"`
	Batch  string `json:"batch" doc:"CID of the batch's root block"`
	Proof  *Proof `json:"proof,omitempty"`
}

// Transactions brought a height on chain.
type Transactions struct {
	Transactions []string `json:"transactions" doc:"signatures of the transactions that brought the height on chain"`
	Slot         uint64   `json:"slot" doc:"of the last one, finalised"`
}

// Proof leads from an accepted intent to a certified header.
type Proof struct {
	ID          intent.ID   `json:"id"`
	Height      uint64      `json:"height"`
	Leaf        Hex         `json:"leaf" doc:"data of the leaf"`
	Index       uint64      `json:"index"`
	Size        uint64      `json:"size" doc:"leaves of the tree"`
	Path        []Digest    `json:"path" doc:"RFC 6962, SHA-256"`
	OutcomeRoot Digest      `json:"outcome_root"`
	Header      Header      `json:"header"`
	HeaderBody  Hex         `json:"header_body" doc:"canonical dag-cbor"`
	Certificate Certificate `json:"certificate"`
	Epochs      []Epoch     `json:"epochs,omitempty" doc:"after a change of members: the certificates that made the changes, from the first on"`
}

// Header is a header body's fields, and the header's digest.
type Header struct {
	Network        intent.Hash `json:"network"`
	Epoch          uint32      `json:"epoch"`
	Height         uint64      `json:"height"`
	Generation     uint32      `json:"generation"`
	Time           int64       `json:"time"`
	View           uint32      `json:"view" doc:"of its first proposal"`
	Leader         intent.Key  `json:"leader" doc:"of its first proposal"`
	VRFOutput      Digest      `json:"vrf_output"`
	VRFProof       Hex         `json:"vrf_proof"`
	Previous       Digest      `json:"previous"`
	Batch          string      `json:"batch"`
	Count          uint64      `json:"count" doc:"intents"`
	Bytes          uint64      `json:"bytes"`
	OutcomeRoot    Digest      `json:"outcome_root"`
	StateDigest    Digest      `json:"state_digest"`
	CutNumber      Decimal     `json:"cut_number"`
	CutHash        Digest      `json:"cut_hash"`
	SettlementHead Digest      `json:"settlement_head"`
	Members        []Member    `json:"members,omitempty" doc:"where they change"`
	Digest         Digest      `json:"digest" doc:"what commits sign"`
}

// Certificate is a quorum of commits of one view.
type Certificate struct {
	View       uint32      `json:"view"`
	Signatures []Signature `json:"signatures"`
}

// Signature is one member's.
type Signature struct {
	Member intent.Key       `json:"member"`
	Sig    intent.Signature `json:"sig"`
}

// Epoch is a change of members and its certificate, signed by the members before it.
type Epoch struct {
	Members     []Member    `json:"members"`
	HeaderBody  Hex         `json:"header_body"`
	Certificate Certificate `json:"certificate"`
}

// Member is a node with a vote.
type Member struct {
	Name   string     `json:"name"`
	Key    intent.Key `json:"key"`
	VRF    Hex        `json:"vrf"`
	Weight uint16     `json:"weight"`
}

// Nonce is what a wallet's signing key may use next.
type Nonce struct {
	Wallet intent.Key `json:"wallet"`
	Signer intent.Key `json:"signer"`
	Next   Decimal    `json:"next" doc:"the lowest free one, what is pending on this node counted; 0 where the window is full"`
	Floor  Decimal    `json:"floor" doc:"all up to it are used"`
	SignIn string     `json:"sign_in" doc:"text for a sign-in with Solana by the signer, good once and for some minutes"`
}

// Wallet is what a node knows of a wallet, as of the last settled height.
type Wallet struct {
	Wallet   intent.Key  `json:"wallet"`
	Entries  []Entry     `json:"entries"`
	Items    []string    `json:"items" doc:"a page of them"`
	Sessions []Session   `json:"sessions"`
	Pending  []intent.ID `json:"pending" doc:"at most 200"`
	Height   uint64      `json:"height"`
	Next     string      `json:"next,omitempty" doc:"of the items"`
}

// Entry is a wallet's account of one mint.
type Entry struct {
	Mint      intent.Key `json:"mint"`
	Symbol    string     `json:"symbol"`
	Number    uint32     `json:"number"`
	Balance   Decimal    `json:"balance"`
	Requested Decimal    `json:"requested" doc:"asked for on chain"`
	Spendable Decimal    `json:"spendable"`
}

// Session is what a wallet lets another key do in one mint.
type Session struct {
	Key       intent.Key      `json:"key"`
	Mint      intent.Key      `json:"mint"`
	Symbol    string          `json:"symbol"`
	MaxVolume Decimal         `json:"max_volume"`
	Used      Decimal         `json:"used"`
	Expires   int64           `json:"expires"`
	Actions   []intent.Action `json:"actions"`
}

// History is a wallet's accepted intents and vault events, the newest first.
type History struct {
	History []Happening `json:"history"`
	Next    string      `json:"next,omitempty"`
}

// Happening is one of a wallet's accepted intents, or an event of its entries.
type Happening struct {
	Type string `json:"type" enum:"intent,event"`

	ID     *intent.ID  `json:"id,omitempty"`
	Kind   intent.Kind `json:"kind,omitempty"`
	Height uint64      `json:"height,omitempty"`

	Event  string      `json:"event,omitempty" enum:"open,deposit,request,cancel,withdraw"`
	Number *Decimal    `json:"number,omitempty" doc:"of the event"`
	Mint   *intent.Key `json:"mint,omitempty"`
	Entry  *uint32     `json:"entry,omitempty"`
	Amount *Decimal    `json:"amount,omitempty"`

	Slot        uint64 `json:"slot,omitempty"`
	Transaction string `json:"transaction,omitempty"`
}

// Rounds are heights, the newest first.
type Rounds struct {
	Rounds []Round `json:"rounds"`
	Next   string  `json:"next,omitempty"`
}

// Round is a decided height.
type Round struct {
	Header      Header      `json:"header"`
	Certificate Certificate `json:"certificate"`
	Outcome     Outcome     `json:"outcome"`
	Settlement  Settlement  `json:"settlement"`
	Decided     int64       `json:"decided" doc:"when this node knew"`
}

// Outcome is what a batch does, in short.
type Outcome struct {
	Accepted int               `json:"accepted" doc:"intents"`
	Legs     int               `json:"legs" doc:"transfers that they mean"`
	Changes  int               `json:"changes" doc:"balances that change"`
	Items    int               `json:"items" doc:"items that change hands"`
	Gross    map[string]string `json:"gross" doc:"by mint: what would move one by one"`
	Net      map[string]string `json:"net" doc:"by mint: what moves"`
}

// Settlement is how far a height is on chain.
type Settlement struct {
	State        string   `json:"state" enum:"waiting,attesting,applying,settled,dropped"`
	Transactions []string `json:"transactions"`
	Slot         uint64   `json:"slot,omitempty" doc:"finalised"`
	Chunks       int      `json:"chunks"`
	Applied      int      `json:"applied" doc:"chunks, as last seen"`
	Milliseconds int64    `json:"milliseconds,omitempty" doc:"from the decision to the settlement, as this node saw them"`
	Error        string   `json:"error,omitempty" doc:"of this node's last attempt"`
}

// RoundEvent says that a height was decided, settled or undone.
type RoundEvent struct {
	State      string `json:"state" enum:"decided,settled,undone"`
	Height     uint64 `json:"height"`
	Generation uint32 `json:"generation"`
	Round      *Round `json:"round,omitempty" doc:"left out where it was undone"`
}

// Batch is a batch's root, and a page of what it takes.
type Batch struct {
	CID      string        `json:"cid"`
	Network  intent.Hash   `json:"network"`
	Height   uint64        `json:"height"`
	Previous *string       `json:"previous" doc:"CID of the batch before; null for the first"`
	Count    int           `json:"count" doc:"intents"`
	Bundles  []Bundle      `json:"bundles"`
	Intents  []BatchIntent `json:"intents" doc:"a page of them, in batch order"`
	Next     string        `json:"next,omitempty"`
}

// Bundle is a block of intents, of which the batch takes some.
type Bundle struct {
	CID   string `json:"cid"`
	Taken []int  `json:"taken" doc:"places in the bundle"`
}

// BatchIntent is an intent of a batch.
type BatchIntent struct {
	ID     intent.ID  `json:"id"`
	Intent IntentJSON `json:"intent"`
}

// Item is a thing in the network, and whose it is.
type Item struct {
	Item    string      `json:"item"`
	Issuer  intent.Key  `json:"issuer"`
	Owner   intent.Key  `json:"owner"`
	History []ItemOwner `json:"history" doc:"owners, the newest first, as far as this node has seen them"`
}

// ItemOwner is when an item came to an owner.
type ItemOwner struct {
	Height uint64     `json:"height"`
	Owner  intent.Key `json:"owner"`
}

// Asks are open asks by id.
type Asks struct {
	Asks []OpenAsk `json:"asks"`
	Next string    `json:"next,omitempty"`
}

// OpenAsk is an ask that waits for a buyer.
type OpenAsk struct {
	ID     intent.ID  `json:"id"`
	Intent IntentJSON `json:"intent"`
}

// Network is what a network file founds, and where it stands.
type Network struct {
	Name       string        `json:"name"`
	Hash       intent.Hash   `json:"hash"`
	Mints      []intent.Mint `json:"mints"`
	FeeBps     uint64        `json:"fee_bps"`
	FeeOwner   intent.Key    `json:"fee_owner"`
	MaxAge     intent.MaxAge `json:"max_age" doc:"seconds"`
	Members    []Member      `json:"members" doc:"of the next height"`
	Threshold  uint32        `json:"threshold" doc:"a quorum weighs more"`
	Epoch      uint32        `json:"epoch"`
	Changes    []Change      `json:"changes,omitempty" doc:"of the members, which operators have approved and the committee has not decided"`
	Time       int64         `json:"time" doc:"of the founding"`
	Parameters Parameters    `json:"parameters"`
	Chain      NetworkChain  `json:"chain"`
	Bootstrap  []string      `json:"bootstrap" doc:"multiaddrs of peers to dial first, this node's among them"`
}

// Parameters are the consensus parameters; durations are milliseconds.
type Parameters struct {
	MinIntents     int    `json:"min_intents"`
	MaxIntents     int    `json:"max_intents"`
	MaxBatchBytes  int    `json:"max_batch_bytes"`
	Tick           int64  `json:"tick_ms"`
	MaxWait        int64  `json:"max_wait_ms"`
	BundleAge      int64  `json:"bundle_age_ms"`
	ViewTimeout    int64  `json:"view_timeout_ms"`
	ViewTimeoutMax int64  `json:"view_timeout_max_ms"`
	TakeoverDelay  int64  `json:"takeover_delay_ms"`
	CutMargin      uint64 `json:"cut_margin_slots"`
	MaxWallets     int    `json:"max_wallets"`
	MaxItems       int    `json:"max_items"`
}

// NetworkChain is where a network's vault is.
type NetworkChain struct {
	Cluster       intent.Hash `json:"cluster" doc:"genesis hash"`
	ProgramID     intent.Key  `json:"program_id"`
	CodeHash      intent.Hash `json:"code_hash"`
	Vault         intent.Key  `json:"vault"`
	WithdrawDelay uint64      `json:"withdraw_delay" doc:"slots"`
	DropTime      uint64      `json:"drop_time" doc:"slots"`
}

// Peers are the nodes that this one is connected to, and why there are not more.
type Peers struct {
	ID        string      `json:"id" doc:"this node's"`
	Addresses []string    `json:"addresses" doc:"this node's, as told to others"`
	Peers     []Peer      `json:"peers"`
	Bootstrap []Bootstrap `json:"bootstrap"`
	Next      string      `json:"next,omitempty"`
}

// Peer is a connected node.
type Peer struct {
	ID      string  `json:"id"`
	Address string  `json:"address"`
	Inbound bool    `json:"inbound"`
	Agent   string  `json:"agent"`
	Version uint32  `json:"version" doc:"of the node protocol; 0: no node of this network"`
	Latency float64 `json:"latency_ms,omitempty" doc:"left out until measured"`
	Score   float64 `json:"score" doc:"below -1000 it is not listened to"`
	Since   int64   `json:"since"`
	Member  string  `json:"member,omitempty" doc:"name, of a member"`
}

// Bootstrap is how it went with a bootstrap address.
type Bootstrap struct {
	Address   string `json:"address"`
	Connected bool   `json:"connected"`
	Attempts  int    `json:"attempts"`
	Last      int64  `json:"last,omitempty"`
	Error     string `json:"error,omitempty"`
}

// PeerEvent says that a peer came or went.
type PeerEvent struct {
	ID     string `json:"id"`
	State  string `json:"state" enum:"connected,ready,incompatible,banned,disconnected"`
	Detail string `json:"detail,omitempty"`
	Peers  int    `json:"peers" doc:"connected now"`
}

// Status is the node at a glance.
type Status struct {
	Version     string      `json:"version"`
	Network     string      `json:"network"`
	NetworkHash intent.Hash `json:"network_hash"`
	Member      string      `json:"member,omitempty" doc:"name of the member that this node is"`
	Voting      string      `json:"voting" enum:"voting,silent,observer"`
	Height      uint64      `json:"height" doc:"the last decided; provisional while the chain's is less"`
	Deciding    uint64      `json:"deciding" doc:"the height that is being decided, or waits to be settled"`
	Epoch       uint32      `json:"epoch"`
	Generation  uint32      `json:"generation"`
	View        uint32      `json:"view"`
	Leader      string      `json:"leader" doc:"key of the view's leader; empty while there is none"`
	LeaderName  string      `json:"leader_name,omitempty"`
	Phase       string      `json:"phase,omitempty"`
	Pool        int         `json:"pool" doc:"intents"`
	Peers       int         `json:"peers"`
	Synced      bool        `json:"synced"`
	Why         string      `json:"why,omitempty" doc:"it is not synced or does not vote"`
	Changes     []Change    `json:"changes,omitempty" doc:"of the members, which operators have approved and the committee has not decided"`
	Chain       StatusChain `json:"chain"`
	StateDigest Digest      `json:"state_digest" doc:"of the last settled height"`
	Started     int64       `json:"started"`
	Time        int64       `json:"time" doc:"this node's clock"`
}

// StatusChain is what the node has seen of the vault.
type StatusChain struct {
	Height uint64  `json:"height" doc:"the last settled"`
	Slot   uint64  `json:"slot" doc:"finalised"`
	Events Decimal `json:"events"`
}

// Stats are a node's numbers since its start.
type Stats struct {
	Pool    PoolStats          `json:"pool"`
	Traffic Traffic            `json:"traffic"`
	Disk    Disk               `json:"disk"`
	Totals  map[string]float64 `json:"totals" doc:"the node's own counters, by their names in /metrics"`
}

// PoolStats are what the pool holds.
type PoolStats struct {
	Intents int   `json:"intents"`
	Free    int   `json:"free" doc:"not taken by a height that waits to be settled"`
	Asks    int   `json:"asks" doc:"of them, resting"`
	Bytes   int64 `json:"bytes"`
	Oldest  int64 `json:"oldest,omitempty" doc:"when the oldest that waits came"`
}

// Traffic is what went over libp2p and bitswap.
type Traffic struct {
	BytesIn    Decimal `json:"bytes_in"`
	BytesOut   Decimal `json:"bytes_out"`
	BlocksIn   Decimal `json:"blocks_in"`
	BlocksOut  Decimal `json:"blocks_out"`
	Duplicates Decimal `json:"blocks_duplicate"`
}

// Disk is what the node uses and what is left.
type Disk struct {
	Used Decimal `json:"used"`
	Free Decimal `json:"free"`
}

// The states of health.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"
	Unhealthy = "unhealthy"
)

// Health is a node's own opinion of itself.
type Health struct {
	Status string  `json:"status" enum:"healthy,degraded,unhealthy"`
	Checks []Check `json:"checks"`
}

// Check is one thing that a node looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status" enum:"healthy,degraded,unhealthy"`
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty" doc:"what to do"`
}

// NewHealth is as good as its worst check.
func NewHealth(checks ...Check) *Health {
	h := &Health{Status: Healthy, Checks: checks}
	for _, c := range checks {
		if c.Status == Unhealthy || (c.Status == Degraded && h.Status == Healthy) {
			h.Status = c.Status
		}
	}
	return h
}

// Live is what a process answers that is alive.
type Live struct {
	Status string `json:"status" enum:"ok"`
}
