package main

type vaultCmd struct {
	Init   vaultInitCmd   `cmd:"" help:"Found a network's vault on chain: the vault, and a purse for each mint."`
	Status vaultStatusCmd `cmd:"" help:"What the vault on chain holds, owes, and has settled."`
}
