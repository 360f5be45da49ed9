package rpc

import (
	"net/url"
	"strings"
)

// Providers put keys into the paths, queries and user parts of RPC URLs, and libraries put the URL into every error. Whatever
// leaves this package names an endpoint by its host.

// Conceal is the error without what is secret in an endpoint's URL; errors.Is and errors.As see through it.
func Conceal(err error, address string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range secrets(address) {
		shown := "…"
		if secret[0] == '/' {
			shown = "/…"
		}
		text = strings.ReplaceAll(text, secret, shown)
	}
	if text == err.Error() {
		return err
	}
	return &concealed{text, err}
}

type concealed struct {
	text string
	err  error
}

func (c *concealed) Error() string { return c.text }
func (c *concealed) Unwrap() error { return c.err }

// secrets are the parts of a URL that errors may repeat, the longest first. A URL that does not parse is one whole.
func secrets(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return []string{address}
	}
	var out []string
	add := func(s string) {
		if len(s) > 1 { // a bare slash is no secret
			out = append(out, s)
		}
	}
	if u.User != nil {
		add(u.User.String() + "@")
		if password, ok := u.User.Password(); ok {
			add(password)
		}
		add(u.User.Username())
	}
	add(u.RequestURI())
	add(u.EscapedPath())
	add(u.RawQuery)
	return out
}
