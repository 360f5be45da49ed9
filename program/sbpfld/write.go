package main

import (
	"debug/elf"
	"encoding/binary"
)

// segments: code, everything read-only, and the dynamic table.
const segments = 3

// pageAlign is what the loader expects of a loaded segment; addresses and
// file offsets are equal, so any power of two holds.
const pageAlign = 0x1000

// image is the file while it is written: pieces at growing offsets, and the
// section headers that name them.
type image struct {
	bytes    []byte
	names    []byte
	sections []elf.Section64
}

func (m *image) pad(to uint64) uint64 {
	n := alignUp(uint64(len(m.bytes)), to)
	m.bytes = append(m.bytes, make([]byte, n-uint64(len(m.bytes)))...)
	return n
}

// add appends the bytes as a section; loaded ones have their file offset as
// address.
func (m *image) add(name string, s elf.Section64, data []byte) uint64 {
	s.Off = m.pad(max(s.Addralign, 1))
	s.Size = uint64(len(data))
	if s.Flags&uint64(elf.SHF_ALLOC) != 0 {
		s.Addr = s.Off
	}
	s.Name = uint32(len(m.names))
	m.names = append(append(m.names, name...), 0)
	m.bytes = append(m.bytes, data...)
	m.sections = append(m.sections, s)
	return s.Off
}

// Section numbers in the file, for the links between them.
const (
	dynsymIndex = 4
	dynstrIndex = 5
)

func (l *linker) write(entry uint64) []byte {
	alloc := uint64(elf.SHF_ALLOC)
	m := &image{names: []byte{0}, sections: make([]elf.Section64, 1)}
	m.bytes = make([]byte, headerSize+segments*programSize)
	m.pad(16)
	m.add(".text", elf.Section64{Type: uint32(elf.SHT_PROGBITS), Flags: alloc | uint64(elf.SHF_EXECINSTR), Addralign: 16}, l.text)
	m.add(".rodata", elf.Section64{Type: uint32(elf.SHT_PROGBITS), Flags: alloc, Addralign: 16}, l.rodata)

	symbols, names := l.dynamicSymbols()
	dynAt := alignUp(uint64(len(m.bytes)), 8)
	symAt := dynAt + dynEntries*dynSize
	strAt := symAt + uint64(len(symbols))
	relAt := alignUp(strAt+uint64(len(names)), 8)
	m.add(".dynamic", elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Flags: alloc | uint64(elf.SHF_WRITE), Link: dynstrIndex, Addralign: 8, Entsize: dynSize},
		dynamic(symAt, strAt, uint64(len(names)), relAt, uint64(len(l.rels))*relSize))
	m.add(".dynsym", elf.Section64{Type: uint32(elf.SHT_DYNSYM), Flags: alloc, Link: dynstrIndex, Info: 1, Addralign: 8, Entsize: symbolSize}, symbols)
	m.add(".dynstr", elf.Section64{Type: uint32(elf.SHT_STRTAB), Flags: alloc, Addralign: 1}, names)
	m.add(".rel.dyn", elf.Section64{Type: uint32(elf.SHT_REL), Flags: alloc, Link: dynsymIndex, Addralign: 8, Entsize: relSize}, l.relocations())
	loadedEnd := uint64(len(m.bytes))
	// The table of names is added before it is complete: its own name first.
	m.names = append(m.names, ".shstrtab\x00"...)
	table := elf.Section64{Type: uint32(elf.SHT_STRTAB), Addralign: 1, Name: uint32(len(m.names) - len(".shstrtab\x00"))}
	table.Off, table.Size = m.pad(1), uint64(len(m.names))
	m.bytes = append(m.bytes, m.names...)
	m.sections = append(m.sections, table)

	sectionsAt := m.pad(8)
	for _, s := range m.sections {
		m.bytes = encode(m.bytes, s)
	}
	l.head(m, entry, sectionsAt, dynAt, loadedEnd)
	return m.bytes
}

// head fills the space left for the ELF and program headers.
func (l *linker) head(m *image, entry, sectionsAt, dynAt, loadedEnd uint64) {
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_BPF), Version: uint32(elf.EV_CURRENT),
		Entry: entry, Phoff: headerSize, Shoff: sectionsAt,
		Ehsize: headerSize, Phentsize: programSize, Phnum: segments,
		Shentsize: sectionSize, Shnum: uint16(len(m.sections)), Shstrndx: uint16(len(m.sections) - 1),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	segment := func(kind elf.ProgType, flags elf.ProgFlag, at, size, align uint64) elf.Prog64 {
		return elf.Prog64{Type: uint32(kind), Flags: uint32(flags), Off: at, Vaddr: at, Paddr: at, Filesz: size, Memsz: size, Align: align}
	}
	out := encode(nil, h)
	out = encode(out, segment(elf.PT_LOAD, elf.PF_R|elf.PF_X, l.textAt, uint64(len(l.text)), pageAlign))
	out = encode(out, segment(elf.PT_LOAD, elf.PF_R, l.roAt, loadedEnd-l.roAt, pageAlign))
	out = encode(out, segment(elf.PT_DYNAMIC, elf.PF_R|elf.PF_W, dynAt, dynEntries*dynSize, 8))
	copy(m.bytes, out)
}

// dynamicSymbols names the syscalls, in the order of their first call.
func (l *linker) dynamicSymbols() (symbols, names []byte) {
	symbols, names = make([]byte, symbolSize), []byte{0}
	for _, n := range l.imports {
		symbols = encode(symbols, elf.Sym64{Name: uint32(len(names)), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_NOTYPE)})
		names = append(append(names, n...), 0)
	}
	return symbols, names
}

func (l *linker) relocations() []byte {
	var out []byte
	for _, r := range l.rels {
		out = encode(out, elf.Rel64{Off: r.offset, Info: r.info})
	}
	return out
}

const dynEntries = 9

func dynamic(symAt, strAt, strSize, relAt, relTotal uint64) []byte {
	const textRel = 4 // DF_TEXTREL: relocations change code
	var out []byte
	for _, d := range [dynEntries]elf.Dyn64{
		{Tag: int64(elf.DT_FLAGS), Val: textRel},
		{Tag: int64(elf.DT_REL), Val: relAt}, {Tag: int64(elf.DT_RELSZ), Val: relTotal}, {Tag: int64(elf.DT_RELENT), Val: relSize},
		{Tag: int64(elf.DT_SYMTAB), Val: symAt}, {Tag: int64(elf.DT_SYMENT), Val: symbolSize},
		{Tag: int64(elf.DT_STRTAB), Val: strAt}, {Tag: int64(elf.DT_STRSZ), Val: strSize},
		{Tag: int64(elf.DT_NULL)},
	} {
		out = encode(out, d)
	}
	return out
}

// encode appends a fixed-size record; the records of debug/elf cannot fail.
func encode(to []byte, record any) []byte {
	out, err := binary.Append(to, binary.LittleEndian, record)
	if err != nil {
		panic(err)
	}
	return out
}
