package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootCertificates are Mozilla's, as the Go project packs them: the same for whoever builds. Those that Mozilla trusts with a
// condition are left out, because a PEM file cannot say the condition.
func rootCertificates() ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, fmt.Errorf("root certificates: %w", err)
		}
	}
	if b.Len() == 0 {
		return nil, errors.New("root certificates: the bundle has none")
	}
	return b.Bytes(), nil
}
