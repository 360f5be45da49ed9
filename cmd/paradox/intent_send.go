package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/phantom-paradox/paradox/intent"
)

type intentSendCmd struct {
	File         string `arg:"" help:"Of signed intents as JSON, one after the other; - is standard input."`
	handingFlags `embed:""`
}

// Help is what --help says besides.
func (intentSendCmd) Help() string {
	return `What --offline of the other commands printed. Every signature is checked here before anything is handed in; nothing is signed.`
}

func (s intentSendCmd) Run(ctx context.Context, a *app) error {
	k, err := s.open(a, false)
	if err != nil {
		return err
	}
	defer k.close()
	list, err := s.read(k)
	if err != nil {
		return err
	}
	show := func(w io.Writer) {
		for _, i := range list {
			text, _ := i.Text(k.net) // it was verified over it
			showText(w, text)
			fmt.Fprintln(w)
		}
	}
	if err := a.confirm(s.Yes, show); err != nil {
		return err
	}
	return s.handIn(ctx, k, list)
}

func (s intentSendCmd) read(k *clerk) ([]*intent.Signed, error) {
	in := k.a.in
	if s.File != "-" {
		f, err := os.Open(s.File)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInput, err)
		}
		defer f.Close()
		in = f
	}
	d := json.NewDecoder(io.LimitReader(in, intent.MaxListLen*intent.MaxJSONBytes))
	var list []*intent.Signed
	for {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: intent %d is no JSON: %w", errInput, s.File, len(list)+1, err)
		}
		i, err := k.parseSigned(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: intent %d: %w", s.File, len(list)+1, err)
		}
		list = append(list, i)
	}
	if len(list) == 0 || len(list) > intent.MaxListLen {
		return nil, fmt.Errorf("%w: %s holds %d intents; 1 to %d can be handed in at once", errInput, s.File, len(list), intent.MaxListLen)
	}
	return list, nil
}

type intentShowCmd struct {
	ID           string `arg:"" help:"Of the intent: bafkrei…"`
	handingFlags `embed:""`
}

func (s intentShowCmd) Run(ctx context.Context, a *app) error {
	id, err := intent.ParseID(s.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	k, err := s.open(a, false)
	if err != nil {
		return err
	}
	defer k.close()
	st, err := k.node.Intent(ctx, id)
	if err != nil {
		return k.unreached(err)
	}
	h := handed{ID: id}
	k.fill(&h, st)
	var failed error
	if s.Wait != "" {
		ctx, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		h.Transactions = nil
		failed = k.await(ctx, &h, s.Wait)
	}
	if i, err := k.known(ctx, id); err == nil {
		h.Text, _ = i.Text(k.net) // it was verified over it
	}
	if !a.json && h.Text != "" {
		fmt.Fprintf(a.out, "%s\n\n", h.Text)
	}
	return errors.Join(k.print([]handed{h}), failed)
}
