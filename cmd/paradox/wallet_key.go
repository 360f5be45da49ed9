package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gagliardetto/solana-go"

	"github.com/phantom-paradox/paradox/intent"
	"github.com/phantom-paradox/paradox/node/config"
	"github.com/phantom-paradox/paradox/node/keys"
)

// walletFile is a wallet's key within a home, unless --key names another.
const walletFile = "wallet.json"

// keyFlags name a wallet's key, and how it is opened.
type keyFlags struct {
	Key            string `help:"The wallet's key, a Solana keypair file; wallet.json in the home unless said otherwise." placeholder:"FILE"`
	PassphraseFile string `help:"File whose first line opens a sealed key; /dev/fd/3 for an open descriptor. Without it a terminal is asked." placeholder:"FILE"`
}

func (k keyFlags) path(c *config.Loaded) string {
	if k.Key != "" {
		return k.Key
	}
	return filepath.Join(c.Home, walletFile)
}

// load reads the key.
func (k keyFlags) load(a *app, c *config.Loaded) (ed25519.PrivateKey, error) {
	return loadWallet(k.path(c), a.passphrase(c.PassphraseFile))
}

func loadWallet(path string, ask keys.Passphrase) (ed25519.PrivateKey, error) {
	key, err := keys.LoadSolana(path, ask)
	if errors.Is(err, keys.ErrMissing) {
		return nil, fmt.Errorf("%s: %w; `paradox wallet new` makes one, --key names another", path, keys.ErrMissing)
	}
	return key, err
}

// address is a wallet's own, or the one that was named.
func (k keyFlags) address(a *app, c *config.Loaded, named string) (intent.Key, error) {
	if named != "" {
		key, err := intent.ParseKey(named)
		if err != nil {
			return key, fmt.Errorf("%w: the address: %w", errInput, err)
		}
		return key, nil
	}
	key, err := k.load(a, c)
	if err != nil {
		return intent.Key{}, err
	}
	return publicOf(key), nil
}

func publicOf(k ed25519.PrivateKey) intent.Key { return intent.Key(solana.PrivateKey(k).PublicKey()) }
