package intent

// A Key is a 32-byte public key or address on Solana: a wallet, a session key, a mint. Its text is base58.
type Key [32]byte

// A Hash is a SHA-256 digest.
type Hash [32]byte

// An ID is the SHA-256 of an intent's text. Its text form is the CIDv1 (raw, sha2-256) of that text: bafkrei….
type ID [32]byte

// A Signature is an Ed25519 signature over an intent's text.
type Signature [64]byte

// Kind says what an intent wishes.
type Kind string

// The kinds.
const (
	Pay     Kind = "pay"
	Ask     Kind = "ask"
	Buy     Kind = "buy"
	Cancel  Kind = "cancel"
	Session Kind = "session"
	Revoke  Kind = "revoke"
	Issue   Kind = "issue"
)

// An Action is what a session may do: "buy", "cancel" or "pay".
type Action string

// An Intent is one wish of a wallet. Fields that its kind does not have are zero (nil, "", 0).
// Amounts, quantities and volumes are base units, 1 to 2^63-1; Created and Expires are unix seconds.
type Intent struct {
	Network   Hash
	Kind      Kind
	From      Key
	Signer    *Key // nil: From signs itself
	To        *Key
	Mint      *Key
	Amount    uint64
	Fee       uint64
	Item      string // "<issuer>/<name>", or a mint in base58
	Quantity  uint64
	Ask       *ID
	MaxVolume uint64
	Actions   []Action
	Nonce     uint64
	Created   int64
	Expires   int64
	Memo      string
}

// Signed is an intent with its signature: what travels.
type Signed struct {
	Intent
	Sig Signature
}

// SigningKey is the key whose signature the intent needs: the session's, or the wallet's own.
func (i *Intent) SigningKey() Key {
	if i.Signer != nil {
		return *i.Signer
	}
	return i.From
}

// Mint is a mint of the network file.
type Mint struct {
	Mint     Key    `json:"mint"`
	Symbol   string `json:"symbol"`   // 1-10 of A-Z a-z 0-9, unique
	Decimals uint8  `json:"decimals"` // 0-18
}

// MaxAge is the longest life of an intent, in seconds.
type MaxAge struct {
	Default int64 `json:"default"`
	Ask     int64 `json:"ask"`
	Session int64 `json:"session"`
}

// Network is the network file as far as clients need it.
type Network struct {
	Name   string `json:"name"`
	Hash   Hash   `json:"hash"` // base58 in text
	Mints  []Mint `json:"mints"`
	FeeBps uint64 `json:"fee_bps"`
	MaxAge MaxAge `json:"max_age"`
}

// A Code is one of the stable codes with which an intent is refused, or which say what became of it.
type Code string

// The codes of INTENT.md; docs/spec/intent.md says when each applies.
const (
	BadEncoding      Code = "bad_encoding"
	BadSignature     Code = "bad_signature"
	WrongNetwork     Code = "wrong_network"
	Expired          Code = "expired"
	NotYetValid      Code = "not_yet_valid"
	TooLongLived     Code = "too_long_lived"
	NonceUsed        Code = "nonce_used"
	NonceOutOfWindow Code = "nonce_out_of_window"
	Equivocation     Code = "equivocation"
	NoEntry          Code = "no_entry"
	UnknownSession   Code = "unknown_session"
	SessionExpired   Code = "session_expired"
	SessionVolume    Code = "session_volume"
	ActionNotAllowed Code = "action_not_allowed"
	TooManySessions  Code = "too_many_sessions"
	SessionExists    Code = "session_exists"
	SelfTrade        Code = "self_trade"
	BadAmount        Code = "bad_amount"
	BadFee           Code = "bad_fee"
	UnknownMint      Code = "unknown_mint"
	UnknownAsk       Code = "unknown_ask"
	AskTaken         Code = "ask_taken"
	AskMismatch      Code = "ask_mismatch"
	UnknownItem      Code = "unknown_item"
	ItemExists       Code = "item_exists"
	NotTheOwner      Code = "not_the_owner"
	RateLimited      Code = "rate_limited"
	PoolFull         Code = "pool_full"
	TooLarge         Code = "too_large"
	Uncovered        Code = "uncovered"
	Deferred         Code = "deferred"
	Cancelled        Code = "cancelled"
	Undone           Code = "undone"
)

// An Error says why an intent is refused: the code is stable, Field names the field at fault where one is, Detail is
// for people and says what would be right.
type Error struct {
	Code   Code
	Field  string
	Detail string
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}
