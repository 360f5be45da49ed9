package intent

// A draft is an intent being read, from the wire or from JSON. Its keys lie in one allocation with the intent.
type draft struct {
	Signed
	signer, to, mint Key
	ask              ID

	have fieldSet
	late error // a number that an Intent cannot hold; said only when the rest is well-formed
}

// key is where a field's 32 bytes go; nil for a field that is none of the keys.
func (d *draft) key(f field) *[32]byte {
	switch f {
	case fieldFrom:
		return (*[32]byte)(&d.From)
	case fieldSigner:
		d.Signer = &d.signer
		return (*[32]byte)(&d.signer)
	case fieldTo:
		d.To = &d.to
		return (*[32]byte)(&d.to)
	case fieldMint:
		d.Mint = &d.mint
		return (*[32]byte)(&d.mint)
	}
	return nil
}

// number is where an unsigned integer field goes, and the code for one that is out of every range.
func (d *draft) number(f field) (*uint64, Code) {
	switch f {
	case fieldAmount:
		return &d.Amount, BadAmount
	case fieldQuantity:
		return &d.Quantity, BadAmount
	case fieldMaxVolume:
		return &d.MaxVolume, BadAmount
	case fieldFee:
		return &d.Fee, BadFee
	case fieldNonce:
		return &d.Nonce, BadEncoding
	}
	return nil, ""
}

// outOfRange notes a number that is negative or too large to hold.
func (d *draft) outOfRange(f field, code Code) {
	if d.late == nil {
		d.late = refuse(code, f, "must be 1 to 2^63-1")
	}
}

// finish checks what was read as a whole. present() and have agree after it.
func (d *draft) finish() (*Signed, error) {
	if err := fits(d.Kind, d.have, d.Item); err != nil {
		return nil, err
	}
	if d.have.has(fieldMemo) && d.Memo == "" {
		return nil, malformed(fieldMemo, "is empty; leave it out")
	}
	if d.have.has(fieldActions) && len(d.Actions) == 0 {
		return nil, malformed(fieldActions, "is empty; a session may do at least one of buy, cancel, pay")
	}
	if err := d.shape(); err != nil {
		return nil, err
	}
	if d.late != nil {
		return nil, d.late
	}
	if d.have.has(fieldFee) && d.Fee == 0 {
		return nil, refuse(BadFee, fieldFee, "is zero; leave it out")
	}
	return &d.Signed, nil
}
