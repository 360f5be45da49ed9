//go:build race

package node

// longHistory is how many heights a node is behind in tests: the race detector makes each some ten times as slow.
const longHistory = 300
