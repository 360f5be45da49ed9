// Package chaos holds tests of whole networks of real processes: they build the binary, found a network with the launcher,
// kill, stop and restart what is in it under load, and look at what came of every intent. There is nothing else here, and
// nothing that a node or a launcher could import.
//
// A test prints its seed. CHAOS_SEED replays it (what is killed, and when; not how the machine schedules it), CHAOS_KILLS
// makes the storm longer, CHAOS_KEEP names a directory in which the homes are kept.
package chaos
