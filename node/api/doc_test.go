package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestDocs holds docs/api.md against the document that the handlers make.
func TestDocs(t *testing.T) {
	s, _ := serve(t, newFake(t), 0)
	const file = "../../docs/api.md"
	got := markdown(s.OpenAPI())
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the handlers say; run go test ./node/api -update", file)
	}
}

// TestDocument: the document is OpenAPI 3.1, names only shapes that it has, and none of the framework's.
func TestDocument(t *testing.T) {
	_, h := serve(t, newFake(t), 0)
	_, b := fetch(t, h.URL+"/openapi.json")
	var doc struct {
		OpenAPI    string
		Paths      map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(b, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Paths) < 20 {
		t.Fatalf("%v %q %d", err, doc.OpenAPI, len(doc.Paths))
	}
	for _, part := range strings.Split(string(b), `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if _, ok := doc.Components.Schemas[name]; !ok {
			t.Errorf("no schema %q", name)
		}
	}
	if strings.Contains(string(b), "ErrorModel") {
		t.Error("the framework's errors are described")
	}
}

// markdown is the API for people.
func markdown(doc *huma.OpenAPI) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# HTTP API\n\nGenerated from the handlers (`go test ./node/api -update`); `/openapi.json` of any node has the same as OpenAPI 3.1. A node serves it at `api.listen`, http://127.0.0.1:8080 unless said otherwise; `testnet up` prints its address. Where a path says nothing else, errors are Problem.\n\n%s\n", doc.Info.Description)
	fmt.Fprintf(&b, "\nA server-sent event stream has `event: round`, `settled` (both RoundEvent), `pool` (PoolStats), `peer` (PeerEvent), `health` (Health).\n")
	fmt.Fprintf(&b, "\n## Paths\n")
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range []*huma.Operation{doc.Paths[path].Get, doc.Paths[path].Post} {
			if op != nil {
				operation(&b, path, op)
			}
		}
	}
	fmt.Fprintf(&b, "\n## Shapes\n")
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		shape(&b, name, schemas[name])
	}
	return b.String()
}

func operation(b *strings.Builder, path string, op *huma.Operation) {
	fmt.Fprintf(b, "\n### %s %s\n\n%s.", op.Method, path, op.Summary)
	if op.Description != "" {
		fmt.Fprintf(b, " %s", op.Description)
	}
	fmt.Fprint(b, "\n")
	for _, p := range op.Parameters {
		need := ""
		if p.Required {
			need = ", required"
		}
		fmt.Fprint(b, strings.TrimRight(fmt.Sprintf("\n- `%s` (%s%s) %s", p.Name, p.In, need, p.Description), " "))
	}
	if len(op.Parameters) > 0 {
		fmt.Fprint(b, "\n")
	}
	if len(op.Security) > 0 {
		fmt.Fprint(b, "\nNeeds `Authorization: Bearer` with the token of a sign-in.\n")
	}
	if op.RequestBody != nil && op.RequestBody.Content[typeCBOR] == nil {
		fmt.Fprintf(b, "\nBody: application/json, %s.\n", kindOf(op.RequestBody.Content[typeJSON].Schema))
	} else if op.RequestBody != nil {
		fmt.Fprint(b, "\nBody: application/json, an Intent or `{\"intents\":[…]}` of 1 to 256; or application/cbor, a canonical dag-cbor list.\n")
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(op.Responses[status].Content)) {
			kinds = append(kinds, kind+" "+kindOf(op.Responses[status].Content[kind].Schema))
		}
		if status != "default" {
			fmt.Fprintf(b, "\n%s: %s\n", status, strings.Join(kinds, ", or "))
		}
	}
}

// kindOf names a schema in a word or two.
func kindOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == huma.TypeArray:
		return "list of " + kindOf(s.Items)
	case s.Type == huma.TypeObject:
		if v, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "map of " + kindOf(v)
		}
	}
	return s.Type
}

func shape(b *strings.Builder, name string, s *huma.Schema) {
	fmt.Fprintf(b, "\n### %s\n\n| field | | |\n|---|---|---|\n", name)
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[field]
		kind := kindOf(p)
		if !slices.Contains(s.Required, field) {
			kind += ", optional"
		}
		words := p.Description
		if len(p.Enum) > 0 {
			var values []string
			for _, v := range p.Enum {
				values = append(values, fmt.Sprint(v))
			}
			words = strings.TrimSpace(words + " (" + strings.Join(values, ", ") + ")")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", field, kind, strings.ReplaceAll(words, "|", "\\|"))
	}
}
