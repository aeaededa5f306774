package manifest

import (
	"slices"
	"strings"

	"upkeep/internal/document"
)

// SourceKeys gives the sources of probes with the keys that each takes beside
// those of every probe. "header." stands for every key that begins so.
func SourceKeys() map[string][]string {
	return map[string][]string{
		"access": nil, "account": nil, "address": nil, "age": {"format"}, "ask": nil, "block-device": nil, "clock": nil, "command": {"format"}, "cpu": nil, "dns": nil,
		"drift": nil, "exists": nil, "feed": nil, "file": {"format"}, "free": nil, "group": nil,
		"http":   {"format", "method", "body", "status", "user", "password", "secret-header", "redirects", "header."},
		"inodes": nil, "inventory": {"from", "format", "item", "state", "depends"}, "kernel-module": nil, "last-run": nil, "limits": {"name", "user"}, "lock": nil,
		"log": {"level", "since"}, "memory": nil, "mount": nil, "newest": {"name"}, "open-files": nil, "os": nil, "package": nil, "pending-restart": nil,
		"port": nil, "process": {"name", "user"}, "redis": {"user", "password"}, "registry": nil, "service": nil, "sql": {"in"}, "sum": nil, "sysctl": nil,
		"tcp": nil, "timer": nil, "tls": {"ca", "name"}, "udp": nil, "writable": nil,
	}
}

// Sources lists the sources of probes that the grammar knows, sorted.
func Sources() []string {
	var all []string
	for s := range SourceKeys() {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// probeIn reads a probe under a key; nil when the key is absent.
func (d decoder) probeIn(m *document.MapDecoder, key string) *Probe {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	p := d.probe(n)
	return &p
}

func (d decoder) probe(n *document.Node) Probe {
	m := d.Map(n, "a probe")
	p := Probe{Pos: n.Pos}
	if m.Bad() {
		return p
	}
	table := SourceKeys()
	var found []string
	for _, pair := range n.Pairs {
		if _, ok := table[pair.Key.Value]; ok {
			found = append(found, pair.Key.Value)
		}
	}
	before := d.Failed()
	switch len(found) {
	case 0:
		m.Known(Sources()...)
	case 1:
		p.Source = found[0]
		d.probeArgs(&p, m)
	default:
		d.Errorf(n.Pos, "", "a probe has one source, not %s", strings.Join(found, " and "))
		m.Known(found...)
	}
	p.Select, p.As, p.Role = d.text(m, "select"), m.String("as"), m.OneOrMany("role")
	if e := m.Get("expect"); e != nil {
		p.Expect = Expect{AnyOf: d.literals(e, `"expect"`)}
		if len(p.Expect.AnyOf) == 0 {
			d.Errorf(e.Pos, "write none for no value", `"expect" is empty`)
		}
	}
	d.probeParams(&p, m, n, table[p.Source])
	m.Done()
	if len(found) == 0 && d.Failed() == before { // an unknown key may be meant as the source
		d.Errorf(n.Pos, "sources: "+strings.Join(Sources(), ", "), "a probe needs a source")
	}
	return p
}

// probeArgs reads the argument of a probe's source.
func (d decoder) probeArgs(p *Probe, m *document.MapDecoder) {
	n := m.Get(p.Source)
	switch p.Source {
	case "command":
		p.Args = d.args(n, "command")
	case "port", "udp":
		p.Args = []string{d.literal(n, `"`+p.Source+`"`)}
	case "log":
		if n.Kind != document.List {
			p.Args = []string{d.text(m, "log")}
			break
		}
		if p.Args = d.OneOrMany(n, `"log"`); len(n.Items) == 0 || slices.Contains(p.Args, "") {
			d.Errorf(n.Pos, "", `"log" needs the path of a log`)
		}
	default:
		p.Args = []string{d.text(m, p.Source)}
	}
}

func (d decoder) probeParams(p *Probe, m *document.MapDecoder, n *document.Node, keys []string) {
	set := func(key, value string) {
		if p.Params == nil {
			p.Params = map[string]string{}
		}
		p.Params[key] = value
	}
	if m.Has("timeout") {
		m.Duration("timeout")
		set("timeout", m.Scalar("timeout"))
	}
	if m.Has("compare") {
		set("compare", m.OneOf("compare", "version", "number", "size", "time", "duration"))
	}
	for _, key := range keys {
		switch {
		case key == "in":
			p.In = m.String("in")
		case key == "from":
			p.From = d.probeIn(m, "from")
		case key == "header.":
			for _, pair := range n.Pairs {
				if strings.HasPrefix(pair.Key.Value, key) && len(pair.Key.Value) > len(key) {
					set(pair.Key.Value, m.String(pair.Key.Value))
				}
			}
		case key == "password" && m.Has(key):
			set(key, d.secret(m.Get(key)))
		case m.Has(key):
			set(key, d.literal(m.Get(key), key))
		}
	}
}

// secret reads a value that must be a reference to a secret parameter.
func (d decoder) secret(n *document.Node) string {
	s := d.Scalar(n, `"password"`)
	if n.Kind == document.Scalar && (!strings.HasPrefix(s, "${param.") || strings.Index(s, "}") != len(s)-1) {
		d.Hide(n)
		d.Errorf(n.Pos, `declare a parameter of type secret and write "${param.NAME}"`, "a password is written in the document")
		return ""
	}
	return s
}

// Conditions lists the words of a condition, of which each has exactly one.
func Conditions() []string {
	return []string{"param", "fact", "crosses", "trigger", "mode", "present", "all", "any", "not"}
}

func (d decoder) when(n *document.Node) *When {
	if n == nil {
		return nil
	}
	m := d.Map(n, "a condition")
	w := &When{Pos: n.Pos, Param: d.text(m, "param"), Fact: d.text(m, "fact"), Crosses: d.text(m, "crosses"), Trigger: d.text(m, "trigger"),
		Mode:    m.OneOf("mode", "install", "upgrade"),
		Present: d.text(m, "present"), Not: d.when(m.Get("not"))}
	if is := m.Get("is"); is != nil {
		w.Is = d.literal(is, `"is"`)
		if !m.Has("param") && !m.Has("fact") {
			d.Errorf(is.Pos, "", `"is" compares a param or a fact`)
		}
	}
	for _, item := range m.List("all") {
		w.All = append(w.All, *d.when(item))
	}
	for _, item := range m.List("any") {
		w.Any = append(w.Any, *d.when(item))
	}
	count := 0
	for _, word := range Conditions() {
		if m.Has(word) {
			count++
		}
	}
	if count != 1 && !m.Bad() {
		d.Errorf(n.Pos, "combine several with all: [ … ] or any: [ … ]", "a condition has exactly one of %s", strings.Join(Conditions(), ", "))
	}
	m.Done()
	return w
}
