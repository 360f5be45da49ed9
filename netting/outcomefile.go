package netting

import (
	"encoding/json"
	"unicode/utf8"
)

// JSON is the outcome as `paradox netting run` prints it: one line, without explanations.
func (o *Outcome) JSON() []byte { return o.appendJSON(nil, false) }

// ExplainedJSON is the outcome with a "why" in every rejection that has one.
func (o *Outcome) ExplainedJSON() []byte { return o.appendJSON(nil, true) }

func (o *Outcome) appendJSON(b []byte, explain bool) []byte {
	b = append(b, `{"accepted":[`...)
	for i, id := range o.Accepted {
		b = appendString(comma(b, i), id)
	}
	b = append(b, `],"rejected":[`...)
	for i := range o.Rejected {
		r := &o.Rejected[i]
		b = appendString(append(comma(b, i), `{"id":`...), r.ID)
		b = appendString(append(b, `,"reason":`...), r.Reason.String())
		if explain && r.Why != nil {
			b = appendString(append(b, `,"why":`...), r.Why.Text(r.Reason))
		}
		b = append(b, '}')
	}
	b = append(b, `],"deltas":[`...)
	for i := range o.Deltas {
		d := &o.Deltas[i]
		b = appendString(append(comma(b, i), `{"wallet":`...), d.Wallet)
		b = appendString(append(b, `,"asset":`...), d.Asset)
		b = append(d.Amount.Append(append(b, `,"delta":"`...)), `"}`...)
	}
	b = append(b, `],"owners":[`...)
	for i, w := range o.Owners {
		b = appendString(append(comma(b, i), `{"item":`...), w.Item)
		b = append(appendString(append(b, `,"owner":`...), w.Owner), '}')
	}
	b = appendVolumes(append(b, `],"gross":[`...), o.Gross)
	b = appendVolumes(append(b, `],"net":[`...), o.Net)
	return append(b, `]}`...)
}

func appendVolumes(b []byte, volumes []Volume) []byte {
	for i, v := range volumes {
		b = appendString(append(comma(b, i), `{"asset":`...), v.Asset)
		b = append(v.Amount.Append(append(b, `,"volume":"`...)), `"}`...)
	}
	return b
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// appendString appends s as a JSON string. Nearly every string is plain; the rest goes the standard library's way.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string cannot fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
