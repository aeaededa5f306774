package manage

import (
	"errors"
	"slices"
	"strings"

	"upkeep/internal/feed/told"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
)

// unfitProbes finds the probes that can be evaluated on no computer: with an
// expectation that nothing meets, a selector that is none. What depends on
// parameters and places is left to the day when they are known.
func unfitProbes(p *manifest.Product, r *manifest.Release) []manifest.Finding {
	var found []manifest.Finding
	manifest.EachProbe(p, r, func(m manifest.Probe) {
		bare, whole := bareProbe(p, m)
		if !whole {
			return
		}
		err := probe.Validate(bare)
		var own *probe.Error
		if errors.Is(err, probe.ErrMalformed) && errors.As(err, &own) {
			found = append(found, manifest.Finding{Pos: m.Pos, ID: "unfit-probe", Level: manifest.LevelError, Msg: "probe " + m.Source + ": " + own.Err.Error()})
		}
	})
	if p != nil && p.Feed != nil {
		if err := unfitFeed(p); err != nil {
			found = append(found, manifest.Finding{Pos: p.Feed.Pos, ID: "unfit-feed", Level: manifest.LevelError, Msg: "the feed: " + err.Error()})
		}
	}
	return found
}

// unfitFeed says why a feed can be read on no computer.
func unfitFeed(p *manifest.Product) error {
	m := manifest.Probe{Source: "http", Args: []string{p.Feed.HTTP}}
	if len(p.Feed.Command) > 0 {
		m = manifest.Probe{Source: "command", Args: p.Feed.Command}
	}
	bare, whole := bareProbe(p, m)
	if !whole {
		bare.Args = []string{"http://localhost/"} // the address is known on the day; what is taken out of it is known now
	}
	return told.Source{Probe: bare, Format: p.Feed.Format, Select: p.Feed.Select, Published: p.Feed.Published}.Check()
}

// bareProbe is a probe as far as a document says it; not whole where it holds
// references.
func bareProbe(p *manifest.Product, m manifest.Probe) (bare plan.Probe, whole bool) {
	bare = plan.Probe{Source: m.Source, Args: m.Args, Select: m.Select, Expect: m.Expect.AnyOf, As: m.As}
	if p != nil {
		bare.Order, bare.Versions = p.Versions.Name, p.Versions.List
	}
	texts := slices.Concat(m.Args, m.Expect.AnyOf, []string{m.Select, m.As})
	for key, text := range m.Params {
		if key == "password" {
			bare.Password = &plan.SecretRef{}
			continue
		}
		if bare.Params == nil {
			bare.Params = map[string]string{}
		}
		bare.Params[key] = text
		texts = append(texts, text)
	}
	switch m.Source {
	case "sql", "drift":
		bare.DB = &plan.Database{}
	case "service":
		bare.Service = &plan.Service{}
	}
	whole = !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "${") })
	if m.From != nil {
		from, ok := bareProbe(p, *m.From)
		bare.From, whole = &from, whole && ok
	}
	return bare, whole
}
