package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
)

const (
	// pinata is the service that PINATA_JWT is a token of.
	pinata = "https://api.pinata.cloud/psa"
	// secretFile begins a value that is the path of a secret and not the secret.
	secretFile = "file:"
	// maxSecret bounds what is read of such a file: tokens have a few hundred bytes.
	maxSecret = 16 << 10
)

// A PinningService is a remote service and its token.
type PinningService struct{ URL, Token string }

// PinningServices reads the tokens of the remote pinning services. Errors do not show them.
func (c *IPFS) PinningServices() ([]PinningService, error) {
	if err := errors.Join(c.check()...); err != nil {
		return nil, err
	}
	var out []PinningService
	for i, u := range c.Pinning {
		token, err := secret("ipfs.pinning_tokens", c.PinningTokens[i])
		if err != nil {
			return nil, err
		}
		out = append(out, PinningService{u, token})
	}
	if c.PinataJWT != "" {
		token, err := secret("ipfs.pinata_jwt", c.PinataJWT)
		if err != nil {
			return nil, err
		}
		out = append(out, PinningService{pinata, token})
	}
	return out, nil
}

// secret is a value that may lie in a file.
func secret(field, value string) (string, error) {
	path, ok := strings.CutPrefix(value, secretFile)
	if !ok {
		return value, nil
	}
	f, err := os.Open(path)
	if err != nil {
		remedy := "Write the token into the file, alone on its first line."
		if errors.Is(err, fs.ErrPermission) {
			remedy = "Let the user that runs the node read it."
		}
		return "", &Error{field, value, "cannot be read: " + err.Error(), remedy}
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", &Error{field, value, "cannot be read: " + err.Error(), "Write the token into the file, alone on its first line."}
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", &Error{field, value, "is empty", "Write the token into the file, alone on its first line."}
	}
	return line, nil
}

// check says what is wrong with the services and gateways.
func (c *IPFS) check() []error {
	var errs []error
	hosts := map[string]bool{}
	for _, s := range c.Pinning {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || !oneOf(u.Scheme, "https", "http") || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
			errs = append(errs, &Error{"ipfs.pinning", RedactURL(s), "is no https address of a host and a path", "Say the service's endpoint without /pins, for instance https://api.filebase.io/v1/ipfs; tokens go into ipfs.pinning_tokens."})
			continue
		case u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
			errs = append(errs, &Error{"ipfs.pinning", RedactURL(s), "would show the token to everybody on the way", "Say https."})
		}
		if hosts[u.Host] || (c.PinataJWT != "" && u.Host == "api.pinata.cloud") {
			errs = append(errs, &Error{"ipfs.pinning", RedactURL(s), "is named twice", "Say each host once; ipfs.pinata_jwt (PINATA_JWT) names Pinata by itself."})
		}
		hosts[u.Host] = true
	}
	if n, m := len(c.Pinning), len(c.PinningTokens); n != m {
		errs = append(errs, &Error{"ipfs.pinning_tokens", "", fmt.Sprintf("has %d tokens for %d services of ipfs.pinning", m, n), "Give each service its token, in the same order."})
	}
	return errs
}
