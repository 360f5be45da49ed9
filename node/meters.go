package node

import "github.com/prometheus/client_golang/prometheus"

// meters are the node's own metrics; names carry their unit. Each node has its own registry.
type meters struct {
	registry       *prometheus.Registry
	admitted       *prometheus.CounterVec
	refused        *prometheus.CounterVec
	dropped        prometheus.Counter
	bundles        prometheus.Counter
	bundleBytes    prometheus.Counter
	gossipBytes    prometheus.Counter
	verified       *prometheus.CounterVec
	gossipRejected prometheus.Counter
	roundBytes     prometheus.Counter
	unsaid         prometheus.Counter
	invalid        prometheus.Counter
	roundRefused   prometheus.Counter
	badProposals   prometheus.Counter
	viewChanges    prometheus.Counter
	decided        prometheus.Counter
	undone         prometheus.Counter
	evidence       prometheus.Counter
	height         prometheus.Gauge
	toDecided      prometheus.Histogram
	toSettled      prometheus.Histogram
	netting        *prometheus.HistogramVec
	signed         prometheus.Counter
	unsigned       prometheus.Counter
}

func newMeters() *meters {
	m := &meters{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "paradox", Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "paradox", Name: name, Help: help}, []string{label})
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "paradox", Name: name, Help: help,
			Buckets: []float64{.1, .25, .5, 1, 2, 3, 5, 8, 13, 21, 34, 60, 120, 300}})
		m.registry.MustRegister(h)
		return h
	}
	m.admitted = vector("intents_admitted_total", "Intents pooled, by the way they came.", "door")
	m.refused = vector("intents_refused_total", "Intents refused over HTTP, by code.", "code")
	m.dropped = counter("intents_dropped_total", "Pooled intents that expired or can never run.")
	m.bundles = counter("bundles_made_total", "Bundles made of intents that came alone.")
	m.bundleBytes = counter("bundles_made_bytes_total", "Bytes of bundles made here.")
	m.gossipBytes = counter("bundles_received_bytes_total", "Bytes of bundles taken from peers.")
	m.gossipRejected = counter("bundles_rejected_total", "Gossiped bundles that are their sender's fault.")
	m.verified = vector("signatures_verified_total", "Signatures of intents that were checked: at the door, where each comes once, and in a batch, of intents that were not pooled here.", "where")
	m.roundBytes = counter("round_messages_bytes_total", "Bytes of round messages received.")
	m.unsaid = counter("round_messages_unsaid_total", "Own round messages that found the queue full.")
	m.roundRefused = counter("round_messages_refused_total", "Round messages that were not passed on: of strangers, old, repeated too often, or wrong.")
	m.invalid = counter("round_messages_invalid_total", "Round messages that the agreement found invalid.")
	m.badProposals = counter("proposals_bad_total", "Proposals that could not be executed or gave another result.")
	m.viewChanges = counter("view_changes_total", "Views entered after the first of a height.")
	m.decided = counter("heights_decided_total", "Heights decided, those undone later included.")
	m.undone = counter("heights_undone_total", "Decided heights that the chain undid.")
	m.evidence = counter("evidence_total", "Members found to contradict themselves.")
	m.toDecided = histogram("intent_decided_seconds", "From admission at this node to the decision.")
	m.toSettled = histogram("intent_settled_seconds", "From admission at this node to the settlement, finalised.")
	m.netting = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "paradox", Name: "netting_seconds",
		Help: "How long netting took: select, a leader's choice from the pool; execute, a batch that was proposed.", Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"step"})
	m.registry.MustRegister(m.netting)
	m.signed = counter("heights_signed_total", "Settled heights whose certificate has this member's signature.")
	m.unsigned = counter("heights_unsigned_total", "Settled heights of this member's epoch whose certificate lacks its signature. A quorum needs not all, so some are no fault.")
	m.height = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "paradox", Name: "height", Help: "The last settled height."})
	m.registry.MustRegister(m.height)
	return m
}
