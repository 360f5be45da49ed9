package intent

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// refusal is a case of docs/spec/vectors/intent.json: bytes or JSON, and the code and field of the refusal.
type refusal struct {
	Name  string          `json:"name"`
	Wire  string          `json:"wire,omitempty"`
	JSON  json.RawMessage `json:"json,omitempty"`
	Code  Code            `json:"code"`
	Field string          `json:"field,omitempty"`
}

// refusals is docs/spec/vectors/intent.json. The network of json is that of testdata/intents.json.
type refusals struct {
	Network Network   `json:"network"`
	List    string    `json:"list"`     // the dag-cbor list of the valid vectors of testdata/intents.json, in order
	Wire    []refusal `json:"wire"`     // unsigned: the fault is found before the signature is looked at
	JSONNet Network   `json:"json_net"` // the network of json
	JSON    []refusal `json:"json"`
}

func TestGoldenRefusals(t *testing.T) {
	const path = "../docs/spec/vectors/intent.json"
	v := loadVectors(t)
	want := refusals{Network: *testNetwork(), JSONNet: v.Network}
	var list []*Signed
	for _, c := range v.Valid {
		s, err := Decode(c.wire(t))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	want.List = hex.EncodeToString(EncodeList(list))
	for _, c := range bents() {
		s := &Signed{Intent: sample(c.kind)}
		c.bend(&s.Intent)
		want.Wire = append(want.Wire, refusal{Name: c.name, Wire: hex.EncodeToString(s.Encode()), Code: c.code, Field: c.field})
	}
	for _, c := range numbers(t) {
		want.Wire = append(want.Wire, refusal{Name: c.name, Wire: hex.EncodeToString(c.wire), Code: c.code, Field: c.field})
	}
	for _, c := range doors() {
		want.JSON = append(want.JSON, refusal{Name: c.name, JSON: c.json(t, v.Valid[0].JSON), Code: c.code, Field: c.field})
	}
	b, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b) {
		t.Errorf("%s is not what the tests make; run them with -update and read the difference", path)
	}
	checkRefusals(t, got)
}

// checkRefusals judges what the file says, as a foreign client would.
func checkRefusals(t *testing.T, b []byte) {
	t.Helper()
	var set refusals
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	for _, c := range set.Wire {
		err := judge(unhex(t, c.Wire), &set.Network)
		t.Run(c.Name, func(t *testing.T) { requireError(t, err, c.Code, c.Field) })
	}
	for _, c := range set.JSON {
		_, err := ParseJSON(c.JSON, &set.JSONNet)
		t.Run(c.Name, func(t *testing.T) { requireError(t, err, c.Code, c.Field) })
	}
}
