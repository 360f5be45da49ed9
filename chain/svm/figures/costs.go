package figures

import (
	"fmt"
	"io"
	"strings"

	"github.com/phantom-paradox/paradox/chain/vault"
	"github.com/phantom-paradox/paradox/intent"
)

// Rates are what a cluster takes, and how a network settles.
type Rates struct {
	Signature   uint64  `json:"lamports_a_signature" default:"5000" help:"Lamports of one signature; an Ed25519 signature that is checked costs as much."`
	Price       uint64  `json:"micro_lamports_a_unit" default:"1000" help:"Priority fee, micro-lamports a compute unit: what the settler begins with; it doubles with each expiry."`
	Units       uint64  `json:"units_a_transaction" default:"300000" help:"Compute limit of a settlement transaction, for which the priority fee is paid."`
	RentPerByte uint64  `json:"rent_lamports_a_byte" default:"6960" help:"Rent of a byte of account data."`
	Members     int     `json:"members" default:"7" help:"Members of the committee, of one weight."`
	Interval    float64 `json:"seconds_a_height" default:"30" help:"Seconds between heights, for a day's costs."`
	SOL         float64 `json:"price_of_sol" help:"Price of a SOL, to show a day's costs in its currency too." placeholder:"PRICE"`
	Wallets     []int   `json:"wallets" default:"10,100,1000,3000" help:"Wallets that a height moves, for each of which a line is printed."`
}

// A Cost is what a height of so many wallets costs.
type Cost struct {
	Wallets      int     `json:"wallets"`
	Attests      int     `json:"attest_transactions"`
	Applies      int     `json:"apply_transactions"`
	Signatures   int     `json:"signatures"` // of all transactions, the members' and one more each
	Height       uint64  `json:"lamports_a_height"`
	PerWallet    float64 `json:"lamports_a_wallet"`
	Day          float64 `json:"sol_a_day"`
	OneTransfer  uint64  `json:"lamports_one_transfer_a_wallet"`
	Replaced     uint64  `json:"lamports_replaced_program"`
	TimesCheaper float64 `json:"times_cheaper_than_transfers"`
}

// Costs are computed, not measured: the chunks are those that the format makes of so many neighbours on full pages.
type Costs struct {
	Rates Rates  `json:"rates"`
	Lines []Cost `json:"heights"`
	Rents struct {
		Vault uint64 `json:"vault"`
		Purse uint64 `json:"purse"`
		Entry uint64 `json:"entry"`
		Tally uint64 `json:"tally"`
	} `json:"rents"`
}

// Overheads of accounts: every one pays rent for 128 bytes more than its data, a token account has 165.
const (
	accountBytes = 128
	tokenBytes   = 165
	daySeconds   = 86_400
)

// Compute does the arithmetic.
func (r Rates) Compute() (*Costs, error) {
	if r.Members < 1 || r.Members > vault.MaxMembers || r.Interval <= 0 {
		return nil, fmt.Errorf("a committee has 1 to %d members, and an interval is longer than nothing", vault.MaxMembers)
	}
	c := &Costs{Rates: r}
	c.Rents.Vault = (vault.VaultSize + accountBytes) * r.RentPerByte
	c.Rents.Purse = (vault.PurseSize + tokenBytes + vault.PageHeaderSize + 3*accountBytes) * r.RentPerByte
	c.Rents.Entry = vault.EntrySize * r.RentPerByte
	c.Rents.Tally = (vault.TallySize + accountBytes) * r.RentPerByte
	for _, n := range r.Wallets {
		if n < 2 || n > network3000 {
			return nil, fmt.Errorf("a height moves 2 to %d wallets, not %d", network3000, n)
		}
		c.Lines = append(c.Lines, r.height(n))
	}
	return c, nil
}

// network3000 is the most wallets a height.
const network3000 = 3000

// quorum is how many of the members attest.
func (r Rates) quorum() int { return 2*r.Members/3 + 1 }

// transaction is the fee of one with so many signatures.
func (r Rates) transaction(signatures int) uint64 {
	return uint64(signatures)*r.Signature + r.Units*r.Price/1_000_000
}

func (r Rates) height(wallets int) Cost {
	quorum := r.quorum()
	c := Cost{Wallets: wallets, Attests: (quorum + vault.MaxSignatures - 1) / vault.MaxSignatures, Applies: len(settlement(intent.Key{1}, wallets))}
	transactions := c.Attests + c.Applies + 1 // the last closes the tally
	c.Signatures = transactions + quorum
	c.Height = uint64(transactions)*r.transaction(0) + uint64(c.Signatures)*r.Signature
	c.PerWallet = float64(c.Height) / float64(wallets)
	c.Day = float64(c.Height) * daySeconds / r.Interval / lamportsPerSOL
	c.OneTransfer = uint64(wallets) * r.transaction(1)
	c.Replaced = uint64((wallets+replacedMost-1)/replacedMost) * r.transaction(1)
	c.TimesCheaper = float64(c.OneTransfer) / float64(c.Height)
	return c
}

// Text writes the costs with their arithmetic.
func (c *Costs) Text(out io.Writer) {
	r := c.Rates
	fmt.Fprintf(out, "Settling a height: %d members, %d of whom attest, at most %d votes in a transaction.\n", r.Members, r.quorum(), vault.MaxSignatures)
	fmt.Fprintf(out, "A transaction: its signatures x %d lamports + %d units x %d / 1,000,000 = %d lamports of priority fee.\n\n", r.Signature, r.Units, r.Price, r.transaction(0))
	fmt.Fprint(out, c.Table())
	if len(c.Lines) > 0 {
		x := c.Lines[len(c.Lines)-1]
		n := x.Attests + x.Applies + 1
		fmt.Fprintf(out, "\n%d wallets: (%d attest + %d apply + 1 close) transactions; (%d + %d members') signatures x %d + %d x %d = %d lamports;\n"+
			"/ %d wallets = %.1f; x %d s / %g s a height = %.4f SOL a day", x.Wallets, x.Attests, x.Applies, n, r.quorum(), r.Signature, n, r.transaction(0), x.Height,
			x.Wallets, x.PerWallet, daySeconds, r.Interval, x.Day)
		if r.SOL > 0 {
			fmt.Fprintf(out, " = %.2f at %g a SOL", x.Day*r.SOL, r.SOL)
		}
		fmt.Fprintln(out, ".")
	}
	fmt.Fprintf(out, "\nRent, locked up while an account stands, at %d lamports a byte and %d bytes more an account:\n", r.RentPerByte, accountBytes)
	fmt.Fprintf(out, "  vault  (%d + %d) bytes = %d lamports, once\n", vault.VaultSize, accountBytes, c.Rents.Vault)
	fmt.Fprintf(out, "  purse  (%d + %d + %d + 3 x %d) bytes = %d, a mint: purse, token account, first page\n", vault.PurseSize, tokenBytes, vault.PageHeaderSize, accountBytes, c.Rents.Purse)
	fmt.Fprintf(out, "  entry  %d bytes = %d, a wallet and mint\n", vault.EntrySize, c.Rents.Entry)
	fmt.Fprintf(out, "  tally  (%d + %d) bytes = %d, a height; comes back when it is closed\n", vault.TallySize, accountBytes, c.Rents.Tally)
}

// Table is the comparison that the README shows, in Markdown.
func (c *Costs) Table() string {
	var b strings.Builder
	b.WriteString("| wallets | transactions | lamports a height | a wallet | one transfer a wallet | the program this replaces | SOL a day |\n")
	b.WriteString("|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, x := range c.Lines {
		fmt.Fprintf(&b, "| %d | %d | %d | %.1f | %d | %d | %.3f |\n", x.Wallets, x.Attests+x.Applies+1, x.Height, x.PerWallet, x.OneTransfer, x.Replaced, x.Day)
	}
	return b.String()
}
