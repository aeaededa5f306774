package site

import (
	"time"

	"upkeep/internal/document"
)

// Decode reads an installation document. The error is of type
// document.Errors and names every mistake.
func Decode(src document.Source, nodes []*document.Node) (*Installation, error) {
	d := &decoder{document.NewDecoder(src)}
	if len(nodes) != 1 || nodes[0].Get("installation") == nil {
		d.Errorf(document.Pos{File: src.Name, Line: 1, Column: 1}, "begin it with installation: {id: NAME, product: ID}", "this is not an installation document")
		return nil, d.Err()
	}
	in := d.installation(nodes[0])
	return in, d.Err()
}

type decoder struct{ *document.Decoder }

func (d *decoder) installation(n *document.Node) *Installation {
	m := d.Map(n, "an installation document")
	id := m.Map("installation")
	in := &Installation{Pos: n.Pos, ID: id.String("id"), Product: id.String("product"), State: id.String("state")}
	id.Required("id", "product")
	id.Done()
	if !name(in.ID) {
		d.Errorf(n.Pos, "use a-z, 0-9, - and _, at most 32 of them", "the installation's id %q is no name", in.ID)
	}
	if b := m.Map("backup"); b != nil {
		in.Backup = BackupPlace{Dir: b.String("dir"), Keep: b.Int("keep", 1, 1000)}
		b.Done()
	}
	if nodes := m.Map("nodes"); nodes != nil {
		in.Nodes = map[string]Node{}
		nodes.Each(func(name string, _, value *document.Node) {
			v := d.Map(value, "a node")
			in.Nodes[name] = Node{Address: v.String("address"), Roles: v.Strings("roles")}
			v.Done()
		})
	}
	if inst := m.Map("instances"); inst != nil {
		in.Instances = map[string][]Place{}
		inst.Each(func(name string, _, value *document.Node) {
			for _, item := range d.List(value, "instances of "+name) {
				v := d.Map(item, "an instance")
				in.Instances[name] = append(in.Instances[name], Place{ID: v.String("id"), At: v.String("at")})
				v.Done()
			}
		})
	}
	if params := m.Map("params"); params != nil {
		in.Params = map[string]Value{}
		params.Each(func(name string, key, value *document.Node) { in.Params[name] = d.value(name, value) })
	}
	in.Choices = m.Strings("choices")
	d.waivers(m, in)
	in.Edited = m.StringMap("edited")
	for file, what := range in.Edited {
		if what != "keep-aside" && what != "discard" {
			d.Errorf(m.Get("edited").Pos, "say keep-aside or discard", "edited %s: %q", file, what)
		}
	}
	for _, h := range m.List("hooks") {
		v := d.Map(h, "a hook folder")
		v.Required("dir", "name", "phase")
		in.Hooks = append(in.Hooks, Hook{Dir: v.String("dir"), Name: v.String("name"), Phase: v.String("phase"), As: v.String("as")})
		v.Done()
	}
	in.Notify = m.Strings("notify")
	for _, w := range m.List("windows") {
		v := d.Map(w, "a window")
		in.Windows = append(in.Windows, Window{Days: v.String("days"), From: v.String("from"), To: v.String("to")})
		v.Done()
	}
	if g := m.Map("gate"); g != nil {
		in.Gate.Use = g.OneOf("use", "auto", "never")
		for _, p := range g.List("ports") {
			in.Gate.Ports = append(in.Gate.Ports, d.Scalar(p, "a port"))
		}
		g.Done()
	}
	in.OnFailure = m.OneOf("on-failure", "origin", "stay")
	if l := m.Map("limits"); l != nil {
		in.Limits = map[string]time.Duration{}
		l.Each(func(name string, _, value *document.Node) { in.Limits[name] = d.Duration(value, name) })
	}
	m.Done()
	return in
}

// value reads a parameter: a text, or a reference to a secret.
func (d *decoder) value(name string, n *document.Node) Value {
	v := Value{Pos: n.Pos}
	switch {
	case n.Kind == document.Map:
		file, env := d.SecretRef(n, name)
		v.Ref = &SecretRef{File: file, Env: env}
	case document.SecretName(name):
		d.SecretRef(n, name)
	default:
		d.NoSecrets(n)
		v.Text = d.Scalar(n, name)
	}
	return v
}

func (d *decoder) waivers(m *document.MapDecoder, in *Installation) {
	w := m.Map("waivers")
	if w == nil {
		return
	}
	in.Waivers = map[string]Waiver{}
	w.Each(func(name string, _, value *document.Node) {
		v := d.Map(value, "a waiver")
		v.Required("by", "why")
		in.Waivers[name] = Waiver{By: v.String("by"), Why: v.String("why"), Until: v.String("until")}
		v.Done()
	})
}

// name says whether a text can be a name everywhere: of a folder, of rules of
// the gate, of a control group.
func name(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
