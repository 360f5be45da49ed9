package main

import (
	"bytes"
	"fmt"
	"runtime/debug"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// billOf is a bill of materials (CycloneDX) of what a binary says it was linked from. It bears no serial number and no clock's
// time, so that the same binary has the same bill.
func billOf(b build, info *debug.BuildInfo, linked []module) ([]byte, error) {
	main := cdx.Component{
		BOMRef: purl(info.Main.Path, b.Version), Type: cdx.ComponentTypeApplication, Name: "paradox", Version: b.Version,
		PackageURL: purl(info.Main.Path, b.Version), Licenses: licensesOf([]string{"Apache-2.0"}),
	}
	var settings []cdx.Property
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" || s.Key == "-trimpath" {
			settings = append(settings, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
		}
	}
	main.Properties = &settings
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &main}
	if b.Epoch != 0 {
		bom.Metadata.Timestamp = b.date().Format("2006-01-02T15:04:05Z")
	}
	var parts []cdx.Component
	var refs []string
	for _, m := range linked {
		c := cdx.Component{
			BOMRef: purl(m.path, m.version), Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version,
			PackageURL: purl(m.path, m.version), Licenses: licensesOf(m.licences),
		}
		if m.sum != "" {
			c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.sum}}
		}
		parts, refs = append(parts, c), append(refs, c.BOMRef)
	}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("the bill of materials: %w", err)
	}
	return out.Bytes(), nil
}

func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

func licensesOf(ids []string) *cdx.Licenses {
	var l cdx.Licenses
	for _, id := range ids {
		one := &cdx.License{ID: id}
		if id == unstated {
			one = &cdx.License{Name: id} // an id would have to be SPDX's
		}
		l = append(l, cdx.LicenseChoice{License: one})
	}
	return &l
}
