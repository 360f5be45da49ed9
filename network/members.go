package network

import (
	"crypto/elliptic"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/phantom-paradox/paradox/intent"
)

// MaxMembers is the most a committee has: their keys and the bitmap of their signatures must fit the vault's account and
// four transactions.
const MaxMembers = 21

// maxMemberName keeps tables of members narrow.
const maxMemberName = 32

// ErrVRFKey is returned for a text that is no VRF key.
var ErrVRFKey = errors.New("not a VRF key: 66 lower-case hexadecimal digits of a compressed P-256 point are wanted")

// String is the lower-case hexadecimal text.
func (k VRFKey) String() string { return hex.EncodeToString(k[:]) }

// ParseVRFKey reads a VRF key's text. Whether it is a point of the curve, OnCurve says.
func ParseVRFKey(s string) (VRFKey, error) {
	var k VRFKey
	if len(s) != hex.EncodedLen(len(k)) {
		return k, ErrVRFKey
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil || k.String() != s {
		return VRFKey{}, ErrVRFKey
	}
	return k, nil
}

// MarshalText implements encoding.TextMarshaler.
func (k VRFKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *VRFKey) UnmarshalText(b []byte) (err error) {
	*k, err = ParseVRFKey(string(b))
	return err
}

// OnCurve says whether the key is a point of P-256.
func (k VRFKey) OnCurve() bool {
	x, _ := elliptic.UnmarshalCompressed(elliptic.P256(), k[:])
	return x != nil
}

// Total is the weight of all members.
func Total(members []Member) uint32 {
	var sum uint32
	for i := range members {
		sum += uint32(members[i].Weight)
	}
	return sum
}

// Threshold is floor(2*total/3): a quorum weighs more than it.
func Threshold(members []Member) uint32 { return 2 * Total(members) / 3 }

// Quorum says whether a weight is strictly more than two thirds of all.
func Quorum(weight uint32, members []Member) bool { return weight > Threshold(members) }

// Third says whether a weight is more than one third of all: at least one honest member is in it.
func Third(weight uint32, members []Member) bool { return 3*uint64(weight) > uint64(Total(members)) }

// Find is the place of a key among the members, or -1.
func Find(members []Member, key intent.Key) int {
	for i := range members {
		if members[i].Key == key {
			return i
		}
	}
	return -1
}

// ValidateMembers checks a committee, that of the file or one that a header carries.
func ValidateMembers(members []Member) error {
	if len(members) < 1 || len(members) > MaxMembers {
		return &Error{"members", "has " + strconv.Itoa(len(members)), "name 1 to 21 members"}
	}
	for i := range members {
		if err := validateMember(members, i); err != nil {
			return err
		}
	}
	return nil
}

func validateMember(members []Member, i int) error {
	m := &members[i]
	at := fmt.Sprintf("members[%d].", i)
	if e := memberFault(m); e != nil {
		e.Field = at + e.Field
		return e
	}
	for j := range i {
		switch o := &members[j]; {
		case o.Name == m.Name:
			return &Error{at + "name", fmt.Sprintf("is also the name of members[%d]", j), "give each member its own name"}
		case o.Key == m.Key:
			return &Error{at + "key", fmt.Sprintf("is also the key of members[%d]", j), "give each member its own key"}
		case o.VRF == m.VRF:
			return &Error{at + "vrf", fmt.Sprintf("is also the VRF key of members[%d]", j), "give each member its own key"}
		}
	}
	return nil
}

// memberFault is what is wrong with a member by itself; nil: nothing is.
func memberFault(m *Member) *Error {
	switch {
	case !word(m.Name, 1, maxMemberName, isNameOfMember):
		return &Error{"name", fmt.Sprintf("is %q", short(m.Name)), "use 1-32 of a-z A-Z 0-9 - _ ."}
	case !intent.OnCurve(m.Key):
		return &Error{"key", m.Key.String() + " is not an Ed25519 key", "ask the member for its key: `paradox keys`"}
	case intent.SmallOrder(m.Key):
		return &Error{"key", m.Key.String() + " is of small order: anybody could sign for it", "make a new key"}
	case !m.VRF.OnCurve():
		return &Error{"vrf", "is not a point of P-256", "ask the member for its VRF key: `paradox keys`"}
	case m.Weight < 1:
		return &Error{"weight", "is 0", "give it a weight of 1 to 65535, or leave the member out"}
	}
	return nil
}

func isNameOfMember(c byte) bool {
	return isNameOfNetwork(c) || 'A' <= c && c <= 'Z' || c == '_' || c == '.'
}

// word says whether s has least to most characters, all of them ok.
func word(s string, least, most int, ok func(byte) bool) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// short bounds how much of a wrong text an error repeats.
func short(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
