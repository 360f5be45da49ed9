package api

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/phantom-paradox/paradox/intent"
)

const (
	// signInLife is how long a person has to sign a sign-in text.
	signInLife = 5 * time.Minute
	// maxSignedIn bounds the texts that are remembered as used until they expire: operators sign in by hand.
	maxSignedIn = 1024
	// maxSignInText is longer than any text that is handed out.
	maxSignInText = 1024
	// maxDomain is the longest host name, and a port.
	maxDomain = 253 + 6
)

// Why a sign-in is refused.
var (
	ErrSignInForeign = errors.New("the text was not handed out by this node for this domain and key")
	ErrSignInExpired = errors.New("the text has expired; ask for another one")
	ErrSignInUsed    = errors.New("the text was used before; ask for another one")
	ErrSignInBusy    = errors.New("too many sign-ins; try again in some minutes")
	ErrSignInInvalid = errors.New("the signature does not hold for this text and key")
)

// SignIns hands out Sign-In-With-Solana texts and takes each signed one once. A text carries a code that only this node can
// make, so asking for texts costs no memory and a stranger cannot push another's out; only used ones are remembered.
type SignIns struct {
	secret [32]byte
	clock  func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // by nonce, until it expires
}

func newSignIns(clock func() time.Time) *SignIns {
	s := &SignIns{clock: clock, used: map[string]time.Time{}}
	_, _ = rand.Read(s.secret[:]) // crypto/rand.Read never fails
	return s
}

// domainOf is the host that a browser named, if it looks like one: it is shown to whoever signs.
func domainOf(host string) string {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]", r)
	}
	if host == "" || len(host) > maxDomain || strings.ContainsFunc(host, func(r rune) bool { return !ok(r) }) {
		return "localhost"
	}
	return host
}

// Text is a fresh text for a key to sign.
func (s *SignIns) Text(domain, network string, key intent.Key) string {
	var random [8]byte
	_, _ = rand.Read(random[:])
	now := s.clock().UTC().Truncate(time.Second)
	return s.text(domainOf(domain), network, key, random[:], now)
}

func (s *SignIns) text(domain, network string, key intent.Key, random []byte, issued time.Time) string {
	head := fmt.Sprintf("%s wants you to sign in with your Solana account:\n%s\n\nOperate this node of the Paradox network %s. It moves no funds.\n\nURI: http://%s\nVersion: 1\nNonce: ",
		domain, key, network, domain)
	tail := fmt.Sprintf("\nIssued At: %s\nExpiration Time: %s", issued.Format(time.RFC3339), issued.Add(signInLife).Format(time.RFC3339))
	mac := hmac.New(sha256.New, s.secret[:])
	_, _ = mac.Write([]byte(head + hex.EncodeToString(random) + tail)) // a hash's Write never fails
	return head + hex.EncodeToString(append(random, mac.Sum(nil)[:16]...)) + tail
}

// Redeem checks a signed text and uses it up. It says nothing about what the key may do.
func (s *SignIns) Redeem(domain, network string, key intent.Key, text string, sig intent.Signature) error {
	nonce, issued, ok := signInParts(text)
	if !ok || s.text(domainOf(domain), network, key, nonce[:8], issued) != text {
		return ErrSignInForeign
	}
	now := s.clock()
	if !now.Before(issued.Add(signInLife)) {
		return ErrSignInExpired
	}
	if !intent.VerifySignature(key, []byte(text), sig) {
		return ErrSignInInvalid
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, until := range s.used {
		if !now.Before(until) {
			delete(s.used, n)
		}
	}
	if _, used := s.used[string(nonce)]; used {
		return ErrSignInUsed
	}
	if len(s.used) >= maxSignedIn {
		return ErrSignInBusy
	}
	s.used[string(nonce)] = issued.Add(signInLife)
	return nil
}

// signInParts finds nonce and time of issue.
func signInParts(text string) (nonce []byte, issued time.Time, ok bool) {
	if len(text) > maxSignInText {
		return nil, time.Time{}, false
	}
	_, rest, found := strings.Cut(text, "\nNonce: ")
	code, rest, found2 := strings.Cut(rest, "\nIssued At: ")
	at, _, found3 := strings.Cut(rest, "\n")
	nonce, err := hex.DecodeString(code)
	if err != nil || !found || !found2 || !found3 || len(nonce) != 24 {
		return nil, time.Time{}, false
	}
	issued, err = time.Parse(time.RFC3339, at)
	return nonce, issued.UTC(), err == nil
}
