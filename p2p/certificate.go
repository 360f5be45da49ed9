package p2p

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often a handshake looks whether the files have changed.
const certificateCheck = time.Minute

// certificate is that of /wss listeners. The files are read anew when they change: certificates live for weeks, nodes longer.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	now     *tls.Certificate
	stamp   [2]time.Time // of the files
	checked time.Time
}

// Certificate is a TLS configuration with the certificate chain and key of two PEM files.
func Certificate(certFile, keyFile string) (*tls.Config, error) {
	c := &certificate{cert: certFile, key: keyFile}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("p2p.tls_cert and p2p.tls_key: %w; they are PEM files, the chain and its key, that the node's user can read", err)
	}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}, nil
}

// stamps are when the files changed.
func (c *certificate) stamps() ([2]time.Time, error) {
	var out [2]time.Time
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}

// read is called with c.mu held, or before anybody else knows c.
func (c *certificate) read() error {
	stamp, err := c.stamps()
	if err != nil {
		return err
	}
	got, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return errors.New("the pair cannot be used: " + err.Error())
	}
	c.now, c.stamp, c.checked = &got, stamp, now()
	return nil
}

// get keeps the pair it has while the files cannot be read, such as in the midst of their renewal.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now().Sub(c.checked) < certificateCheck {
		return c.now, nil
	}
	c.checked = now()
	if stamp, err := c.stamps(); err == nil && stamp != c.stamp {
		_ = c.read()
	}
	return c.now, nil
}
