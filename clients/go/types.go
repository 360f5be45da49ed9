package client

import (
	"encoding/json"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/network"
)

// A Result is a node's answer to one intent that was handed in: a state, or a code with its reason.
type Result struct {
	ID     *intent.ID  `json:"id"` // nil where no text can be rendered
	State  string      `json:"state,omitempty"`
	Code   intent.Code `json:"code,omitempty"`
	Detail string      `json:"detail,omitempty"`
	Field  string      `json:"field,omitempty"`
}

// The states of an intent.
const (
	Pending  = "pending"
	Accepted = "accepted" // revocable until settled
	Settled  = "settled"
	Dropped  = "dropped"
)

// Why says with which code, and for people in which detail.
type Why struct {
	Code   intent.Code `json:"code"`
	Detail string      `json:"detail,omitempty"`
}

// Acceptance says which height took an intent.
type Acceptance struct {
	Height uint64          `json:"height"`
	View   uint32          `json:"view"`
	Time   int64           `json:"time"`
	Batch  string          `json:"batch"`
	Proof  json.RawMessage `json:"proof,omitempty"`
}

// Transactions are what brought a height on chain.
type Transactions struct {
	Transactions []string `json:"transactions"`
	Slot         uint64   `json:"slot"`
}

// IntentStatus is what a node knows of an intent.
type IntentStatus struct {
	ID       intent.ID       `json:"id"`
	State    string          `json:"state"`
	Intent   json.RawMessage `json:"intent,omitempty"`
	Pending  *Why            `json:"pending,omitempty"`
	Accepted *Acceptance     `json:"accepted,omitempty"`
	Settled  *Transactions   `json:"settled,omitempty"`
	Dropped  *Why            `json:"dropped,omitempty"`
}

// Nonce is what a wallet's signing key may use next.
type Nonce struct {
	Wallet intent.Key `json:"wallet"`
	Signer intent.Key `json:"signer"`
	Next   uint64     `json:"next,string"`
	Floor  uint64     `json:"floor,string"`
}

// Entry is a wallet's account of one mint.
type Entry struct {
	Mint      intent.Key `json:"mint"`
	Symbol    string     `json:"symbol"`
	Number    uint32     `json:"number"`
	Balance   uint64     `json:"balance,string"`
	Requested uint64     `json:"requested,string"`
	Spendable uint64     `json:"spendable,string"`
}

// Wallet is what a node knows of a wallet.
type Wallet struct {
	Wallet  intent.Key `json:"wallet"`
	Entries []Entry    `json:"entries"`
	Items   []string   `json:"items"`
	// Sessions are the live ones.
	Sessions []Session `json:"sessions"`
	Height   uint64    `json:"height"`
}

// Session lets a key spend for a wallet.
type Session struct {
	Key       intent.Key      `json:"key"`
	Mint      intent.Key      `json:"mint"`
	Symbol    string          `json:"symbol"`
	MaxVolume uint64          `json:"max_volume,string"`
	Used      uint64          `json:"used,string"`
	Expires   int64           `json:"expires"`
	Actions   []intent.Action `json:"actions"`
}

// Status is a node at a glance.
type Status struct {
	Version string `json:"version"`
	Network string `json:"network"`
	Member  string `json:"member,omitempty"` // name of the member that the node is
	Voting  string `json:"voting"`           // voting, silent, observer
	Why     string `json:"why,omitempty"`    // it is not synced or does not vote
	Height  uint64 `json:"height"`
	View    uint32 `json:"view"`
	Leader  string `json:"leader"`
	// LeaderName is the leader's in the network file.
	LeaderName string `json:"leader_name,omitempty"`
	Pool       int    `json:"pool"`
	Peers      int    `json:"peers"`
	Synced     bool   `json:"synced"`
	Chain      struct {
		Height uint64 `json:"height"`
		Slot   uint64 `json:"slot"`
		Events uint64 `json:"events,string"`
	} `json:"chain"`
	StateDigest string `json:"state_digest"`
	// Changes of the members that operators have approved and the committee has not decided.
	Changes []Change `json:"changes,omitempty"`
}

// Change is a change of the members that somebody's operator has approved.
type Change struct {
	ID        string   `json:"id"`
	Action    string   `json:"action"` // admit, remove
	Member    Member   `json:"member"`
	Epoch     uint32   `json:"epoch"`
	Approved  []string `json:"approved"` // names
	Weight    uint32   `json:"weight"`
	Threshold uint32   `json:"threshold"` // a quorum weighs more
	Own       bool     `json:"own"`
	Expires   int64    `json:"expires"`
}

// Member is a node with a vote.
type Member struct {
	Name   string         `json:"name"`
	Key    intent.Key     `json:"key"`
	VRF    network.VRFKey `json:"vrf"`
	Weight uint16         `json:"weight"`
}

// Network is the network as a node sees it.
type Network struct {
	Name      string        `json:"name"`
	Hash      intent.Hash   `json:"hash"`
	Mints     []intent.Mint `json:"mints"`
	Members   []Member      `json:"members"`
	Threshold uint32        `json:"threshold"`
	Epoch     uint32        `json:"epoch"`
	Changes   []Change      `json:"changes,omitempty"`
}

// Evidence is two votes of one member that no honest one casts together.
type Evidence struct {
	Member     intent.Key `json:"member"`
	Name       string     `json:"name,omitempty"`
	Height     uint64     `json:"height"`
	Epoch      uint32     `json:"epoch"`
	Generation uint32     `json:"generation"`
	Votes      []struct {
		Kind   string `json:"kind"`
		View   uint32 `json:"view"`
		Digest string `json:"digest"`
		Sig    string `json:"sig"`
	} `json:"votes"`
	Proof string `json:"proof"` // hex of both votes as they travel
}

// Round is a height: what was decided and how far its settlement is.
type Round struct {
	Header struct {
		Height      uint64 `json:"height"`
		Epoch       uint32 `json:"epoch"`
		Generation  uint32 `json:"generation"`
		View        uint32 `json:"view"`
		Leader      string `json:"leader"`
		Time        int64  `json:"time"`
		Batch       string `json:"batch"`
		Count       int    `json:"count"`
		Bytes       int    `json:"bytes"`
		StateDigest string `json:"state_digest"`
	} `json:"header"`
	Certificate struct {
		View uint32 `json:"view"`
	} `json:"certificate"`
	Outcome struct {
		Accepted int `json:"accepted"`
		Legs     int `json:"legs"`    // transfers that the accepted intents mean
		Changes  int `json:"changes"` // balance changes that settle them
	} `json:"outcome"`
	Settlement struct {
		State        string   `json:"state"`
		Transactions []string `json:"transactions"`
		Slot         uint64   `json:"slot"`
		Chunks       int      `json:"chunks"`
	} `json:"settlement"`
}

// Health is a node's own opinion of itself.
type Health struct {
	Status string  `json:"status"`
	Checks []Check `json:"checks"`
}

// Check is one thing a node looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// A Problem is an error that a node answered (application/problem+json).
type Problem struct {
	Type       string      `json:"type,omitempty"`
	Title      string      `json:"title,omitempty"`
	StatusCode int         `json:"status"`
	Code       intent.Code `json:"code,omitempty"`
	Detail     string      `json:"detail,omitempty"`
	Field      string      `json:"field,omitempty"`
	Remedy     string      `json:"remedy,omitempty"`
	RetryAfter int         `json:"-"` // seconds, of 429 and 503
}

// Peers are a node's connections.
type Peers struct {
	ID        string      `json:"id"`
	Addresses []string    `json:"addresses"` // the node's own, each with /p2p/ID
	Peers     []Peer      `json:"peers"`
	Bootstrap []Bootstrap `json:"bootstrap"`
	Next      string      `json:"next,omitempty"`
}

// Peer is one that is connected.
type Peer struct {
	ID      string  `json:"id"`
	Address string  `json:"address"` // of the connection
	Inbound bool    `json:"inbound"` // it dialled
	Agent   string  `json:"agent"`
	Latency float64 `json:"latency_ms,omitempty"` // 0: not measured yet
	Since   int64   `json:"since"`
	Member  string  `json:"member,omitempty"` // name, of a member
}

// Whole is the address with the peer's id.
func (p *Peer) Whole() string {
	if strings.Contains(p.Address, "/p2p/") {
		return p.Address
	}
	return p.Address + "/p2p/" + p.ID
}

// Bootstrap is how it went with one bootstrap address.
type Bootstrap struct {
	Address   string `json:"address"`
	Connected bool   `json:"connected"`
	Attempts  int    `json:"attempts"`
	Error     string `json:"error,omitempty"`
}
