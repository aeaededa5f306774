package manifest

import "upkeep/internal/document"

func (d decoder) route(n *document.Node) Route {
	m := d.Map(n, "a route")
	m.Required("from")
	r := Route{Pos: n.Pos, From: d.text(m, "from"), Via: d.text(m, "via"), Reference: m.String("reference")}
	if s := m.Map("settings"); s != nil {
		r.Settings = map[string]string{}
		s.Each(func(id string, _, v *document.Node) { r.Settings[id] = d.literal(v, "setting "+id) })
	}
	r.Fixes = d.fixes(m.Get("fixes"))
	m.Done()
	return r
}

func (d decoder) fixes(n *document.Node) *Fixes {
	if n == nil {
		return nil
	}
	m := d.Map(n, "fixes of a route")
	m.Required("families")
	f := &Fixes{Pos: n.Pos, Families: d.families(m), Required: d.text(m, "required")}
	for _, c := range m.List("choose") {
		f.Choose = append(f.Choose, d.OneOf(c, `"choose"`, AllLatest, Pick))
	}
	m.Done()
	return f
}

func (d decoder) fix(n *document.Node) *Fix {
	if n == nil {
		return nil
	}
	m := d.Map(n, "fix of a release")
	m.Required("of", "families")
	f := &Fix{Pos: n.Pos, Of: d.version(m, "of"), Families: d.families(m)}
	m.Done()
	return f
}

// families reads names of families of fixes, each once.
func (d decoder) families(m *document.MapDecoder) []string {
	var out []string
	seen := map[string]bool{}
	for _, n := range m.List("families") {
		name := d.String(n, `"families"`)
		d.id(n, "a family of fixes", name)
		if seen[name] && name != "" {
			d.Errorf(n.Pos, "", "the family %q is listed twice", name)
		}
		seen[name] = true
		out = append(out, name)
	}
	if n := m.Get("families"); n != nil && n.Kind == document.List && len(n.Items) == 0 {
		d.Errorf(n.Pos, "name one, or remove the key", `"families" is empty`)
	}
	return out
}

func (d decoder) block(n *document.Node) Block {
	m := d.Map(n, "a blocked way")
	m.Required("from", "reason")
	b := Block{Pos: n.Pos, From: d.text(m, "from"), Reason: d.text(m, "reason"), When: d.when(m.Get("when"))}
	m.Done()
	return b
}
