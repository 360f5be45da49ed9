package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/keys"
)

// TestAFaucetAtTheCounter gives by command and over HTTP, refuses what it must, and is what the hints of wallet say.
func TestAFaucetAtTheCounter(t *testing.T) {
	c := newCounter(t)
	c.found()
	c.wallet(1, "paradox wallet fund URL", "deposit", "1", "TUSD")
	key := filepath.Join(c.home, "payer.json")
	c.good(keys.WriteSolana(key, []byte(c.payer)))
	faucet := func(code int, says string, args ...string) string {
		t.Helper()
		return c.expect(code, says, append([]string{"testnet", "faucet", "--home", c.home, "--key", key}, args...)...)
	}
	other := intent.Key(seeded('o').PublicKey()).String()
	faucet(2, "the address", "bob")
	faucet(2, "--sol", "bob", "--sol", "x")
	faucet(2, "--every", "bob", "--every", "1ms")
	faucet(2, "there is nothing to give", other, "--sol", "0", "--units", "0")
	faucet(0, "1000000000 lamports (1 SOL) more, 1000 TUSD", other)
	faucet(1, "had its gift", other)
	faucet(0, `"again":false`, c.me.String(), "--json", "--from-key", "--sol", "2", "--units", "20")
	c.wallet(0, "deposited 20000000 (20 TUSD)", "deposit", "20", "TUSD", "-y")
	c.good(os.Chmod(key, 0o644))
	faucet(2, "chmod 0600", other)
	c.good(os.Chmod(key, 0o600))
	c.file.Cluster = intent.Hash{}
	c.good(c.file.Cluster.UnmarshalText([]byte("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d")))
	real := c.write("mainnet.json", string(c.file.JSON()), 0o600)
	faucet(2, "mainnet", other, "--network", real)
	c.expect(2, "0 to 18", "testnet", "mint", "--decimals", "19", "--rpc", c.net.URL())
	c.expect(0, "", "wallet", "new", "--key", filepath.Join(c.home, "poor.json"))
	mint := c.expect(0, "", "testnet", "mint", "--key", filepath.Join(c.home, "poor.json"), "--rpc", c.net.URL())
	if _, err := intent.ParseKey(strings.TrimSpace(mint)); err != nil {
		t.Error(mint, err)
	}
	c.expect(3, "does not answer", "wallet", "fund", "http://127.0.0.1:1", "--home", c.home)
}

// A listener hears where a command says that it serves.
type listener struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	heard chan string
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(b)
	var v struct{ Faucet string }
	if line, err := l.buf.ReadBytes('\n'); err == nil && json.Unmarshal(line, &v) == nil {
		l.heard <- v.Faucet
	}
	return len(b), nil
}

func TestTheFaucetServes(t *testing.T) {
	c := newCounter(t)
	key := filepath.Join(c.home, "payer.json")
	c.good(keys.WriteSolana(key, []byte(c.payer)))
	ctx, stop := context.WithCancel(t.Context())
	out, ended := &listener{heard: make(chan string, 1)}, make(chan int, 1)
	go func() {
		a := &app{in: strings.NewReader(""), out: out, err: out, userDir: c.home, now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
		ended <- execute(ctx, a, []string{"testnet", "faucet", "--home", c.home, "--key", key, "--listen", "127.0.0.1:0", "--json"})
	}()
	url := <-out.heard
	c.wallet(0, "1000 TUSD", "fund", url)
	c.wallet(1, "too_soon", "fund", url)
	c.wallet(1, "perhaps no faucet", "fund", c.net.URL())
	c.expect(5, "another faucet uses this state", "testnet", "faucet", c.me.String(), "--home", c.home, "--key", key)
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d", code)
	}
}
