// Package picture draws what netting saves: on the left everything that everybody pays, on the right, at the same scale,
// what is left to pay. It makes SVG text out of flows and is pure; files, browsers and terminals are elsewhere.
//
// It is a drawing, not an outcome: numbers are rounded to pixels, and floating point is at home here.
package picture

import (
	"fmt"
	"math"
	"strings"

	"github.com/phantom-paradox/paradox/netting"
)

// MaxNamed is how many wallets are drawn by name; the others are one band. A dozen labels is what a reader takes in and
// what fits the height.
const MaxNamed = 12

// Labels are what the drawing says beside the numbers. All are optional.
type Labels struct {
	Title    string                     // "Round 7", "obligations.csv"
	Unit     string                     // "USDC"; default: the asset of the flows
	Decimals int                        // of the mint: amounts are base units
	Name     func(wallet string) string // how a wallet is shown; default: itself, shortened
}

// The page, in pixels.
const (
	width, height = 1200.0, 764.0
	margin        = 48.0
	columnTop     = 262.0 // where columns begin
	columnHeight  = 452.0 // what the fuller column takes, gaps included
	slot          = 19.0  // least distance of two labels
	gap           = 4.0   // between bars
	bar           = 12.0  // width of a column
	grossLeft     = 202.0 // inner edges of the columns: payers and payees of the gross panel
	grossRight    = 522.0
	divider       = 685.0
	netLeft       = 850.0
	netRight      = 996.0
	others        = "others"
	paper         = "#fbfaf7"
	ink           = "#1c2430"
	faint         = "#78828f"
	hair          = "#e4e1d8"
	saved         = "#0f8a6a"
	fontFamily    = "Inter,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif"
)

// palette colours the named wallets; neighbours differ in hue and in lightness. The others are grey.
func palette() [MaxNamed]string {
	return [MaxNamed]string{
		"#3566b8", "#e0812c", "#2f9e83", "#c4475d", "#7d5fb5", "#c9a227", "#3f97c2", "#a85f3b", "#6b9a36", "#d5739d", "#4a5f7a", "#8f8a3c",
	}
}

const othersColour = "#a9b0b9"

// SVG draws flows whose pairs were kept.
func SVG(f *netting.Flows, l Labels) []byte {
	if l.Unit == "" {
		l.Unit = f.Asset
	}
	if l.Name == nil {
		l.Name = shorten
	}
	d := &drawing{flows: f, labels: l}
	d.choose()
	d.measure()
	d.open()
	d.headline()
	d.comparison()
	d.gross()
	d.net()
	d.printf("</svg>\n")
	return []byte(d.b.String())
}

// A drawing is one picture in the making.
type drawing struct {
	b       strings.Builder
	flows   *netting.Flows
	labels  Labels
	nodes   []node
	between [][]float64 // amounts from node to node
	scale   float64     // pixels a unit, the same on both sides
}

// A node is a named wallet, or all others.
type node struct {
	label, colour string
	wallets       int
	out, in       float64
	pays, gets    float64 // net: for the others, those of them that pay and those that get
	grossIn       netting.Int128
	grossOut      netting.Int128
	netPays       netting.Int128
	netGets       netting.Int128
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

// choose names the wallets with the largest turnover and sums up the others.
func (d *drawing) choose() {
	positions := d.flows.Positions()
	named := len(positions)
	if named > MaxNamed {
		named = MaxNamed - 1
	}
	for i, p := range positions[:named] {
		d.nodes = append(d.nodes, node{label: d.labels.Name(p.Wallet), colour: palette()[i]})
		d.nodes[i].add(p)
	}
	if named < len(positions) {
		rest := node{label: fmt.Sprintf("%s %s", Group(netting.Units(uint64(len(positions)-named)), 0), others), colour: othersColour}
		for _, p := range positions[named:] {
			rest.add(p)
		}
		d.nodes = append(d.nodes, rest)
	}
	d.pairs(positions[:named])
}

func (n *node) add(p netting.Position) {
	n.wallets++
	n.grossOut, n.grossIn = n.grossOut.Add(p.Out), n.grossIn.Add(p.In)
	if net := p.Net(); net.Sign() > 0 {
		n.netGets = n.netGets.Add(net)
	} else {
		n.netPays = n.netPays.Sub(net)
	}
	n.out, n.in, n.gets, n.pays = n.grossOut.Float(), n.grossIn.Float(), n.netGets.Float(), n.netPays.Float()
}

// pairs looks up what named wallets pay each other; the difference to their sums goes to and comes from the others.
func (d *drawing) pairs(named []netting.Position) {
	d.between = make([][]float64, len(d.nodes))
	for i := range d.nodes {
		d.between[i] = make([]float64, len(d.nodes))
	}
	rest := len(named)
	var inRest netting.Int128 // flows among the others
	if rest < len(d.nodes) {
		inRest = d.nodes[rest].grossIn
	}
	for i, from := range named {
		left := from.Out
		for j, to := range named {
			amount := d.flows.Between(from.Wallet, to.Wallet)
			left = left.Sub(amount)
			d.between[i][j] = amount.Float()
		}
		if rest < len(d.nodes) {
			d.between[i][rest] = left.Float()
			inRest = inRest.Sub(left)
		}
	}
	if rest == len(d.nodes) {
		return
	}
	for j, to := range named {
		left := to.In
		for _, from := range named {
			left = left.Sub(d.flows.Between(from.Wallet, to.Wallet))
		}
		d.between[rest][j] = left.Float()
	}
	d.between[rest][rest] = inRest.Float()
}

// measure finds the one scale at which the fullest column fits.
func (d *drawing) measure() {
	gross := d.flows.Gross.Float()
	if gross == 0 {
		return
	}
	low, high := 0.0, columnHeight/gross
	for range 50 {
		middle := (low + high) / 2
		if d.columnHeight(middle, outOf) <= columnHeight && d.columnHeight(middle, inOf) <= columnHeight {
			low = middle
		} else {
			high = middle
		}
	}
	d.scale = low
}

func outOf(n *node) float64  { return n.out }
func inOf(n *node) float64   { return n.in }
func paysOf(n *node) float64 { return n.pays }
func getsOf(n *node) float64 { return n.gets }

func (d *drawing) columnHeight(scale float64, of func(*node) float64) float64 {
	sum := 0.0
	for i := range d.nodes {
		if v := of(&d.nodes[i]); v > 0 {
			sum += math.Max(v*scale+gap, slot)
		}
	}
	return sum
}
