package p2p

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	ws "github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/multiformats/go-multiaddr"
)

// writePair writes a certificate of its own for localhost, and returns who trusts it.
func writePair(t *testing.T, dir string, serial int64) (cert, key string, trust *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	check(t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	check(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600))
	trust = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	check(t, err)
	trust.AddCert(parsed)
	return cert, key, trust
}

// A browser's way in: a peer that trusts the certificate's issuer dials by name over TLS; one that does not is not let in.
func TestSecureWebSocket(t *testing.T) {
	ctx := testContext(t)
	cert, key, trust := writePair(t, t.TempDir(), 1)
	config, err := Certificate(cert, key)
	check(t, err)
	a := newHost(t, "a", func(c *Config) {
		c.Listen, c.TLS = []string{"/ip4/127.0.0.1/tcp/0/wss"}, config
	})
	info := a.Info()
	for i, addr := range info.Addrs {
		info.Addrs[i] = multiaddr.StringCast(strings.Replace(addr.String(), "/ip4/127.0.0.1/", "/dns4/localhost/", 1))
	}
	for _, c := range []struct {
		pool *x509.CertPool
		in   bool
	}{{trust, true}, {x509.NewCertPool(), false}} {
		h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics(),
			libp2p.Transport(ws.New, ws.WithTLSClientConfig(&tls.Config{RootCAs: c.pool, MinVersion: tls.VersionTLS12})))
		check(t, err)
		if err := h.Connect(ctx, info); (err == nil) != c.in {
			t.Errorf("trusted: %v; the dial of %v: %v", c.in, info.Addrs, err)
		}
		check(t, h.Close())
	}
}

func TestACertificateIsRenewed(t *testing.T) {
	dir := t.TempDir()
	if _, err := Certificate(filepath.Join(dir, "none"), filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "p2p.tls_cert") {
		t.Errorf("no files: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		cert, key, _ := writePair(t, dir, 1)
		config, err := Certificate(cert, key)
		check(t, err)
		serial := func() int64 {
			got, err := config.GetCertificate(nil)
			check(t, err)
			leaf, err := x509.ParseCertificate(got.Certificate[0])
			check(t, err)
			return leaf.SerialNumber.Int64()
		}
		renew := func(write func()) {
			write()
			for _, name := range []string{cert, key} {
				check(t, os.Chtimes(name, time.Now(), time.Now())) // the bubble's time
			}
			time.Sleep(certificateCheck)
		}
		renew(func() { writePair(t, dir, 2) })
		if n := serial(); n != 2 {
			t.Errorf("after the renewal it is number %d", n)
		}
		renew(func() { check(t, os.WriteFile(key, []byte("half"), 0o600)) })
		if n := serial(); n != 2 {
			t.Errorf("in the midst of a renewal it is number %d", n)
		}
		renew(func() { writePair(t, dir, 3) })
		if n := serial(); n != 3 {
			t.Errorf("after the second renewal it is number %d", n)
		}
	})
}
