package testnet

import "github.com/phantom-paradox/paradox/intent"

// A Line is what became of one line of an intents file.
type Line struct {
	Line   int         `json:"line"`
	ID     string      `json:"id,omitempty"` // left out where no text can be rendered
	Kind   intent.Kind `json:"kind"`
	State  string      `json:"state"` // pending, settled, dropped or refused
	Code   intent.Code `json:"code,omitempty"`
	Height uint64      `json:"height,omitempty"`
}

// Summary is the last line of `testnet up --once --json`. Submitted is the sum of the other four; a transfer is a leg of a
// settled intent (gross) or a balance change on chain (net).
type Summary struct {
	Nodes   int `json:"nodes"`
	Members int `json:"members"`
	Heights int `json:"heights"`
	Intents struct {
		Submitted int `json:"submitted"`
		Settled   int `json:"settled"`
		Refused   int `json:"refused"`
		Dropped   int `json:"dropped"`
		Pending   int `json:"pending"`
	} `json:"intents"`
	Transfers struct {
		Gross int `json:"gross"`
		Net   int `json:"net"`
	} `json:"transfers"`
	Chain struct {
		Transactions int    `json:"transactions"`
		Height       uint64 `json:"height"`
		Slot         uint64 `json:"slot"`
	} `json:"chain"`
	StateDigests []string `json:"state_digests"` // one a node
	Batches      []string `json:"batches"`
	ElapsedMS    int64    `json:"elapsed_ms"`
	Lines        []Line   `json:"lines,omitempty"` // of an intents file, as they were handed in
}
