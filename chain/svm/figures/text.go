package figures

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// The program that this one replaces moves so many wallets a transaction.
const (
	replacedLeast = 12
	replacedMost  = 22
)

// Text writes the figures as tables for people.
func (f *Figures) Text(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\t\n", args...) }
	fmt.Fprintln(w, "One settlement transaction: compute limit and price in it, one signature, no lookup tables")
	line("pages\twallets\tbytes\tcompute units")
	for _, p := range f.Packing {
		line("%d\t%d\t%d\t%d", p.Pages, p.Wallets, p.Bytes, p.Units)
	}
	fmt.Fprintf(w, "The program that this one replaces moves %d to %d wallets a transaction.\n\n", replacedLeast, replacedMost)
	fmt.Fprintln(w, "Settling a height, lamports, priority fees aside; beside it one transfer a wallet")
	line("members\twallets\ttransactions\tlamports\ta wallet\tone by one")
	for _, h := range f.Heights {
		line("%d\t%d\t%d\t%d\t%.0f\t%d", h.Members, h.Wallets, h.Transactions, h.Lamports, h.PerWallet, h.OneByOne)
	}
	fmt.Fprintln(w, "\nRent, lamports")
	line("vault\tpurse\tentry\ttally")
	line("%d\t%d\t%d\t%d", f.Rent.Vault, f.Rent.Purse, f.Rent.Entry, f.Rent.Tally)
	w.Flush()
	fmt.Fprintln(out, "\nCompute units")
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, u := range f.Units {
		fmt.Fprintf(w, "%s\t%d\n", u.Name, u.Units)
	}
	w.Flush()
}
