// Package netns tests networks of several hosts on one machine: real nodes as processes, each in a Linux network namespace with
// an address of its own, joined by a bridge, parted by nftables, or reached only through proxies that delay and lose what they
// carry. It needs root, CAP_NET_ADMIN or unprivileged user namespaces, and the commands unshare, ip and nft; it says so and
// fails where it has none of them. `make netns` runs it, and .ci/run as a step of its own.
//
// It has no code that ships, and no test that could run without namespaces: those belong to package chaos.
package netns
