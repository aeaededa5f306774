package access

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/gate"
	"upkeep/internal/plan"
)

// closed is the gate. It is always Upkeep's own: one that is up before was
// left by a run that is over.
type closed struct {
	gate Gate
	p    *plan.AccessParams
}

func (c *closed) ports() ([]uint16, error) {
	var out []uint16
	for _, text := range c.p.Gate.Ports {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("cannot close the port %q: it is no number from 1 to 65535", text)
		}
		out = append(out, uint16(n))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (c *closed) look(ctx context.Context) (bool, string, error) {
	st, err := c.gate.State(ctx, c.p.Gate.Name)
	switch {
	case err != nil:
		return false, "", err
	case !st.Up:
		return false, "the gate is open", nil
	}
	var list []string
	for _, p := range st.Ports {
		list = append(list, strconv.Itoa(int(p)))
	}
	return true, "the gate is closed: port " + strings.Join(list, ", "), nil
}

func (c *closed) remember(*memo) error {
	_, err := c.ports()
	return err
}

func (c *closed) enter(ctx context.Context, m *memo) error {
	ports, err := c.ports()
	if err != nil {
		return err
	}
	return c.gate.Up(ctx, gate.Spec{Name: c.p.Gate.Name, Ports: ports,
		Page: told(&c.p.Gate.Told, c.p.Reason, m.Ends)})
}

func (c *closed) leave(ctx context.Context) error { return c.gate.Down(ctx, c.p.Gate.Name) }

func (c *closed) restore(ctx context.Context, _ *memo) error { return c.leave(ctx) }

// unlike: a gate of an engine that died keeps users out, but has no page for
// them until it is put up again.
func (c *closed) unlike(ctx context.Context, _ *memo, on bool) (string, error) {
	if !on {
		return "", nil
	}
	st, err := c.gate.State(ctx, c.p.Gate.Name)
	if err != nil {
		return "", err
	}
	ports, err := c.ports()
	switch {
	case err != nil:
		return "", err
	case !slices.Equal(st.Ports, ports):
		return fmt.Sprintf("the ports to close are %v", ports), nil
	case !st.Answering:
		return "nobody shows the outage page", nil
	}
	return "", nil
}

// told is the page of a run.
func told(t *plan.Told, reason string, ends time.Time) gate.Page {
	return gate.Page{Product: t.Product, Doing: gate.Doing(t.Doing), To: t.To, Reason: reason, ExpectedEnd: ends}
}
