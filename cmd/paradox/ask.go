package main

import (
	"errors"
	"fmt"
	"os"

	client "github.com/phantom-paradox/paradox/clients/go"
	"github.com/phantom-paradox/paradox/node/config"
)

// asking is what commands that ask a running node have in common.
type asking struct {
	Home string `help:"The node's home, whose configuration says where it listens." placeholder:"DIR"`
	Node string `help:"The node's address instead." placeholder:"URL"`
}

func (q asking) client(a *app) (*client.Client, error) {
	address := q.Node
	if address == "" {
		c, err := a.load()
		if err != nil {
			return nil, err
		}
		if err := isHome(&c.Config); err != nil && c.Origin["home"] != "default" {
			return nil, err
		}
		address = c.API.Listen
	}
	c, err := client.New(address)
	if err != nil {
		return nil, fmt.Errorf("%w: --node: %w", errInput, err)
	}
	return c, nil
}

// isHome says whether a directory that somebody named is a node's home: a network file is in every one.
func isHome(c *config.Config) error {
	if _, err := os.Stat(c.Home); err != nil {
		return fmt.Errorf("%w: --home: %w; `paradox init` makes a home", errInput, err)
	}
	if _, err := os.Stat(c.NetworkFile()); err != nil {
		return fmt.Errorf("%w: --home: %s is no node's home: %w; `paradox init` makes one", errInput, c.Home, err)
	}
	return nil
}

// unreached says what to do where no node answered.
func (q asking) unreached(err error) error {
	switch {
	case !errors.Is(err, client.ErrUnreachable):
		return err
	case q.Node != "":
		return fmt.Errorf("%w; is a node running there, and is --node its API?", err)
	default:
		return fmt.Errorf("%w; `paradox run` starts the node, --home or --node names another", err)
	}
}
