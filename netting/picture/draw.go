package picture

import (
	"fmt"
	"math"
	"strings"

	"github.com/phantom-paradox/paradox/netting"
)

func (d *drawing) open() {
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="%s" role="img">`+"\n",
		width, height, width, height, fontFamily)
	d.printf("<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"%s\"/>\n", escape(d.summary()), paper)
}

func (d *drawing) summary() string {
	return fmt.Sprintf("%s owed, fees included, %s net, saving %s", d.amount(d.flows.Gross), d.amount(d.flows.Net()), d.saving())
}

func (d *drawing) amount(v netting.Int128) string {
	return strings.TrimSpace(Group(v, d.labels.Decimals) + " " + d.labels.Unit)
}

// saving is a percentage with one decimal that never rounds up to 100.
func (d *drawing) saving() string {
	gross := d.flows.Gross.Float()
	if gross == 0 {
		return "0 %"
	}
	if d.flows.Net() == (netting.Int128{}) {
		return "100 %"
	}
	percent := math.Floor((1-d.flows.Net().Float()/gross)*1000) / 10
	return fmt.Sprintf("%.1f %%", math.Max(percent, 0))
}

func (d *drawing) text(x, y float64, size float64, fill, anchor, weight, s string) {
	d.printf(`<text x="%.1f" y="%.1f" font-size="%g" fill="%s" text-anchor="%s" font-weight="%s">%s</text>`+"\n",
		x, y, size, fill, anchor, weight, escape(s))
}

func (d *drawing) headline() {
	title := d.labels.Title
	if title == "" {
		title = "Netting"
	}
	d.text(margin, 68, 28, ink, "start", "600", title)
	payments := plural(d.flows.Payments, "payment")
	d.text(margin, 96, 15, faint, "start", "400", fmt.Sprintf("%s between %s", payments, plural(d.flows.Wallets(), "wallet")))
	d.text(width-margin, 76, 46, saved, "end", "700", d.saving())
	d.text(width-margin, 98, 15, faint, "end", "400", "of the money need not move")
}

// comparison is the saving as two bars of one scale.
func (d *drawing) comparison() {
	const left, right, top, thick = margin + 52, width - margin, 126.0, 16.0
	gross, full := d.flows.Gross.Float(), right-left
	net := 0.0
	if gross > 0 {
		net = full * d.flows.Net().Float() / gross
	}
	if d.flows.Net().Sign() > 0 {
		net = math.Max(net, 1)
	}
	d.text(margin, top+13, 14, ink, "start", "600", "owed")
	d.printf(`<rect x="%g" y="%g" width="%.1f" height="%g" rx="3" fill="#c8ccd2"/>`+"\n", left, top, full, thick)
	d.text(right-8, top+12.5, 12.5, ink, "end", "600", d.amount(d.flows.Gross))
	d.text(margin, top+37, 14, saved, "start", "600", "net")
	d.printf(`<rect x="%g" y="%g" width="%.1f" height="%g" rx="3" fill="%s"/>`+"\n", left, top+24, net, thick, saved)
	if net > full*0.8 {
		d.text(left+net-8, top+36.5, 12.5, paper, "end", "600", d.amount(d.flows.Net()))
		return
	}
	d.text(left+net+8, top+36.5, 12.5, saved, "start", "600", d.amount(d.flows.Net()))
}

// A side is one column of bars: where each node's bar begins, and how much of it ribbons have used.
type side struct {
	top, used []float64
	centre    []float64 // of the label
	bottom    float64
}

// stack lays out a column, its middle at the middle of the panel.
func (d *drawing) stack(of func(*node) float64) side {
	s := side{top: make([]float64, len(d.nodes)), used: make([]float64, len(d.nodes)), centre: make([]float64, len(d.nodes))}
	y := columnTop + (columnHeight-d.columnHeight(d.scale, of))/2
	for i := range d.nodes {
		v := of(&d.nodes[i])
		if v <= 0 {
			continue
		}
		room := math.Max(v*d.scale+gap, slot)
		s.centre[i] = y + room/2
		s.top[i] = y + (room-v*d.scale)/2
		y += room
	}
	s.bottom = y
	return s
}

func (d *drawing) gross() {
	d.panelTitle(grossLeft-bar, grossRight+bar, "All that is owed, with fees", d.amount(d.flows.Gross), ink)
	if d.flows.Gross == (netting.Int128{}) {
		return
	}
	left, right := d.stack(outOf), d.stack(inOf)
	for i := range d.nodes {
		for j := range d.nodes {
			if d.between[i][j] > 0 {
				d.ribbon(i, j, d.between[i][j], &left, &right, grossLeft, grossRight)
			}
		}
	}
	d.column(&left, outOf, func(n *node) netting.Int128 { return n.grossOut }, grossLeft, true)
	d.column(&right, inOf, func(n *node) netting.Int128 { return n.grossIn }, grossRight, false)
}

// net draws what is left: whoever pays in the end, and whoever gets.
func (d *drawing) net() {
	const middle = (netLeft + netRight) / 2
	net := d.flows.Net()
	d.panelTitle(netLeft-bar, netRight+bar, "What is left to pay", d.amount(net), saved)
	d.printf(`<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="1"/>`+"\n", divider, columnTop-56, divider, columnTop+columnHeight, hair)
	if net == (netting.Int128{}) {
		if d.flows.Gross.Sign() > 0 {
			d.nothingLeft(middle, columnTop+columnHeight/2)
		}
		return
	}
	left, right := d.stack(paysOf), d.stack(getsOf)
	d.match(&left, &right)
	d.column(&left, paysOf, func(n *node) netting.Int128 { return n.netPays }, netLeft, true)
	d.column(&right, getsOf, func(n *node) netting.Int128 { return n.netGets }, netRight, false)
}

// match pairs those who pay with those who get, from the top: who pays whom does not matter any more, and so the fewest
// bands cross.
func (d *drawing) match(left, right *side) {
	i, j := 0, 0
	var paid, got float64
	for i < len(d.nodes) && j < len(d.nodes) {
		owes, gets := d.nodes[i].pays-paid, d.nodes[j].gets-got
		part := math.Min(owes, gets)
		if part*d.scale > 0.01 { // less is what is left of rounding
			d.ribbon(i, j, part, left, right, netLeft, netRight)
		}
		paid, got = paid+part, got+part
		if owes <= gets {
			i, paid = i+1, 0
		}
		if gets <= owes {
			j, got = j+1, 0
		}
	}
}

func (d *drawing) nothingLeft(x, y float64) {
	d.printf(`<circle cx="%g" cy="%g" r="44" fill="none" stroke="%s" stroke-width="5"/>`+"\n", x, y-20, saved)
	d.printf(`<path d="M%g %g l13 14 l26 -30" fill="none" stroke="%s" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/>`+"\n",
		x-19, y-19, saved)
	d.text(x, y+56, 16, ink, "middle", "600", "Nothing")
	d.text(x, y+78, 14, faint, "middle", "400", "every payment cancels")
}

func (d *drawing) panelTitle(left, right float64, title, amount, fill string) {
	x := (left + right) / 2
	d.text(x, columnTop-44, 17, fill, "middle", "600", title)
	d.text(x, columnTop-23, 14, faint, "middle", "400", amount)
}

func (d *drawing) column(s *side, of func(*node) float64, amount func(*node) netting.Int128, edge float64, leftSide bool) {
	for i := range d.nodes {
		n := &d.nodes[i]
		v := of(n)
		if v <= 0 {
			continue
		}
		x, labelX, anchor := edge, edge+bar+8, "start"
		if leftSide {
			x, labelX, anchor = edge-bar, edge-bar-8, "end"
		}
		d.printf(`<rect x="%g" y="%.2f" width="%g" height="%.2f" rx="2" fill="%s"/>`+"\n", x, s.top[i], bar, math.Max(v*d.scale, 0.75), n.colour)
		d.printf(`<text x="%g" y="%.1f" font-size="13" fill="%s" text-anchor="%s"><tspan font-weight="600">%s</tspan><tspan fill="%s" font-size="12" dx="6">%s</tspan></text>`+"\n",
			labelX, s.centre[i]+4.5, ink, anchor, escape(n.label), faint, escape(Compact(amount(n), d.labels.Decimals)))
	}
}

// ribbon is one flow, in the payer's colour.
func (d *drawing) ribbon(i, j int, amount float64, from, to *side, left, right float64) {
	h := amount * d.scale
	y0, y1 := from.top[i]+from.used[i], to.top[j]+to.used[j]
	from.used[i] += h
	to.used[j] += h
	drawn, opacity := math.Max(h, 0.4), 0.5
	if h < 0.4 {
		opacity = math.Max(0.5*h/0.4, 0.12) // thinner than a line can be: paler instead
	}
	bend := (right - left) * 0.45
	d.printf(`<path d="M%g %.2fC%g %.2f %g %.2f %g %.2fv%.2fC%g %.2f %g %.2f %g %.2fz" fill="%s" fill-opacity="%.2f"><title>%s</title></path>`+"\n",
		left, y0, left+bend, y0, right-bend, y1, right, y1, drawn,
		right-bend, y1+drawn, left+bend, y0+drawn, left, y0+drawn, d.nodes[i].colour, opacity,
		escape(d.nodes[i].label+" to "+d.nodes[j].label))
}

func plural(n int, what string) string {
	s := Group(netting.Units(uint64(n)), 0) + " " + what
	if n != 1 {
		s += "s"
	}
	return s
}

// Group writes a number of base units in groups of three digits, and one that nobody would read out with a power of ten.
func Group(v netting.Int128, decimals int) string {
	const mostDigits = 15
	digits := v.String()
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	for len(digits) <= decimals {
		digits = "0" + digits
	}
	whole, part := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	if len(whole) > mostDigits {
		return sign + whole[:1] + "." + whole[1:4] + "×10" + superscript(len(whole)-1)
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if part != "" {
		whole += "." + part
	}
	return sign + whole
}

// Compact writes about three digits of a number, for labels.
func Compact(v netting.Int128, decimals int) string {
	x := v.Float() / math.Pow10(decimals)
	if math.Abs(x) < 100_000 && len(Group(v, decimals)) <= 7 {
		return Group(v, decimals)
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "tn"}, {1e9, "bn"}, {1e6, "m"}, {1e3, "k"}} {
		if y := math.Abs(x) / unit.size; y >= 1e6 {
			whole := Group(v, 0)
			if at := strings.Index(whole, "×"); at > 0 {
				exponent := len(v.String()) - 1 - decimals
				return whole[:4] + "×10" + superscript(exponent)
			}
		} else if y >= 0.9995 {
			return significant(x/unit.size) + " " + unit.name
		}
	}
	return significant(x)
}

func significant(x float64) string {
	switch y := math.Abs(x); {
	case y >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case y >= 9.995:
		return fmt.Sprintf("%.1f", x)
	case y > 0 && y < 0.005:
		return "<0.01"
	}
	return fmt.Sprintf("%.2f", x)
}

func superscript(n int) string {
	const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹"
	var b strings.Builder
	for _, c := range fmt.Sprint(n) {
		b.WriteString(string([]rune(digits)[c-'0']))
	}
	return b.String()
}

// shorten keeps both ends of a long name; a raw key is shown in hex.
func shorten(wallet string) string {
	const longest = 12
	for _, r := range wallet {
		if r < ' ' || r == '\uFFFD' {
			wallet = fmt.Sprintf("%x", wallet)
			break
		}
	}
	runes := []rune(wallet)
	if len(runes) <= longest {
		return wallet
	}
	return string(runes[:5]) + "…" + string(runes[len(runes)-4:])
}

// escape makes text safe between tags and drops what XML cannot hold.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
