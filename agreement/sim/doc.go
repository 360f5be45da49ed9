// Package sim runs whole committees of the agreement in virtual time, from a seed: delay, loss, reordering, duplication,
// partitions, crashes with and without disk, clock skew, lagging watchers, a vault that drops heights and moves its
// generation, and Byzantine members who do what they can together. The machines are those of the node; what is a model
// here is everything around them. Run plays a Scenario and says which promise of docs/spec/round.md was broken, if any.
//
// No clock, no goroutine, no randomness but the seed's: a failing seed replays exactly.
package sim
