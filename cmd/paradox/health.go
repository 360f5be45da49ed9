package main

import (
	"context"
	"fmt"
	"io"
)

type healthCmd struct {
	asking `embed:""`
}

func (h healthCmd) Run(ctx context.Context, a *app) error {
	c, err := h.client(a)
	if err != nil {
		return err
	}
	defer c.Close()
	health, err := c.Health(ctx)
	if err != nil {
		return h.unreached(err)
	}
	err = a.print(health, func(w io.Writer) {
		fmt.Fprintln(w, health.Status)
		for _, check := range health.Checks {
			a.finding(w, check.Name, check.Status, check.Detail, check.Remedy)
		}
	})
	if err == nil && health.Status == "unhealthy" {
		err = fmt.Errorf("%w: %s", errUnhealthy, c.Address())
	}
	return err
}
