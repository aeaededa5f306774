package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/document"
)

// Verbs lists the verbs of the grammar, in the order of the procedure.
func Verbs() []string {
	return []string{"notify", "access", "hold", "drain", "record", "backup", "stop", "start", "restart", "install", "migrate", "run",
		"hooks", "verify", "clean-up", "tell", "rollout", "reboot", "wait", "config", "upgrade"}
}

// Methods lists the verbs that a command (run) or a person (tell) can carry out
// instead of Upkeep.
func Methods() []string {
	return []string{"notify", "backup", "stop", "start", "restart", "install", "migrate", "clean-up", "rollout", "reboot", "config"}
}

// OwnKeys gives the keys of a step that belong to some verbs only.
func OwnKeys() map[string][]string {
	return map[string][]string{
		"to": {"hold"}, "until": {"hold"}, "during": {"access", "hold"}, "or": {"drain"}, "outage": {"notify"}, "scripts": {"migrate"}, "client": {"migrate"}, "soak": {"migrate"},
		"outputs": {"run", "install", "migrate", "config"},
	}
}

// Again is what can be said of the verb upgrade: the last one that failed.
const Again = "again"

// HoldKinds lists the things that a hold can change.
func HoldKinds() []string { return []string{"service", "setting", "start-type", "pools"} }

func (d decoder) stepIn(m *document.MapDecoder, key string) *Step {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	s := d.step(n)
	return &s
}

func (d decoder) step(n *document.Node) Step {
	s := Step{Pos: n.Pos}
	m := d.Map(n, "a step")
	if m.Bad() {
		return s
	}
	before := d.Failed()
	s.Verb = d.verb(m, n)
	d.verbArgs(&s, m)
	s.ID = d.idKey(m, "id", "a step")
	s.Of = m.Strings("of")
	s.Role, s.As, s.When, s.Undo = m.OneOrMany("role"), d.text(m, "as"), d.when(m.Get("when")), d.undo(m.Get("undo"))
	s.Once = d.idKey(m, "once", "a once-only step")
	s.Repeatable, s.Within, s.Optional = m.Bool("repeatable"), m.Duration("within"), m.Bool("optional")
	s.RetryFrom, s.After = d.text(m, "retry-from"), d.text(m, "after")
	s.OnFailure = m.OneOf("on-failure", "back", "warn", "continue")
	s.Reference, s.Title = m.String("reference"), m.String("title")
	s.To, s.Scripts = d.text(m, "to"), d.text(m, "scripts")
	s.Client, s.Soak = m.OneOf("client", "native"), m.Duration("soak")
	s.Until, s.Lasting = d.until(m)
	s.During, s.Or = each(m, "during", d.step), d.stepIn(m, "or")
	s.Outage, s.Outputs = m.Duration("outage"), m.Strings("outputs")
	if s.Verb != "verify" {
		s.Verify = each(m, "verify", d.probe)
	}
	if r := m.Map("retry"); r != nil {
		r.Required("times", "every")
		s.Retry = &Retry{Times: r.Int("times", 1, 100), Every: r.Duration("every")}
		r.Done()
	}
	if s.Verb != "" {
		d.belongs(s.Verb, m)
	}
	m.Known(Verbs()...)
	m.Done()
	if s.Verb == "" && d.Failed() == before { // an unknown key may be meant as the verb
		d.Errorf(n.Pos, "verbs: "+strings.Join(Verbs(), ", "), "a step needs a verb")
	}
	return s
}

// verb finds the one verb of a step, "" when there is none or several. run and tell are methods beside another
// one, and verify beside another one is what the step's effect is read by.
func (d decoder) verb(m *document.MapDecoder, n *document.Node) string {
	var verbs []string
	for _, p := range n.Pairs {
		if key := p.Key.Value; slices.Contains(Verbs(), key) && key != "run" && key != "tell" && key != "verify" {
			verbs = append(verbs, key)
		}
	}
	method := ""
	switch {
	case m.Has("run") && m.Has("tell"):
		d.Errorf(n.Pos, "make two steps of it", "a step is done by a command (run) or a person (tell), not both")
		return ""
	case m.Has("run"):
		method = "run"
	case m.Has("tell"):
		method = "tell"
	}
	switch {
	case len(verbs) > 1:
		d.Errorf(n.Pos, "make a step of each", "a step has one verb, not %s", strings.Join(verbs, " and "))
		return ""
	case len(verbs) == 1 && method != "" && !slices.Contains(Methods(), verbs[0]):
		d.Errorf(n.Pos, "make two steps of it", "%s is done by Upkeep itself: it takes no %s", verbs[0], method)
		return verbs[0]
	case len(verbs) == 1:
		return verbs[0]
	case method != "":
		return method
	case m.Has("verify"):
		return "verify"
	}
	return ""
}

// verbArgs reads what stands behind the verb.
func (d decoder) verbArgs(s *Step, m *document.MapDecoder) {
	n := m.Get(s.Verb)
	switch s.Verb {
	case "":
		return
	case "run":
		s.Args = d.args(n, "run")
	case "tell":
	case "access", "migrate", "reboot":
		s.Args = []string{d.text(m, s.Verb)}
	case "wait":
		s.Args = []string{m.Scalar("wait")}
		if !strings.Contains(s.Args[0], "${") { // what it is shows only at a site
			m.Duration("wait")
		}
	case "upgrade":
		s.Args = []string{m.OneOf("upgrade", Again)}
	case "drain":
		p := d.probe(n)
		s.Probe = &p
	case "hold":
		s.Map = d.holdTarget(n)
	case "verify":
		if n.Kind == document.Map {
			s.Verify = []Probe{d.probe(n)}
		} else {
			s.Verify = each(m, "verify", d.probe)
		}
	default:
		if s.Args = m.OneOrMany(s.Verb); len(s.Args) == 0 && n.Kind == document.List {
			d.Errorf(n.Pos, "name them, or remove the step", "%q is an empty list", s.Verb)
		}
	}
	if s.Verb != "run" {
		s.Run = d.args(m.Get("run"), "run")
	}
	s.Tell = d.text(m, "tell")
}

func (d decoder) holdTarget(n *document.Node) map[string]string {
	m := d.Map(n, "hold")
	out := map[string]string{}
	for _, kind := range HoldKinds() {
		if m.Has(kind) {
			out[kind] = m.String(kind)
		}
	}
	if len(out) != 1 && !m.Bad() {
		d.Errorf(n.Pos, "", "hold changes exactly one thing: %s", strings.Join(HoldKinds(), ", "))
	}
	m.Done()
	return out
}

// until reads when a hold ends: a word, which lint knows, or a time after the
// run: a span, a day, or a probe that holds then.
func (d decoder) until(m *document.MapDecoder) (string, *Lasting) {
	n := m.Get("until")
	if n != nil && n.Kind == document.Map {
		p := d.probe(n)
		return "", &Lasting{Probe: &p}
	}
	text := d.text(m, "until")
	if isDate(text) {
		return text, &Lasting{On: text}
	}
	switch span, err := document.ParseDuration(text); {
	case err != nil:
		return text, nil
	case span == 0:
		d.Errorf(n.Pos, "write a span such as 30d, or a phase", "a hold that outlives the run lasts longer than %q", text)
		return text, nil
	default:
		return text, &Lasting{For: span}
	}
}

// belongs refuses keys that mean nothing for this verb.
func (d decoder) belongs(verb string, m *document.MapDecoder) {
	table := OwnKeys()
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if n := m.Get(key); n != nil && !slices.Contains(table[key], verb) {
			d.Errorf(n.Pos, "", "%q belongs to %s, not to %s", key, strings.Join(table[key], ", "), verb)
		}
	}
}

func (d decoder) undo(n *document.Node) *Undo {
	switch {
	case n == nil:
		return nil
	case n.Kind == document.Map:
		s := d.step(n)
		return &Undo{How: "action", Step: &s}
	}
	how := d.String(n, `"undo"`)
	if how != "" && how != "restore" && how != "none" {
		d.Errorf(n.Pos, "write restore, none, or a step such as {run: [PROGRAM, …]}", "%s", fmt.Sprintf("%q cannot take a step back", how))
	}
	return &Undo{How: how}
}
