package manifest

import (
	"slices"

	"upkeep/internal/document"
)

func (d decoder) release(n *document.Node) *Release {
	m := d.Map(n, "a release document")
	r := &Release{Pos: n.Pos}
	if head := m.Map("release"); head != nil {
		r.Pos = head.Pos()
		head.Required("product", "version")
		r.Product = d.idKey(head, "product", "a product")
		r.Version, r.Published, r.Notes = d.version(head, "version"), d.date(head, "published"), head.String("notes")
		r.Withdrawn, r.Fix = d.text(head, "withdrawn"), d.fix(head.Get("fix"))
		head.Done()
	}
	if q := m.Map("requires"); q != nil {
		q.Required("upkeep")
		r.Requires = Requires{Pos: q.Pos(), Upkeep: d.version(q, "upkeep")}
		if r.Requires.Upkeep != "" && Upkeeps().Valid(r.Requires.Upkeep) != nil {
			d.Errorf(q.Get("upkeep").Pos, `write the lowest one: "1.4.0"`, "%q is no version of Upkeep", r.Requires.Upkeep)
		}
		q.Done()
	}
	r.Facts, _ = named(d, m, "facts", "a fact", func(_ string, n *document.Node) Probe { return d.probe(n) })
	r.Routes = each(m, "routes", d.route)
	r.Blocked = each(m, "blocked", d.block)
	r.Checks = each(m, "checks", d.check)
	r.Payloads, _ = named(d, m, "payloads", "a component", func(id string, n *document.Node) string { return d.String(n, "payload "+id) })
	r.Versions, _ = named(d, m, "versions", "a component", func(id string, n *document.Node) string { return d.String(n, "version of "+id) })
	r.Procedure = d.procedure(m)
	r.Places = PlacesOf(n, "payloads", "versions")
	m.Done()
	return r
}

// version reads a version: a text, although it often looks like a number.
func (d decoder) version(m *document.MapDecoder, key string) string {
	return d.text(m, key)
}

// date reads an ISO date, YYYY-MM-DD, which must be quoted.
func (d decoder) date(m *document.MapDecoder, key string) string {
	s := m.String(key)
	if s != "" && !isDate(s) {
		d.Errorf(m.Get(key).Pos, `write "2025-11-20"`, "%q must be a date, not %q", key, s)
	}
	return s
}

func (d decoder) check(n *document.Node) Check {
	m := d.Map(n, "a check")
	m.Required("id", "probe")
	c := Check{Pos: n.Pos, ID: d.idKey(m, "id", "a check"), Role: m.OneOrMany("role"),
		Level: m.OneOf("level", "blocker", "warning", "info"), Announce: m.String("announce"), Effect: m.String("effect"),
		When: d.when(m.Get("when")), Fix: each(m, "fix", d.step), Waivable: m.Bool("waivable"),
		Acknowledge: m.OneOf("acknowledge", "each", "all"), Reference: m.String("reference")}
	for _, moment := range m.List("moments") {
		c.Moments = append(c.Moments, d.OneOf(moment, `"moments"`, "open", "check", "begin"))
	}
	if probe := d.probeIn(m, "probe"); probe != nil {
		c.Probe = *probe
	}
	m.Done()
	return c
}

func (d decoder) procedure(m *document.MapDecoder) Procedure {
	child := m.Map("procedure")
	if child == nil {
		return Procedure{}
	}
	p := Procedure{Phases: map[Phase]PhaseSteps{}}
	if n := child.Get(string(Barrier)); n != nil {
		d.Errorf(n.Pos, "what must happen right before it belongs to verify", "the barrier is Upkeep's own: no steps can be added to it")
	}
	for _, phase := range Phases() {
		if n := child.Get(string(phase)); n != nil {
			p.Phases[phase] = d.phaseSteps(phase, n)
		}
	}
	child.Done()
	return p
}

func (d decoder) phaseSteps(phase Phase, n *document.Node) PhaseSteps {
	if n.Kind == document.Scalar {
		if n.Value != "none" {
			d.Errorf(n.Pos, "", "%s must be a list of steps, or none, not %q", phase, n.Value)
		}
		return PhaseSteps{Pos: n.Pos, None: true}
	}
	out := PhaseSteps{Pos: n.Pos}
	for _, item := range d.List(n, string(phase)) {
		s := d.step(item)
		if s.After != "" && phase != Back {
			d.Errorf(item.Pos, "steps run in the order in which they stand", `"after" belongs to steps of back only`)
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

// Facts are the names of all facts of a product and one of its releases, sorted.
func Facts(p *Product, r *Release) []string {
	var all []string
	if p != nil {
		for id := range p.Facts {
			all = append(all, id)
		}
	}
	if r != nil {
		for id := range r.Facts {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
