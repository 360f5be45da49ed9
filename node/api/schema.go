package api

import (
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/phantom-paradox/paradox/intent"
)

// What OpenAPI says where the types alone do not say it.

// Schema implements huma.SchemaProvider.
func (Decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^(0|[1-9][0-9]{0,19})$", Examples: []any{"1500000"}}
}

// Schema implements huma.SchemaProvider.
func (Digest) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{64}$"}
}

// Schema implements huma.SchemaProvider.
func (Hex) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^([0-9a-f]{2})*$"}
}

// Schema implements huma.SchemaProvider.
func (IntentJSON) Schema(r huma.Registry) *huma.Schema {
	const name = "Intent"
	if _, ok := r.Map()[name]; !ok {
		r.Map()[name] = intentSchema()
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func text(pattern, description string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: pattern, Description: description}
}

// intentSchema describes the JSON of an intent: INTENT's table, without what depends on the kind.
func intentSchema() *huma.Schema {
	key := func(description string) *huma.Schema { return text("^[1-9A-HJ-NP-Za-km-z]{32,44}$", description) }
	number := func(description string) *huma.Schema { return text("^[1-9][0-9]{0,18}$", description) }
	seconds := func(description string) *huma.Schema {
		one := 1.0
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &one, Description: description}
	}
	kinds := []any{}
	for _, k := range []intent.Kind{intent.Pay, intent.Ask, intent.Buy, intent.Cancel, intent.Session, intent.Revoke, intent.Issue} {
		kinds = append(kinds, string(k))
	}
	return &huma.Schema{Type: huma.TypeObject, Description: "A signed intent", AdditionalProperties: false,
		Required: []string{"network", "kind", "from", "nonce", "created", "expires", "sig"},
		Properties: map[string]*huma.Schema{
			"v":          {Type: huma.TypeInteger, Enum: []any{1}},
			"network":    text("^[a-z0-9-]{3,32} [1-9A-HJ-NP-Za-km-z]{32,44}$", "name and base58 hash of the network"),
			"kind":       {Type: huma.TypeString, Enum: kinds},
			"from":       key("the wallet whose funds or items move"),
			"signer":     key("the session key that signs; left out where from signs"),
			"to":         key("payee, only buyer, session key or first owner"),
			"mint":       key("a mint of the network"),
			"amount":     number("base units"),
			"fee":        number("base units; left out where zero"),
			"item":       text("", "<issuer key>/<name>, or a mint"),
			"quantity":   number("base units of a fungible ask"),
			"ask":        text("^bafkrei[a-z2-7]{52}$", "id of the ask that is bought"),
			"max_volume": number("a session's limit, base units"),
			"actions":    {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: []any{"buy", "cancel", "pay"}}},
			"nonce":      number("unique per wallet and signing key"),
			"created":    seconds("unix seconds"),
			"expires":    seconds("unix seconds"),
			"memo":       {Type: huma.TypeString},
			"sig":        text("", "base58, or standard padded base64, of the Ed25519 signature over the text"),
		}}
}

// doorBody describes what the door takes.
func doorBody() *huma.RequestBody {
	one := &huma.Schema{Ref: "#/components/schemas/Intent"}
	least, most := 1, intent.MaxListLen
	many := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"intents"}, Properties: map[string]*huma.Schema{
		"intents": {Type: huma.TypeArray, Items: one, MinItems: &least, MaxItems: &most}}}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		typeJSON: {Schema: &huma.Schema{OneOf: []*huma.Schema{one, many}}},
		typeCBOR: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "a canonical dag-cbor list of signed intents"}},
	}}
}

// finish corrects what the framework says of every API: lists are never null here, and its own error shape is not used.
func finish(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		for _, p := range schemas[name].Properties {
			if p.Type == huma.TypeArray {
				p.Nullable = false
			}
		}
	}
}
