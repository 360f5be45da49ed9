//go:build !race

package node

// longHistory is how many heights a node is behind in tests.
const longHistory = 1000
