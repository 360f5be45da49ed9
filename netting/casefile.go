package netting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// MaxCaseBytes is the largest case file that is read: some two million moves, far above any batch.
const MaxCaseBytes = 512 << 20

// ErrCase is wrapped by every error about the text of a case file.
var ErrCase = errors.New("case file")

// ReadCase reads a case file from r, at most MaxCaseBytes of it.
func ReadCase(r io.Reader) (*Case, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxCaseBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read case file: %w", err)
	}
	if len(b) > MaxCaseBytes {
		return nil, fmt.Errorf("%w: more than %d MiB; split it", ErrCase, MaxCaseBytes>>20)
	}
	return ParseCase(b)
}

// ParseCase reads the JSON of a case. It is strict: unknown and doubled fields, numbers that are not decimal strings,
// accounts listed twice and bytes that are not UTF-8 are refused, and the error names the place.
func ParseCase(b []byte) (*Case, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("%w: not UTF-8 text", ErrCase)
	}
	p := &caseParser{dec: json.NewDecoder(bytes.NewReader(b)), c: &Case{}}
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCase, err)
	}
	return p.c, nil
}

// caseParser walks the tokens itself: encoding/json matches names in any letter case, lets doubled names pass, and
// cannot say which move it was.
type caseParser struct {
	dec *json.Decoder
	c   *Case
	at  string // path of what is being read

	unsaid []int // sales that leave out the quantity, as they may of a unique item
}

func (p *caseParser) fail(format string, args ...any) error {
	where := p.at
	if where == "" {
		where = "byte " + strconv.FormatInt(p.dec.InputOffset(), 10)
	}
	return fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...))
}

func (p *caseParser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, p.fail("the text ends too early")
	}
	if err != nil {
		return nil, p.fail("not JSON: %w", err)
	}
	return t, nil
}

// object reads one object; field reads the value of the name it is given, and reports whether it knows the name.
func (p *caseParser) object(what string, field func(name string) (bool, error)) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return p.fail("want %s as an object, have %v", what, describe(t))
	}
	at, seen := p.at, make(map[string]bool, 16)
	for p.dec.More() {
		t, err = p.token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return p.fail("want a field name, have %v", describe(t))
		}
		p.at = join(at, name)
		if seen[name] {
			return p.fail("the field is there twice")
		}
		seen[name] = true
		known, err := field(name)
		if err != nil {
			return err
		}
		if !known {
			return p.fail("unknown field of %s", what)
		}
	}
	p.at = at
	_, err = p.token() // the closing brace
	return err
}

func (p *caseParser) list(one func(i int) error) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return p.fail("want a list, have %v", describe(t))
	}
	at := p.at
	for i := 0; p.dec.More(); i++ {
		p.at = at + "[" + strconv.Itoa(i) + "]"
		if err := one(i); err != nil {
			return err
		}
	}
	p.at = at
	_, err = p.token()
	return err
}

func (p *caseParser) text(into *string) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	s, ok := t.(string)
	if !ok {
		return p.fail("want a string, have %v", describe(t))
	}
	*into = s
	return nil
}

// units reads a decimal string. Where negative is given, a number below zero sets it and reads as 0.
func (p *caseParser) units(into *uint64, negative *bool) error {
	var s string
	if err := p.text(&s); err != nil {
		return err
	}
	digits := s
	if negative != nil && len(s) > 1 && s[0] == '-' && s != "-0" {
		digits = s[1:]
	}
	u, err := parseUnits(digits)
	if err != nil {
		return p.fail("%w", err)
	}
	if len(digits) < len(s) {
		*negative, u = true, 0
	}
	*into = u
	return nil
}

func parseUnits(s string) (uint64, error) {
	u, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is more than 18446744073709551615", s)
	}
	if err != nil || len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%.40q is not a whole number in decimal digits, such as \"60\"", s)
	}
	return u, nil
}

func describe(t json.Token) string {
	switch v := t.(type) {
	case json.Delim:
		return fmt.Sprintf("%q", string(v))
	case string:
		return fmt.Sprintf("the string %.40q", v)
	case nil:
		return "null"
	}
	return fmt.Sprintf("%v without quotes", t)
}

func join(at, name string) string {
	name = fmt.Sprintf("%.40s", name)
	if at == "" {
		return name
	}
	return at + "." + name
}
