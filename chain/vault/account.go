package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
)

// Sizes and bounds of the program's accounts.
const (
	VaultSize      = 1042
	PurseSize      = 120
	PageHeaderSize = 48
	EntrySize      = 64
	TallySize      = 128
	MaxMembers     = 21   // a bitmap and a member chunk of one transaction hold them
	PageEntries    = 1024 // a page grows to 65,584 bytes
	MaxPages       = 16   // pages a chunk may touch: the transaction's bytes set it
)

// ErrLayout is returned for bytes that are not the account asked for.
var ErrLayout = errors.New("not an account of this kind")

// Discriminator is the first 8 bytes of an account of that name.
func Discriminator(name string) [8]byte {
	h := sha256.Sum256([]byte("account:" + name))
	return [8]byte(h[:8])
}

// A Member is a voting key and its weight, as the program knows them.
type Member struct {
	Key    intent.Key
	Weight uint16
}

// Pending is the attested height that is being applied.
type Pending struct {
	CreditsBegun bool
	Reversing    bool
	Height       uint64
	Digest       intent.Hash
	Cut          uint64
	NextHead     intent.Hash
	Accumulator  intent.Hash
	Since        uint64 // slot
}

// A Vault is the account of a network.
type Vault struct {
	Bump          uint8
	Members       []Member
	Network       intent.Hash
	FeeOwner      intent.Key
	Threshold     uint32
	Epoch         uint32
	Generation    uint32
	PursesFlying  uint32 // purses with funds in flight
	WithdrawDelay uint64 // slots
	DropTime      uint64 // slots
	Height        uint64
	LastDigest    intent.Hash
	EventNumber   uint64
	EventHash     intent.Hash
	Floor         uint64
	LastSlot      uint64   // of the last settle or drop
	Pending       *Pending // nil: none
}

// Threshold is floor(2*total/3): a quorum weighs more.
func Threshold(members []Member) uint32 {
	var total uint32
	for _, m := range members {
		total += uint32(m.Weight)
	}
	return 2 * total / 3
}

// Weight is the weight of the members whose bits are set.
func (v *Vault) Weight(bitmap uint32) uint32 {
	var w uint32
	for i, m := range v.Members {
		if bitmap&(1<<i) != 0 {
			w += uint32(m.Weight)
		}
	}
	return w
}

// MemberIndex is the place of a key among the members, -1 if it is none.
func (v *Vault) MemberIndex(key intent.Key) int {
	for i, m := range v.Members {
		if m.Key == key {
			return i
		}
	}
	return -1
}

// Encode is the account's data. It needs at most MaxMembers members.
func (v *Vault) Encode() []byte {
	d := make([]byte, VaultSize)
	disc := Discriminator("Vault")
	copy(d, disc[:])
	d[8], d[9], d[10] = 1, v.Bump, byte(len(v.Members))
	copy(d[16:], v.Network[:])
	copy(d[48:], v.FeeOwner[:])
	le := binary.LittleEndian
	le.PutUint32(d[80:], v.Threshold)
	le.PutUint32(d[84:], v.Epoch)
	le.PutUint32(d[88:], v.Generation)
	le.PutUint32(d[92:], v.PursesFlying)
	le.PutUint64(d[96:], v.WithdrawDelay)
	le.PutUint64(d[104:], v.DropTime)
	le.PutUint64(d[112:], v.Height)
	copy(d[120:], v.LastDigest[:])
	le.PutUint64(d[152:], v.EventNumber)
	copy(d[160:], v.EventHash[:])
	le.PutUint64(d[192:], v.Floor)
	le.PutUint64(d[200:], v.LastSlot)
	if p := v.Pending; p != nil {
		p.encode(d)
	}
	for i, m := range v.Members {
		copy(d[328+34*i:], m.Key[:])
		le.PutUint16(d[328+34*i+32:], m.Weight)
	}
	return d
}

func (p *Pending) encode(d []byte) {
	le := binary.LittleEndian
	d[11], d[12], d[13] = 1, bit(p.CreditsBegun), bit(p.Reversing)
	le.PutUint64(d[208:], p.Height)
	copy(d[216:], p.Digest[:])
	le.PutUint64(d[248:], p.Cut)
	copy(d[256:], p.NextHead[:])
	copy(d[288:], p.Accumulator[:])
	le.PutUint64(d[320:], p.Since)
}

// DecodeVault reads a Vault account's data.
func DecodeVault(d []byte) (*Vault, error) {
	if err := checkLayout(d, "Vault", VaultSize); err != nil {
		return nil, err
	}
	n := int(d[10])
	if d[8] != 1 || n < 1 || n > MaxMembers {
		return nil, fmt.Errorf("%w: Vault of version %d with %d members", ErrLayout, d[8], n)
	}
	le := binary.LittleEndian
	v := &Vault{
		Bump: d[9], Network: intent.Hash(d[16:48]), FeeOwner: intent.Key(d[48:80]),
		Threshold: le.Uint32(d[80:]), Epoch: le.Uint32(d[84:]), Generation: le.Uint32(d[88:]), PursesFlying: le.Uint32(d[92:]),
		WithdrawDelay: le.Uint64(d[96:]), DropTime: le.Uint64(d[104:]), Height: le.Uint64(d[112:]),
		LastDigest: intent.Hash(d[120:152]), EventNumber: le.Uint64(d[152:]), EventHash: intent.Hash(d[160:192]),
		Floor: le.Uint64(d[192:]), LastSlot: le.Uint64(d[200:]),
	}
	if d[11] != 0 {
		v.Pending = &Pending{
			CreditsBegun: d[12] != 0, Reversing: d[13] != 0, Height: le.Uint64(d[208:]), Digest: intent.Hash(d[216:248]),
			Cut: le.Uint64(d[248:]), NextHead: intent.Hash(d[256:288]), Accumulator: intent.Hash(d[288:320]), Since: le.Uint64(d[320:]),
		}
	}
	for i := range n {
		o := 328 + 34*i
		v.Members = append(v.Members, Member{Key: intent.Key(d[o : o+32]), Weight: le.Uint16(d[o+32:])})
	}
	return v, nil
}

// A Purse counts the funds of one mint.
type Purse struct {
	Vault    solana.PublicKey
	Mint     intent.Key
	Tokens   solana.PublicKey
	InFlight uint64
	Entries  uint32
	Bump     uint8
}

// Encode is the account's data.
func (p *Purse) Encode() []byte {
	d := make([]byte, PurseSize)
	disc := Discriminator("Purse")
	copy(d, disc[:])
	copy(d[8:], p.Vault[:])
	copy(d[40:], p.Mint[:])
	copy(d[72:], p.Tokens[:])
	binary.LittleEndian.PutUint64(d[104:], p.InFlight)
	binary.LittleEndian.PutUint32(d[112:], p.Entries)
	d[116] = p.Bump
	return d
}

// DecodePurse reads a Purse account's data.
func DecodePurse(d []byte) (*Purse, error) {
	if err := checkLayout(d, "Purse", PurseSize); err != nil {
		return nil, err
	}
	return &Purse{
		Vault: solana.PublicKey(d[8:40]), Mint: intent.Key(d[40:72]), Tokens: solana.PublicKey(d[72:104]),
		InFlight: binary.LittleEndian.Uint64(d[104:]), Entries: binary.LittleEndian.Uint32(d[112:]), Bump: d[116],
	}, nil
}

// An Entry is an owner's balance in a purse.
type Entry struct {
	Owner     intent.Key
	Available uint64
	Requested uint64
	Request   uint64 // event number of the request
	Unlock    uint64 // slot
}

// Put writes the entry over 64 bytes.
func (e *Entry) Put(d []byte) {
	copy(d[:32], e.Owner[:])
	le := binary.LittleEndian
	le.PutUint64(d[32:], e.Available)
	le.PutUint64(d[40:], e.Requested)
	le.PutUint64(d[48:], e.Request)
	le.PutUint64(d[56:], e.Unlock)
}

// ReadEntry reads 64 bytes.
func ReadEntry(d []byte) Entry {
	le := binary.LittleEndian
	return Entry{
		Owner: intent.Key(d[:32]), Available: le.Uint64(d[32:]), Requested: le.Uint64(d[40:]), Request: le.Uint64(d[48:]), Unlock: le.Uint64(d[56:]),
	}
}

// A Page holds up to PageEntries entries of a purse.
type Page struct {
	Purse   solana.PublicKey
	Index   uint32
	Entries []Entry
}

// Encode is the account's data.
func (p *Page) Encode() []byte {
	d := make([]byte, PageHeaderSize+EntrySize*len(p.Entries))
	disc := Discriminator("Page")
	copy(d, disc[:])
	copy(d[8:], p.Purse[:])
	binary.LittleEndian.PutUint32(d[40:], p.Index)
	binary.LittleEndian.PutUint32(d[44:], uint32(len(p.Entries)))
	for i := range p.Entries {
		p.Entries[i].Put(d[PageHeaderSize+EntrySize*i:])
	}
	return d
}

// DecodePage reads a Page account's data.
func DecodePage(d []byte) (*Page, error) {
	disc := Discriminator("Page")
	if len(d) < PageHeaderSize || [8]byte(d[:8]) != disc {
		return nil, fmt.Errorf("%w: Page", ErrLayout)
	}
	n := int(binary.LittleEndian.Uint32(d[44:]))
	if n > PageEntries || len(d) != PageHeaderSize+EntrySize*n {
		return nil, fmt.Errorf("%w: Page of %d entries in %d bytes", ErrLayout, n, len(d))
	}
	p := &Page{Purse: solana.PublicKey(d[8:40]), Index: binary.LittleEndian.Uint32(d[40:]), Entries: make([]Entry, n)}
	for i := range p.Entries {
		p.Entries[i] = ReadEntry(d[PageHeaderSize+EntrySize*i:])
	}
	return p, nil
}

// A Tally counts the members that attested a header in one view.
type Tally struct {
	Vault      solana.PublicKey
	Payer      solana.PublicKey
	Digest     intent.Hash
	Height     uint64
	Epoch      uint32
	Generation uint32
	View       uint32
	Bitmap     uint32
}

// Encode is the account's data.
func (t *Tally) Encode() []byte {
	d := make([]byte, TallySize)
	disc := Discriminator("Tally")
	copy(d, disc[:])
	copy(d[8:], t.Vault[:])
	copy(d[40:], t.Payer[:])
	copy(d[72:], t.Digest[:])
	le := binary.LittleEndian
	le.PutUint64(d[104:], t.Height)
	le.PutUint32(d[112:], t.Epoch)
	le.PutUint32(d[116:], t.Generation)
	le.PutUint32(d[120:], t.View)
	le.PutUint32(d[124:], t.Bitmap)
	return d
}

// DecodeTally reads a Tally account's data.
func DecodeTally(d []byte) (*Tally, error) {
	if err := checkLayout(d, "Tally", TallySize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	return &Tally{
		Vault: solana.PublicKey(d[8:40]), Payer: solana.PublicKey(d[40:72]), Digest: intent.Hash(d[72:104]), Height: le.Uint64(d[104:]),
		Epoch: le.Uint32(d[112:]), Generation: le.Uint32(d[116:]), View: le.Uint32(d[120:]), Bitmap: le.Uint32(d[124:]),
	}, nil
}

func checkLayout(d []byte, name string, size int) error {
	if disc := Discriminator(name); len(d) != size || [8]byte(d[:8]) != disc {
		return fmt.Errorf("%w: %s", ErrLayout, name)
	}
	return nil
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
