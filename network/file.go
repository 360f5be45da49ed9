package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/phantom-paradox/paradox/intent"
)

// MaxFileBytes is the longest network file: far more than 21 members, 64 mints and all addresses take.
const MaxFileBytes = 256 << 10

// maxFileDepth is deeper than any field of the file lies.
const maxFileDepth = 4

// Parse reads and validates a network file. The error is an *Error wherever a field is at fault.
func Parse(b []byte) (*File, error) {
	f, draft, err := ParseDraft(b)
	if err == nil && draft != "" {
		err = &Error{"draft", "is there: this file is a draft and founds no network yet", draft}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ParseDraft reads and validates a network file, or a draft of one: a draft says what to do next, and may have no members yet.
func ParseDraft(b []byte) (f *File, draft string, err error) {
	f, marks, err := read(b)
	switch {
	case err != nil:
	case marks.Template != "":
		err = &Error{"template", "is there: this file is a template and founds no network yet", marks.Template}
	case marks.Draft != "":
		err = f.ValidateDraft()
	default:
		err = f.Validate()
	}
	if err != nil {
		return nil, "", err
	}
	return f, marks.Draft, nil
}

// ParseTemplate reads a template, a draft or a network file as what another begins with. Its fields need not be as they must.
func ParseTemplate(b []byte) (*File, error) {
	f, _, err := read(b)
	return f, err
}

// unfounded are the members of a file that founds nothing yet: each says what to do about that.
type unfounded struct {
	Template string `json:"template"`
	Draft    string `json:"draft"`
}

// read decodes a network file, draft or template.
func read(b []byte) (*File, unfounded, error) {
	if len(b) > MaxFileBytes {
		return nil, unfounded{}, fmt.Errorf("network file: is %d bytes; the longest has %d: is this the right file?", len(b), MaxFileBytes)
	}
	var t struct {
		unfounded
		File
	}
	err := decode("network file", b, &t)
	return &t.File, t.unfounded, err
}

// decode reads one JSON object that two readers cannot read in two ways.
func decode(what string, b []byte, into any) error {
	if err := plainJSON(what, b); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return explain(what, err)
	}
	return nil
}

// explain says a decoding error in terms of the file.
func explain(what string, err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Error{strings.TrimPrefix(e.Field, "File."), "is a JSON " + e.Value, "it must be a " + e.Type.String()}
	}
	return fmt.Errorf("%s: %w; compare it with docs/spec/network.md", what, err)
}

// plainJSON refuses what encoding/json by itself takes: a name that stands twice, one in other letters, bytes after the
// file. Two readers of one file could otherwise disagree on what it founds.
func plainJSON(what string, b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	t, err := dec.Token()
	if err == nil && t != json.Delim('{') {
		err = errors.New("it is not a JSON object")
	}
	if err == nil {
		err = plainObject(dec, maxFileDepth)
	}
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("something follows the JSON object")
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w; is this the right file?", what, err)
	}
	return nil
}

// plainObject walks an object whose brace has been taken.
func plainObject(dec *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok || !word(name, 1, maxAddress, isFieldName) {
			return fmt.Errorf("%q is not a field", short(fmt.Sprint(t)))
		}
		if seen[name] {
			return fmt.Errorf("%q stands twice in one object", name)
		}
		seen[name] = true
		if err := plainValue(dec, depth); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func plainValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	d, nested := t.(json.Delim)
	switch {
	case t == nil:
		return errors.New("a field is null; leave it out or give it a value")
	case !nested:
		return nil
	case depth == 0:
		return errors.New("it is nested too deep")
	case d == '{':
		return plainObject(dec, depth-1)
	}
	for dec.More() {
		if err := plainValue(dec, depth-1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func isFieldName(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' }

// JSON is the file's stable form: fields in the order of File, two spaces, a newline at the end.
func (f *File) JSON() []byte { return pretty(f) }

// TemplateJSON is the file as a template: it founds nothing, and what to do instead stands in it.
func (f *File) TemplateJSON(say string) []byte { return f.marked("template", say) }

// DraftJSON is the file as a draft: what it founds can still change, and what to do next stands in it.
func (f *File) DraftJSON(say string) []byte { return f.marked("draft", say) }

func (f *File) marked(name, say string) []byte {
	open := pretty(map[string]string{name: say})
	return append(bytes.TrimSuffix(open, []byte("\n}\n")), append([]byte(","), f.JSON()[1:]...)...)
}

func pretty(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("network: it has only fields that encode: " + err.Error())
	}
	return b.Bytes()
}

// Intents is what intents need of the file. It computes the hash: keep it.
func (f *File) Intents() *intent.Network {
	return &intent.Network{Name: f.Name, Hash: f.Hash(), Mints: append([]intent.Mint(nil), f.Mints...),
		FeeBps: f.FeeBps, MaxAge: f.MaxAge}
}

// Threshold is floor(2*total/3) of the founding members.
func (f *File) Threshold() uint32 { return Threshold(f.Members) }

// Prefix is what topics and protocols of the network begin with: /paradox/<name>/<first 16 hex of the hash>.
func (f *File) Prefix() string {
	const digits = 16
	return "/paradox/" + f.Name + "/" + f.Hash().Hex()[:digits]
}
