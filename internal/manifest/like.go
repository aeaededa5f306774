package manifest

import "slices"

// like lets a component take over what another one says. Its own keys win.
func (d decoder) like(p *Product) {
	written := make(map[string]Component, len(p.Components))
	for id, c := range p.Components {
		written[id] = c
	}
	for _, id := range p.Order {
		c := p.Components[id]
		seen := []string{id}
		for next := c.Like; next != ""; {
			base, ok := written[next]
			switch {
			case !ok:
				d.Errorf(c.Pos, "", "component %s is like %q, which is no component", id, next)
			case slices.Contains(seen, next):
				d.Errorf(c.Pos, "", "component %s is like itself", id)
			}
			if !ok || slices.Contains(seen, next) {
				break
			}
			seen, next = append(seen, next), base.Like
			c = c.over(base)
		}
		p.Components[id] = c
	}
}

// over fills what c does not say from base. Names stay c's own.
func (c Component) over(base Component) Component {
	fill(&c.Kind, base.Kind)
	fill(&c.Role, base.Role)
	fill(&c.Migrates, base.Migrates)
	fill(&c.Transfer, base.Transfer)
	if c.At == (At{}) {
		c.At = base.At
	}
	fillPtr(&c.Version, base.Version)
	fillPtr(&c.Config, base.Config)
	fillPtr(&c.Review, base.Review)
	fillPtr(&c.Standard, base.Standard)
	for _, f := range []struct {
		to   *[]string
		from []string
	}{{&c.Keep, base.Keep}, {&c.Depends, base.Depends}, {&c.Conflicts, base.Conflicts}, {&c.Packages, base.Packages}, {&c.Footprint, base.Footprint}} {
		if *f.to == nil {
			*f.to = slices.Clone(f.from)
		}
	}
	c.Independent = c.Independent || base.Independent
	c.AllTogether = c.AllTogether || base.AllTogether
	return c
}

func fill(to *string, from string) {
	if *to == "" {
		*to = from
	}
}

func fillPtr[T any](to **T, from *T) {
	if *to == nil {
		*to = from
	}
}
