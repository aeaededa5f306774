package site

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"upkeep/internal/document"
	"upkeep/internal/manifest"
)

// Decode reads an installation document. Every mistake is reported, as
// document.Errors sorted by place; then there is no installation. A secret that
// is written in the document is a mistake, and is in no message.
func Decode(src document.Source, nodes []*document.Node) (*Installation, error) {
	d := decoder{document.NewDecoder(src)}
	var in *Installation
	for _, n := range nodes {
		switch {
		case n.Kind == document.Null:
		case n.Get("installation") == nil:
			d.Errorf(n.Pos, "begin it with installation: {id: NAME, product: ID}", "this is not an installation document")
		case in != nil:
			d.Errorf(n.Pos, "write each into a file of its own", "a second installation document")
		default:
			d.hideParams(n)
			in = d.installation(n)
			d.NoSecrets(n)
		}
	}
	if in == nil && d.Failed() == 0 {
		d.Errorf(document.Pos{File: src.Name}, "begin it with installation: {id: NAME, product: ID}", "the installation document is empty")
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return in, nil
}

type decoder struct{ *document.Decoder }

// hideParams keeps the values of parameters whose names speak of a secret out
// of whatever is said about the document.
func (d decoder) hideParams(n *document.Node) {
	if params := n.Get("params"); params != nil {
		for _, p := range params.Pairs {
			if document.SecretName(p.Key.Value) {
				d.Hide(p.Value)
			}
		}
	}
}

// installationID can be a name everywhere: of a folder, of rules of the gate,
// of a control group.
var installationID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

func (d decoder) installation(n *document.Node) *Installation {
	m := d.Map(n, "an installation document")
	in := &Installation{Pos: n.Pos}
	if head := m.Map("installation"); head != nil {
		in.Pos = head.Pos()
		head.Required("id", "product")
		in.ID, in.Product, in.State = head.String("id"), head.String("product"), d.text(head, "state")
		if in.ID != "" && !installationID.MatchString(in.ID) {
			d.Errorf(head.Get("id").Pos, "use a-z, 0-9, - and _, at most 32 of them", "the installation cannot be called %q", in.ID)
		}
		head.Done()
	}
	if b := m.Map("backup"); b != nil {
		in.Backup = d.backup(b)
	}
	if f := m.Map("feed"); f != nil {
		in.Feed = d.feed(f)
	}
	d.trust(m, in)
	d.nodes(m, in)
	d.instances(m, in)
	if params := m.Map("params"); params != nil {
		in.Params = map[string]Value{}
		params.Each(func(id string, _, v *document.Node) { in.Params[id] = d.value(id, v) })
	}
	in.Choices = m.Strings("choices")
	d.waivers(m, in)
	d.edited(m, in)
	d.hooks(m, in)
	in.Notify = d.command(m, "notify")
	in.TimeZone = d.zone(m)
	d.windows(m, in)
	d.freezes(m, in)
	d.whenAutomatic(m, in)
	d.notifications(m, in)
	d.gate(m, in)
	in.OnFailure = m.OneOf("on-failure", "origin", "stay")
	in.Rehearse = m.OneOf("rehearse", "data")
	if l := m.Map("limits"); l != nil {
		in.Limits = map[string]time.Duration{}
		l.Each(func(id string, k, v *document.Node) {
			if in.Limits[id] = d.Duration(v, "the limit of "+id); in.Limits[id] == 0 && v.Value != "" && v.Value[0] == '0' {
				d.Errorf(v.Pos, "", "the limit of %s is zero", id)
			}
		})
	}
	in.Places = manifest.PlacesOf(n, "instances", "edited", "limits")
	m.Done()
	return in
}

// text reads a text that must not be empty.
func (d decoder) text(m *document.MapDecoder, key string) string {
	s, n := m.String(key), m.Get(key)
	if n != nil && n.Kind == document.Scalar && n.Value == "" {
		d.Errorf(n.Pos, "give it a value or remove the key", "%q is empty", key)
	}
	return s
}

// command reads a command, which is a list and begins with a program.
func (d decoder) command(m *document.MapDecoder, key string) []string {
	n := m.Get(key)
	switch {
	case n == nil:
		return nil
	case n.Kind == document.Scalar:
		d.Errorf(n.Pos, "write it as a list: [PROGRAM, ARGUMENT, …]", "%q must be a list: commands run without a shell", key)
		return nil
	case n.Kind == document.List && (len(n.Items) == 0 || (n.Items[0].Kind == document.Scalar && n.Items[0].Value == "")):
		d.Errorf(n.Pos, "", "%q needs a program", key)
	}
	return m.Strings(key)
}

func (d decoder) nodes(m *document.MapDecoder, in *Installation) {
	child := m.Map("nodes")
	if child == nil {
		return
	}
	in.Nodes = map[string]Node{}
	child.Each(func(id string, k, v *document.Node) {
		if !installationID.MatchString(id) {
			d.Errorf(k.Pos, "use a-z, 0-9, - and _, at most 32 of them", "a node cannot be called %q", id)
		}
		n := d.Map(v, "node "+id)
		in.Nodes[id] = Node{Pos: v.Pos, Address: d.text(n, "address"), Roles: n.Strings("roles")}
		n.Done()
	})
}

func (d decoder) instances(m *document.MapDecoder, in *Installation) {
	child := m.Map("instances")
	if child == nil {
		return
	}
	in.Instances = map[string][]Place{}
	child.Each(func(component string, _, v *document.Node) {
		seen := map[string]bool{}
		for _, item := range d.List(v, "the instances of "+component) {
			i := d.Map(item, "an instance")
			p := Place{Pos: item.Pos, ID: d.text(i, "id"), At: d.text(i, "at")}
			if p.ID != "" && seen[p.ID] {
				d.Errorf(item.Pos, "", "two instances of %s are called %q", component, p.ID)
			}
			seen[p.ID] = true
			in.Instances[component] = append(in.Instances[component], p)
			i.Done()
		}
	})
}

// environmentName as POSIX has it.
var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// value reads a parameter: a value, or a reference to a secret.
func (d decoder) value(id string, n *document.Node) Value {
	v := Value{Pos: n.Pos}
	switch {
	case n.Kind == document.Map || document.SecretName(id):
		file, env := d.SecretRef(n, "parameter "+id)
		if env != "" && !environmentName.MatchString(env) {
			d.Errorf(n.Pos, "", "parameter %s: %q is no name of an environment variable", id, env)
		}
		v.Ref = &SecretRef{File: file, Env: env}
	default:
		v.Text = manifest.Literal(d.Decoder, n, "parameter "+id)
	}
	return v
}

func (d decoder) waivers(m *document.MapDecoder, in *Installation) {
	child := m.Map("waivers")
	if child == nil {
		return
	}
	in.Waivers = map[string]Waiver{}
	child.Each(func(check string, _, v *document.Node) {
		w := d.Map(v, "a waiver")
		w.Required("by", "why")
		in.Waivers[check] = Waiver{Pos: v.Pos, By: d.text(w, "by"), Why: d.text(w, "why"), Until: w.String("until")}
		if until := in.Waivers[check].Until; until != "" {
			if _, err := time.Parse(time.DateOnly, until); err != nil {
				d.Errorf(w.Get("until").Pos, `write "2026-01-31"`, `"until" must be a date, not %q`, until)
			}
		}
		w.Done()
	})
}

func (d decoder) edited(m *document.MapDecoder, in *Installation) {
	child := m.Map("edited")
	if child == nil {
		return
	}
	in.Edited = map[string]string{}
	child.Each(func(file string, _, v *document.Node) {
		in.Edited[file] = d.OneOf(v, fmt.Sprintf("what becomes of %q", file), "keep-aside", "discard", "keep", "merge")
	})
}

func (d decoder) hooks(m *document.MapDecoder, in *Installation) {
	for _, n := range m.List("hooks") {
		h := d.Map(n, "a hook folder")
		h.Required("dir", "name", "phase")
		in.Hooks = append(in.Hooks, Hook{Pos: n.Pos, Dir: d.text(h, "dir"), Name: d.text(h, "name"),
			Phase: manifest.HookPhase(d.Decoder, h.Get("phase")), As: d.text(h, "as"), Repeatable: h.Bool("repeatable")})
		h.Done()
	}
}

func (d decoder) gate(m *document.MapDecoder, in *Installation) {
	g := m.Map("gate")
	if g == nil {
		return
	}
	in.Gate.Use = g.OneOf("use", "auto", "never")
	for _, n := range g.List("ports") {
		port := manifest.Literal(d.Decoder, n, "a port")
		if port != "" && !strings.Contains(port, "${") && !validPort(port) {
			d.Errorf(n.Pos, "", "%q is not a port: it must be from 1 to 65535", port)
		}
		in.Gate.Ports = append(in.Gate.Ports, port)
	}
	g.Done()
}

func validPort(s string) bool {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= 1 && n <= 65535
}
