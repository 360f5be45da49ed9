package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type licencesCmd struct{}

func (licencesCmd) Run() error {
	page, err := licencesPage()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", "licences.md"), page, 0o644)
}

// licencesPage is docs/licences.md.
func licencesPage() ([]byte, error) {
	linked, err := linkedAnywhere()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`# Licences

Generated (` + "`go run ./internal/release licences`" + `); a test says when it is old. Paradox is under [Apache-2.0](../LICENSE). Its binary is
linked from these Go modules, on one platform or another; the licences are those whose text a module's root holds (where it is
more than one, the module's own files say which holds for what). The texts go along with every image and archive, as
THIRD-PARTY-LICENCES.txt, and the bill of materials (paradox.cdx.json) repeats the table for programs.

| module | version | licences |
|---|---|---|
`)
	for _, m := range linked {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.path, m.version, strings.Join(m.licences, ", "))
	}
	b.WriteString(`
github.com/gagliardetto/treeout comes without a licence file; github.com/gagliardetto/solana-go, of the same author and under
Apache-2.0, needs it. Whoever is to hand out binaries asks its author first.

Besides them:

| what | where | licences |
|---|---|---|
| Go's standard library and runtime | the binary | BSD-3-Clause |
| Rust's core library | the vault program, program/vault.so, which the binary carries | MIT, Apache-2.0 |
| Mozilla's root certificates, through golang.org/x/crypto/x509roots | the image | MPL-2.0 |

What only builds and tests use (tools/go.mod, the Node packages of program/svm and web/test) is handed to nobody.
`)
	return b.Bytes(), nil
}
