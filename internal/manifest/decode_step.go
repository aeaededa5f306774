package manifest

import (
	"slices"
	"strings"

	"upkeep/internal/document"
)

// Verbs are the verbs of the grammar. Later versions carry out those that
// this one refuses with "not yet".
func Verbs() []string {
	return []string{"access", "backup", "clean-up", "config", "drain", "hold", "hooks", "install", "migrate", "notify", "reboot", "record",
		"restart", "rollout", "run", "start", "stop", "tell", "verify", "wait"}
}

// Sources are the sources of probes of the grammar.
func Sources() []string {
	return []string{"access", "age", "ask", "command", "drift", "exists", "feed", "file", "free", "http", "inventory", "lock", "log", "newest",
		"open-files", "package", "pending-restart", "port", "process", "registry", "service", "sql", "sum", "tls", "writable"}
}

// modifiers are the keys that any step may have beside its verb.
var modifiers = [...]string{"id", "role", "as", "when", "verify", "undo", "once", "repeatable", "within", "retry", "retry-from", "optional", "on-failure",
	"after", "to", "until", "during", "or", "outage", "outputs", "reference", "title", "scripts"}

func (d *decoder) optionalStep(m *document.MapDecoder, key string) *Step {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	s := d.step(n)
	return &s
}

func (d *decoder) step(n *document.Node) Step {
	m := d.Map(n, "a step")
	s := Step{Pos: n.Pos}
	if m.Bad() {
		return s
	}
	s.Verb = d.verb(n)
	d.argument(m, &s)
	s.ID, s.Role, s.As = m.String("id"), m.OneOrMany("role"), m.String("as")
	s.When, s.Undo = d.optionalWhen(m, "when"), d.undo(m)
	if s.Verb != "verify" {
		s.Verify = list(m, "verify", d.probe)
	}
	s.Once, s.Repeatable, s.Within = m.String("once"), m.Bool("repeatable"), m.Duration("within")
	if r := m.Map("retry"); r != nil {
		s.Retry = &Retry{Times: r.Int("times", 1, 100), Every: r.Duration("every")}
		r.Required("times")
		r.Done()
	}
	s.RetryFrom, s.Optional, s.OnFailure = m.String("retry-from"), m.Bool("optional"), m.OneOf("on-failure", "back", "warn")
	s.After, s.To, s.Until = m.String("after"), m.String("to"), m.String("until")
	s.During, s.Or = list(m, "during", d.step), d.optionalStep(m, "or")
	s.Outage, s.Outputs = m.Duration("outage"), m.Strings("outputs")
	s.Reference, s.Title, s.Scripts = m.String("reference"), m.String("title"), m.String("scripts")
	m.Done()
	return s
}

// verb finds the one verb of a step. Run and tell may be the method of
// another verb, and verify may follow one.
func (d *decoder) verb(n *document.Node) string {
	var found []string
	for _, p := range n.Pairs {
		if slices.Contains(Verbs(), p.Key.Value) {
			found = append(found, p.Key.Value)
		}
	}
	for _, method := range []string{"verify", "tell", "run"} {
		if len(found) > 1 {
			found = slices.DeleteFunc(found, func(v string) bool { return v == method })
		}
	}
	switch len(found) {
	case 1:
		return found[0]
	case 0:
		hint := "name one: " + strings.Join(Verbs(), ", ")
		for _, p := range n.Pairs {
			if !slices.Contains(modifiers[:], p.Key.Value) {
				d.Errorf(p.Key.Pos, hint, "unknown verb %q", p.Key.Value)
				return ""
			}
		}
		d.Errorf(n.Pos, hint, "a step without a verb")
	default:
		d.Errorf(n.Pos, "make a step of each", "a step with two verbs: %s and %s", found[0], found[1])
		return found[0]
	}
	return ""
}

// argument reads what the verb acts on, and the method.
func (d *decoder) argument(m *document.MapDecoder, s *Step) {
	m.Known(s.Verb)
	n := m.Get(s.Verb)
	switch {
	case n == nil:
	case s.Verb == "drain" && n.Kind == document.Map:
		p := d.probe(n)
		s.Probe = &p
	case s.Verb == "verify" && n.Kind == document.Map:
		p := d.probe(n)
		s.Probe = &p
	case s.Verb == "verify" && n.Kind == document.List:
		for _, item := range n.Items {
			s.Verify = append(s.Verify, d.probe(item))
		}
	case n.Kind == document.Map:
		s.Map = map[string]string{}
		d.Map(n, s.Verb).Each(func(name string, _, value *document.Node) { s.Map[name] = d.Scalar(value, name) })
	case s.Verb == "tell":
		s.Tell = d.String(n, "tell")
	case s.Verb == "wait":
		s.Args = []string{d.Scalar(n, "wait")}
	default:
		s.Args = d.OneOrMany(n, s.Verb)
	}
	if s.Verb != "run" {
		s.Run = m.Strings("run")
	}
	if s.Verb != "tell" {
		s.Tell = m.String("tell")
	}
}

func (d *decoder) undo(m *document.MapDecoder) *Undo {
	n := m.Get("undo")
	switch {
	case n == nil:
		return nil
	case n.Kind == document.Map:
		s := d.step(n)
		return &Undo{How: "action", Step: &s}
	}
	return &Undo{How: d.OneOf(n, "undo", "restore", "none")}
}

func (d *decoder) optionalProbe(m *document.MapDecoder, key string) *Probe {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	p := d.probe(n)
	return &p
}

// extras are the further keys of single sources.
var extras = [...]string{"method", "body", "status", "user", "password", "header", "timeout", "name", "cwd"}

func (d *decoder) probe(n *document.Node) Probe {
	m := d.Map(n, "a probe")
	p := Probe{Pos: n.Pos}
	if m.Bad() {
		return p
	}
	for _, pair := range n.Pairs {
		if !slices.Contains(Sources(), pair.Key.Value) {
			continue
		}
		if p.Source != "" {
			d.Errorf(pair.Key.Pos, "make a probe of each", "a probe with two sources: %s and %s", p.Source, pair.Key.Value)
			continue
		}
		p.Source = pair.Key.Value
		switch pair.Value.Kind {
		case document.List:
			p.Args = d.Strings(pair.Value, p.Source)
		default:
			p.Args = []string{d.Scalar(pair.Value, p.Source)}
		}
	}
	m.Known(Sources()...)
	if p.Source == "" {
		d.Errorf(n.Pos, "name one: "+strings.Join(Sources(), ", "), "a probe without a source")
	}
	p.In, p.Select, p.As, p.Role = m.String("in"), m.String("select"), m.String("as"), m.OneOrMany("role")
	if e := m.Get("expect"); e != nil {
		if e.Kind == document.List {
			for _, item := range e.Items {
				p.Expect.AnyOf = append(p.Expect.AnyOf, d.Scalar(item, "expect"))
			}
		} else {
			p.Expect.AnyOf = []string{d.Scalar(e, "expect")}
		}
	}
	for _, key := range extras {
		if m.Has(key) {
			if p.Params == nil {
				p.Params = map[string]string{}
			}
			p.Params[key] = m.Scalar(key)
		}
	}
	m.Done()
	return p
}

func (d *decoder) optionalWhen(m *document.MapDecoder, key string) *When {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	w := d.when(n)
	return &w
}

func (d *decoder) when(n *document.Node) When {
	m := d.Map(n, "a condition")
	w := When{Pos: n.Pos}
	if m.Bad() {
		return w
	}
	w.Param, w.Fact, w.Crosses = m.String("param"), m.String("fact"), m.String("crosses")
	w.Trigger, w.Present, w.Is = m.String("trigger"), m.String("present"), m.Scalar("is")
	w.All, w.Any = list(m, "all", d.when), list(m, "any", d.when)
	w.Not = d.optionalWhen(m, "not")
	n2 := 0
	for _, set := range []bool{w.Param != "", w.Fact != "", w.Crosses != "", w.Trigger != "", w.Present != "", w.All != nil, w.Any != nil, w.Not != nil} {
		if set {
			n2++
		}
	}
	if n2 != 1 {
		d.Errorf(n.Pos, "join several with all: […] or any: […]", "a condition needs exactly one of param, fact, crosses, trigger, present, all, any, not")
	}
	m.Done()
	return w
}
