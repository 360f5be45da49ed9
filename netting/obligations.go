package netting

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Bounds of a list of obligations: it streams, so only names take memory, and these are for a list that a person made.
const (
	MaxObligationBytes   = 1 << 30  // some forty million rows
	MaxObligationLine    = 1 << 10  // two names, an amount, quotes
	MaxObligationName    = 256      // longer than any key or legal name
	MaxObligationWallets = 1 << 20  // about 200 MB of names and sums at the most
	progressEvery        = 10_000   // rows between two calls of progress
	readAhead            = 64 << 10 // bytes; at least a line
)

// ErrObligations is wrapped by every error about the text of a list of obligations.
var ErrObligations = errors.New("obligations")

// ReadObligations reads rows of debtor,creditor,amount (CSV: commas, optional quotes, an optional first row of names,
// amounts in whole base units) and adds them up. Every debtor counts as having enough, so nothing is refused and sums are
// all there is to netting. progress, if not nil, hears of rows and bytes read now and then. It holds one line in memory,
// and the names.
func ReadObligations(r io.Reader, pairs bool, progress func(rows, bytes int64)) (*Flows, error) {
	o := &obligations{flows: NewFlows("", pairs), in: bufio.NewReaderSize(r, readAhead)}
	for {
		line, err := o.line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = o.row(line)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrObligations, o.lines, err)
		}
		if progress != nil && o.lines%progressEvery == 0 {
			progress(o.rows, o.bytes)
		}
	}
	if o.rows == 0 {
		return nil, fmt.Errorf("%w: no rows; want debtor,creditor,amount on each line", ErrObligations)
	}
	if progress != nil {
		progress(o.rows, o.bytes)
	}
	return o.flows, nil
}

type obligations struct {
	flows              *Flows
	in                 *bufio.Reader
	lines, rows, bytes int64
	fields             [3][]byte
	unquoted           []byte
}

// line reads one line, without its end. It fails before it would hold more than MaxObligationLine of it.
func (o *obligations) line() ([]byte, error) {
	line, err := o.in.ReadSlice('\n')
	o.lines++
	o.bytes += int64(len(line))
	switch {
	case o.bytes > MaxObligationBytes:
		return nil, fmt.Errorf("more than %d MiB; split the list", MaxObligationBytes>>20)
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > MaxObligationLine:
		return nil, fmt.Errorf("longer than %d bytes; is this a CSV file?", MaxObligationLine)
	case errors.Is(err, io.EOF) && len(line) > 0:
		err = nil
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read: %w", err)
	}
	if o.lines == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // what spreadsheets put in front
	}
	return bytes.TrimRight(line, "\r\n"), err
}

func (o *obligations) row(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if !utf8.Valid(line) {
		return errors.New("not UTF-8 text; is this a CSV file?")
	}
	if err := o.split(line); err != nil {
		return err
	}
	debtor, creditor := o.fields[0], o.fields[1]
	if o.lines == 1 && bytes.EqualFold(o.fields[2], []byte("amount")) {
		return nil
	}
	for i, name := range [][]byte{debtor, creditor} {
		if len(name) == 0 || len(name) > MaxObligationName {
			return fmt.Errorf("%s has %d bytes; want 1 to %d", [...]string{"debtor", "creditor"}[i], len(name), MaxObligationName)
		}
	}
	amount, err := parseUnits(string(o.fields[2]))
	if err != nil {
		return fmt.Errorf("amount %w", err)
	}
	o.rows++
	o.flows.add(debtor, creditor, amount)
	if o.flows.Wallets() > MaxObligationWallets {
		return fmt.Errorf("more than %d different names", MaxObligationWallets)
	}
	return nil
}

// split cuts a line into its three fields. The fields hold until the next line.
func (o *obligations) split(line []byte) error {
	o.unquoted = o.unquoted[:0]
	rest := line
	for i := range o.fields {
		if len(rest) > 0 && rest[0] == '"' {
			field, after, ok := o.unquote(rest[1:])
			if !ok {
				return errors.New("a quote is not closed on its line")
			}
			o.fields[i], rest = field, after
		} else {
			end := bytes.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			o.fields[i], rest = bytes.TrimSpace(rest[:end]), rest[end:]
		}
		last := i == len(o.fields)-1
		if last != (len(rest) == 0) || !last && rest[0] != ',' {
			return fmt.Errorf("want three fields, debtor,creditor,amount, have %.60q", line)
		}
		if !last {
			rest = rest[1:]
		}
	}
	return nil
}

// unquote reads up to the closing quote; two quotes within are one.
func (o *obligations) unquote(rest []byte) (field, after []byte, ok bool) {
	from := len(o.unquoted)
	for i := 0; i < len(rest); i++ {
		if rest[i] != '"' {
			o.unquoted = append(o.unquoted, rest[i])
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '"' {
			o.unquoted = append(o.unquoted, '"')
			i++
			continue
		}
		return o.unquoted[from:], rest[i+1:], true
	}
	return nil, nil, false
}
