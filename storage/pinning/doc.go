// Package pinning asks remote services, which speak the IPFS Pinning Service API, to keep a network's batches too.
//
// A batch's root links the root before it, and a service pins a root with everything below: the newest pin at a service holds
// the whole history, and the ones before it are let go once it stands. What is asked of a service is a pure machine (desk),
// one row on disk a root; what it says is read by boxo's client of the protocol. Services know nothing of each other: one
// that fails holds up no other. Nothing about intents or peers may enter here; who can be dialled is handed in.
package pinning
