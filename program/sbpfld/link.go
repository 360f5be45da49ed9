package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The entry symbol that Solana's loader jumps to.
const entryName = "entrypoint"

// Sizes of ELF64 records.
const (
	headerSize  = 64
	programSize = 56
	sectionSize = 64
	symbolSize  = 24
	relSize     = 16
	dynSize     = 16
	insnSize    = 8
)

// Relocation types: the first three are what llc emits, the last two what
// the loader resolves when it loads the program.
const (
	relWide     = 1  // R_BPF_64_64: a 64-bit address in a two-slot load
	relData     = 2  // R_BPF_64_ABS64: a 64-bit address in data
	relCall     = 10 // R_BPF_64_32: the target of a call; also the loader's syscall relocation
	relRelative = 8  // R_BPF_64_RELATIVE: add the base of the program's memory
)

// withAddends is the other type of relocation section, which BPF does not have.
const withAddends elf.SectionType = 4

// noTarget is the immediate of a call that the loader fills in.
const noTarget = 0xffffffff

var (
	errNoEntry  = errors.New("no global symbol " + entryName)
	errWritable = errors.New("writable section: the runtime gives a program no writable data")
)

type rel struct {
	offset uint64
	info   uint64
}

// linker holds the one object while its sections get their addresses. An
// address is also the offset in the file: the loader wants them equal.
type linker struct {
	obj  *elf.File
	syms []elf.Symbol

	addr    map[elf.SectionIndex]uint64
	textAt  uint64
	text    []byte
	roAt    uint64
	rodata  []byte
	rels    []rel
	imports []string
}

// Link turns the relocatable object into a loadable one.
func Link(object []byte) ([]byte, error) {
	obj, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("read ELF: %w", err)
	}
	if obj.Class != elf.ELFCLASS64 || obj.Data != elf.ELFDATA2LSB || obj.Machine != elf.EM_BPF || obj.Type != elf.ET_REL {
		return nil, fmt.Errorf("want a little-endian 64-bit relocatable BPF object, have %v %v %v %v", obj.Class, obj.Data, obj.Machine, obj.Type)
	}
	syms, err := obj.Symbols()
	if err != nil {
		return nil, fmt.Errorf("read symbols: %w", err)
	}
	l := &linker{obj: obj, syms: syms, addr: map[elf.SectionIndex]uint64{}}
	if err := l.place(); err != nil {
		return nil, err
	}
	if err := l.relocate(); err != nil {
		return nil, err
	}
	entry, err := l.entry()
	if err != nil {
		return nil, err
	}
	return l.write(entry), nil
}

// place gives every loaded section its address: code first, then constants.
func (l *linker) place() error {
	l.textAt = alignUp(headerSize+segments*programSize, 16)
	for i, s := range l.obj.Sections {
		if loaded(s) && s.Flags&elf.SHF_EXECINSTR != 0 {
			if err := l.append(elf.SectionIndex(i), s, &l.text, l.textAt); err != nil {
				return err
			}
		}
	}
	l.roAt = alignUp(l.textAt+uint64(len(l.text)), 16)
	for i, s := range l.obj.Sections {
		if !loaded(s) || s.Flags&elf.SHF_EXECINSTR != 0 {
			continue
		}
		// .data.rel.ro is flagged writable only for a linker that relocates
		// it; the runtime keeps it read-only.
		if s.Type == elf.SHT_NOBITS || (s.Flags&elf.SHF_WRITE != 0 && !bytes.HasPrefix([]byte(s.Name), []byte(".data.rel.ro"))) {
			return fmt.Errorf("%s: %w", s.Name, errWritable)
		}
		if err := l.append(elf.SectionIndex(i), s, &l.rodata, l.roAt); err != nil {
			return err
		}
	}
	if len(l.rodata) == 0 {
		l.rodata = make([]byte, insnSize) // an empty section has no address of its own
	}
	return nil
}

func loaded(s *elf.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Size > 0 && s.Type != elf.SHT_NOTE
}

func (l *linker) append(i elf.SectionIndex, s *elf.Section, to *[]byte, base uint64) error {
	data, err := s.Data()
	if err != nil {
		return fmt.Errorf("read section %s: %w", s.Name, err)
	}
	pad := alignUp(uint64(len(*to)), max(s.Addralign, insnSize)) - uint64(len(*to))
	*to = append(*to, make([]byte, pad)...)
	l.addr[i] = base + uint64(len(*to))
	*to = append(*to, data...)
	return nil
}

// relocate resolves what it can and leaves the rest to the loader.
func (l *linker) relocate() error {
	for _, s := range l.obj.Sections {
		if s.Type != elf.SHT_REL {
			if s.Type == withAddends {
				return fmt.Errorf("section %s: relocations with addends are not BPF's", s.Name)
			}
			continue
		}
		base, ok := l.addr[elf.SectionIndex(s.Info)]
		if !ok {
			continue // debug information and the like
		}
		data, err := s.Data()
		if err != nil {
			return fmt.Errorf("read section %s: %w", s.Name, err)
		}
		for ; len(data) >= relSize; data = data[relSize:] {
			offset, info := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
			index := info >> 32
			if index == 0 || index > uint64(len(l.syms)) {
				return fmt.Errorf("section %s: symbol %d out of range", s.Name, index)
			}
			if err := l.one(base+offset, uint32(info), l.syms[index-1]); err != nil {
				return fmt.Errorf("section %s at %#x: %w", s.Name, offset, err)
			}
		}
	}
	slices.SortFunc(l.rels, func(a, b rel) int { return int(int64(a.offset) - int64(b.offset)) })
	return nil
}

func (l *linker) one(at uint64, kind uint32, sym elf.Symbol) error {
	inText := at < l.roAt
	switch {
	case kind == relWide && inText:
		return l.wide(at, sym)
	case kind == relData && !inText:
		return l.data(at, sym)
	case kind == relCall && inText:
		return l.call(at, sym)
	}
	return fmt.Errorf("relocation type %d (in code: %v) is not supported", kind, inText)
}

// wide puts an address into the two halves of a 64-bit load.
func (l *linker) wide(at uint64, sym elf.Symbol) error {
	target, err := l.address(sym)
	if err != nil {
		return err
	}
	ins := l.text[at-l.textAt:]
	target += uint64(binary.LittleEndian.Uint32(ins[4:]))
	binary.LittleEndian.PutUint32(ins[4:], uint32(target))
	binary.LittleEndian.PutUint32(ins[12:], uint32(target>>32))
	l.rels = append(l.rels, rel{at, relRelative})
	return nil
}

// data puts an address into a constant. A version 0 loader reads it from the
// upper half and writes all 64 bits.
func (l *linker) data(at uint64, sym elf.Symbol) error {
	target, err := l.address(sym)
	if err != nil {
		return err
	}
	word := l.rodata[at-l.roAt:]
	target += binary.LittleEndian.Uint64(word)
	if target >= 1<<32 {
		return fmt.Errorf("address %#x does not fit 32 bits", target)
	}
	binary.LittleEndian.PutUint64(word, target<<32)
	l.rels = append(l.rels, rel{at, relRelative})
	return nil
}

// call resolves a call inside the object, or leaves it by name to the loader.
func (l *linker) call(at uint64, sym elf.Symbol) error {
	ins := l.text[at-l.textAt:]
	if sym.Section == elf.SHN_UNDEF {
		i := slices.Index(l.imports, sym.Name)
		if i < 0 {
			i = len(l.imports)
			l.imports = append(l.imports, sym.Name)
		}
		binary.LittleEndian.PutUint32(ins[4:], noTarget)
		l.rels = append(l.rels, rel{at, uint64(i+1)<<32 | relCall})
		return nil
	}
	target, err := l.address(sym)
	if err != nil {
		return err
	}
	if elf.ST_TYPE(sym.Info) == elf.STT_SECTION {
		// The immediate already counts instructions from the section's start.
		target += uint64(int64(int32(binary.LittleEndian.Uint32(ins[4:]))+1) * insnSize)
	}
	distance := (int64(target) - int64(at) - insnSize) / insnSize
	binary.LittleEndian.PutUint32(ins[4:], uint32(int32(distance)))
	return nil
}

func (l *linker) address(sym elf.Symbol) (uint64, error) {
	base, ok := l.addr[sym.Section]
	if !ok {
		return 0, fmt.Errorf("symbol %q is in no loaded section", sym.Name)
	}
	return base + sym.Value, nil
}

func (l *linker) entry() (uint64, error) {
	for _, s := range l.syms {
		if s.Name == entryName && elf.ST_BIND(s.Info) == elf.STB_GLOBAL && s.Section != elf.SHN_UNDEF {
			return l.address(s)
		}
	}
	return 0, errNoEntry
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) / to * to }
