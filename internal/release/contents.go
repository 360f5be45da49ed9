package main

import (
	"debug/buildinfo"
	"fmt"
	"maps"
	"slices"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// contents are the binary, at the root, and what has to go with it, under docs.
func contents(b build, binary, docs string) ([]entry, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("reading what %s was built from: %w", binary, err)
	}
	linked, err := modulesOf(info)
	if err != nil {
		return nil, err
	}
	bom, err := billOf(b, info, linked)
	if err != nil {
		return nil, err
	}
	program := "paradox"
	if slices.Contains(platformOf(info), "GOOS=windows") {
		program += ".exe"
	}
	exe, err := file(program, 0o755, binary)
	if err != nil {
		return nil, err
	}
	licence, err := file(docs+"LICENSE", 0o644, "LICENSE")
	if err != nil {
		return nil, err
	}
	texts, err := licenceTexts(linked)
	if err != nil {
		return nil, err
	}
	return []entry{
		exe, licence,
		{name: docs + "THIRD-PARTY-LICENCES.txt", mode: 0o644, data: texts},
		{name: docs + "paradox.cdx.json", mode: 0o644, data: bom},
	}, nil
}
