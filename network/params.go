package network

import "strconv"

// Bounds of the parameters. A file beyond them is refused everywhere, so that no founder can make nodes that follow
// their network run out of memory or time.
const (
	// MaxIntents and MaxBatchBytes are what a member can fetch, re-execute and hold within a capped view.
	MaxIntents    = 100_000
	MaxBatchBytes = 32 << 20
	// MinBatchBytes has room for a root and one list of one intent.
	MinBatchBytes = 4 << 10
	// MaxWallets keeps the chunks of a height far within the drop time.
	MaxWallets = 3_000
	// MaxItems is what one issuer may add to the state for nothing but one entry's rent.
	MaxItems = 1 << 20
	// MaxMillis bounds every duration: an hour in which nothing happens is a stopped network.
	MaxMillis = 3_600_000
	// MaxCutMargin is about seven minutes of slots: deposits would be late by more.
	MaxCutMargin = 1_000
)

// The withdraw delay and drop time of a network on a real cluster, and of one on the localnet, in slots.
const (
	DefaultWithdrawDelay = 9_000 // an hour
	DefaultDropTime      = 4_500 // half an hour
	LocalWithdrawDelay   = 3_000 // the localnet's slots are far shorter
	LocalDropTime        = 1_500
)

// DefaultParams are those of a network on a real cluster.
func DefaultParams() Params {
	return Params{
		MinIntents:     1,
		MaxIntents:     10_000,
		MaxBatchBytes:  4 << 20,
		Tick:           5_000,
		MaxWait:        30_000,
		BundleAge:      500,
		ViewTimeout:    4_000,
		ViewTimeoutMax: 60_000,
		TakeoverDelay:  10_000,
		CutMargin:      8,
		MaxWallets:     MaxWallets,
		MaxItems:       1_024,
	}
}

// LocalParams are those of a network on the localnet: the same limits, everything else in seconds or less.
func LocalParams() Params {
	p := DefaultParams()
	p.Tick = 250
	p.MaxWait = 1_000
	p.BundleAge = 100
	p.ViewTimeout = 2_000
	p.ViewTimeoutMax = 10_000
	p.TakeoverDelay = 2_000
	p.CutMargin = 2
	return p
}

// Validate checks each parameter against its bounds.
func (p *Params) Validate() error {
	for _, b := range [...]struct {
		field       string
		value       int64
		least, most int64
	}{
		{"params.min_intents", int64(p.MinIntents), 1, MaxIntents},
		{"params.max_intents", int64(p.MaxIntents), 1, MaxIntents},
		{"params.max_batch_bytes", int64(p.MaxBatchBytes), MinBatchBytes, MaxBatchBytes},
		{"params.tick_ms", p.Tick, 1, MaxMillis},
		{"params.max_wait_ms", p.MaxWait, 1, MaxMillis},
		{"params.bundle_age_ms", p.BundleAge, 0, MaxMillis},
		{"params.view_timeout_ms", p.ViewTimeout, 1, MaxMillis},
		{"params.view_timeout_max_ms", p.ViewTimeoutMax, 1, MaxMillis},
		{"params.takeover_delay_ms", p.TakeoverDelay, 1, MaxMillis},
		{"params.max_wallets", int64(p.MaxWallets), 2, MaxWallets},
		{"params.max_items", int64(p.MaxItems), 1, MaxItems},
	} {
		if err := within(b.field, b.value, b.least, b.most); err != nil {
			return err
		}
	}
	if p.CutMargin > MaxCutMargin {
		return &Error{"params.cut_margin_slots", "is " + strconv.FormatUint(p.CutMargin, 10), "set it to at most 1000"}
	}
	switch {
	case p.MaxIntents < p.MinIntents:
		return &Error{"params.max_intents", "is less than params.min_intents", "raise it, or lower min_intents"}
	case p.MaxWait < p.Tick:
		return &Error{"params.max_wait_ms", "is less than params.tick_ms", "raise it, or lower tick_ms"}
	case p.ViewTimeoutMax < p.ViewTimeout:
		return &Error{"params.view_timeout_max_ms", "is less than params.view_timeout_ms", "raise it, or lower view_timeout_ms"}
	}
	return nil
}

func within(field string, value, least, most int64) error {
	if value >= least && value <= most {
		return nil
	}
	return &Error{field, "is " + strconv.FormatInt(value, 10),
		"set it to " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10)}
}
