// Command paradox runs a node of a Paradox network, asks one, and founds networks. `paradox --help` says the rest.
//
// One short file a command, and no logic: what a command does stands in the package it calls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, system(), os.Args[1:])
	stop()
	os.Exit(code)
}
