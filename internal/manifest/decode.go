package manifest

import (
	"slices"
	"time"

	"upkeep/internal/document"
)

// Decode reads the documents of a release: a product document, a release
// document, or both, in any order. What a document does not say stays nil.
// The error is of type document.Errors and names every mistake.
func Decode(src document.Source, nodes []*document.Node) (*Product, *Release, error) {
	d := &decoder{document.NewDecoder(src)}
	var p *Product
	var r *Release
	for _, n := range nodes {
		switch {
		case n.Kind == document.Null:
		case n.Get("product") != nil && n.Get("release") == nil:
			if p != nil {
				d.Errorf(n.Pos, "put them into one", "a second product document")
			}
			p = d.product(n)
		case n.Get("release") != nil:
			if r != nil {
				d.Errorf(n.Pos, "a bundle holds one release", "a second release document")
			}
			r = d.release(n)
		default:
			d.Errorf(n.Pos, "begin it with product: {id: …} or release: {product: …, version: …}", "this is neither a product nor a release document")
		}
		d.NoSecrets(n)
	}
	if len(nodes) == 0 {
		d.Errorf(document.Pos{File: src.Name, Line: 1, Column: 1}, "", "the file holds no document")
	}
	if p != nil && r != nil && r.Product != p.ID {
		d.Errorf(r.Pos, "", "the release is of product %q, the product document is of %q", r.Product, p.ID)
	}
	return p, r, d.Err()
}

// decoder reads the types of this package from nodes.
type decoder struct{ *document.Decoder }

func (d *decoder) product(n *document.Node) *Product {
	m := d.Map(n, "a product document")
	id := m.Map("product")
	p := &Product{Pos: n.Pos, ID: id.String("id"), Vendor: id.String("vendor"), Entry: id.String("entry"), Lang: id.String("lang")}
	id.Required("id", "versions")
	p.Versions = d.versions(id.Get("versions"))
	id.Known("versions")
	id.Done()
	m.Required("components")

	p.Triggers = each(m, "triggers", func(n *document.Node) Trigger {
		t := d.Map(n, "a trigger")
		defer t.Done()
		return Trigger{Entitlement: t.String("entitlement")}
	})
	p.Params = each(m, "params", d.param)
	p.Facts = each(m, "facts", d.probe)
	p.Dirs, p.Env = m.StringMap("dirs"), m.StringMap("env")
	p.Roles = each(m, "roles", func(n *document.Node) Role {
		r := d.Map(n, "a role")
		defer r.Done()
		return Role{Nodes: r.Scalar("nodes"), Tree: r.Bool("tree"), Order: r.String("order")}
	})
	p.SameVersion = m.Strings("same-version")
	p.Components = each(m, "components", d.component)
	for _, pair := range pairs(m.Get("components")) {
		p.Order = append(p.Order, pair.Key.Value)
	}
	d.like(p)
	p.Services = list(m, "services", d.service)
	p.Access = each(m, "access", d.access)
	p.Backups = each(m, "backups", d.backup)
	p.Settings = each(m, "settings", d.setting)
	p.Hooks = list(m, "hooks", d.hookSet)
	p.Features = list(m, "features", d.group)
	p.Remedies = list(m, "remedies", d.remedy)
	if f := m.Map("feed"); f != nil {
		p.Feed = &Feed{Command: f.Strings("command"), HTTP: f.String("http"), Select: f.String("select"), Refresh: f.Strings("refresh"),
			Every: f.Duration("every"), Cache: f.String("cache")}
		f.Done()
	}
	if s := m.Get("self-upgrade"); s != nil {
		step := d.step(s)
		p.SelfUpgrade = &step
	}
	p.Support = m.String("support")
	m.Known("self-upgrade", "components")
	m.Done()
	return p
}

// each reads a map from names to things.
func each[T any](m *document.MapDecoder, key string, read func(*document.Node) T) map[string]T {
	sub := m.Map(key)
	if sub == nil {
		return nil
	}
	out := map[string]T{}
	sub.Each(func(name string, _, value *document.Node) { out[name] = read(value) })
	return out
}

// list reads a list of things.
func list[T any](m *document.MapDecoder, key string, read func(*document.Node) T) []T {
	var out []T
	for _, n := range m.List(key) {
		out = append(out, read(n))
	}
	return out
}

func pairs(n *document.Node) []document.Pair {
	if n == nil {
		return nil
	}
	return n.Pairs
}

func (d *decoder) versions(n *document.Node) VersionOrder {
	switch {
	case n == nil:
		return VersionOrder{}
	case n.Kind == document.List:
		return VersionOrder{List: d.Strings(n, "versions")}
	}
	return VersionOrder{Name: d.OneOf(n, "versions", "semver", "dotted", "dashed", "debian")}
}

func (d *decoder) param(n *document.Node) Param {
	m := d.Map(n, "a parameter")
	defer m.Done()
	p := Param{Pos: n.Pos, Title: m.String("title"), Type: m.OneOf("type", "string", "path", "bool", "int", "secret"),
		Ask: m.OneOf("ask", "install", "always", "when-needed")}
	def := m.Get("default")
	switch {
	case def == nil:
	case p.Type == "secret":
		d.Hide(def)
		d.Errorf(def.Pos, "leave it out; the installation document refers to the secret", "a secret has no default")
	case def.Kind == document.Map:
		pr := d.probe(def)
		p.Default = &ParamDefault{Probe: &pr}
	default:
		p.Default = &ParamDefault{Value: d.Scalar(def, "default")}
	}
	return p
}

func (d *decoder) component(n *document.Node) Component {
	if n.Kind == document.Null {
		return Component{Pos: n.Pos}
	}
	m := d.Map(n, "a component")
	defer m.Done()
	c := Component{Pos: n.Pos, Like: m.String("like"), Role: m.String("role"), Keep: m.Strings("keep"), Depends: m.OneOrMany("depends"),
		Kind:      m.OneOf("kind", "tree", "package", "installer", "command", "sqlite", "postgres", "mariadb", "mssql"),
		Conflicts: m.OneOrMany("conflicts"), Aliases: m.Strings("aliases"), Independent: m.Bool("independent"),
		AllTogether: m.Bool("all-together"), Migrates: m.OneOf("migrates", "at-start"), Transfer: m.Scalar("transfer")}
	if at := m.Get("at"); at != nil {
		if at.Kind == document.Map {
			pr := d.probe(at)
			c.At.Probe = &pr
		} else {
			c.At.Path = d.String(at, "at")
		}
	}
	c.Version = d.optionalProbe(m, "version")
	if cfg := m.Map("config"); cfg != nil {
		c.Config = &Config{Edited: cfg.OneOf("edited", "take-new", "keep", "merge"), Beside: cfg.String("beside")}
		cfg.Done()
	}
	c.Review = d.optionalWhen(m, "review")
	return c
}

// like lets a component take over what another one says.
func (d *decoder) like(p *Product) {
	for id, c := range p.Components {
		if c.Like == "" {
			continue
		}
		seen := []string{id}
		base := c
		for base.Like != "" {
			if slices.Contains(seen, base.Like) {
				d.Errorf(c.Pos, "", "component %s is like itself", id)
				return
			}
			seen = append(seen, base.Like)
			next, ok := p.Components[base.Like]
			if !ok {
				d.Errorf(c.Pos, "", "component %s is like %q, which is no component", id, base.Like)
				return
			}
			base = next
		}
		base.Pos, base.Like = c.Pos, c.Like
		if c.Aliases != nil {
			base.Aliases = c.Aliases
		}
		if c.At.Path != "" || c.At.Probe != nil {
			base.At = c.At
		}
		if c.Version != nil {
			base.Version = c.Version
		}
		p.Components[id] = base
	}
}

func (d *decoder) service(n *document.Node) Service {
	m := d.Map(n, "a service")
	defer m.Done()
	m.Required("id")
	s := Service{Pos: n.Pos, ID: m.String("id"), Names: m.Strings("names"), Role: m.String("role"), As: m.String("as"), Run: m.Strings("run"),
		Start: m.Strings("start"), Stop: m.Strings("stop"), State: d.optionalProbe(m, "state"), Dir: m.String("dir"), PID: m.String("pid-file"),
		Log: m.String("log"), Ready: d.optionalProbe(m, "ready"), Grace: m.Duration("grace")}
	for _, p := range m.List("ports") {
		s.Ports = append(s.Ports, d.Scalar(p, "a port"))
	}
	return s
}

func (d *decoder) access(n *document.Node) Access {
	m := d.Map(n, "an access mode")
	defer m.Done()
	a := Access{Pos: n.Pos, Marker: m.String("marker"), Parked: m.String("parked"), Aliases: m.Strings("aliases"),
		Users: m.OneOf("users", "read", "none"), Refused: d.optionalProbe(m, "refused"), Reason: m.String("reason")}
	if c := m.Map("command"); c != nil {
		a.Command = &Switch{Enter: c.Strings("enter"), Leave: c.Strings("leave"), State: d.optionalProbe(c, "state"), As: c.String("as")}
		c.Required("enter", "leave", "state")
		c.Done()
	}
	return a
}

func (d *decoder) backup(n *document.Node) Backup {
	m := d.Map(n, "a backup")
	defer m.Done()
	b := Backup{Pos: n.Pos, Of: m.OneOrMany("of"), Role: m.String("role"), Keep: m.String("keep"), Place: m.String("place"), Optional: m.Bool("optional"),
		Verify: list(m, "verify", d.probe), Make: d.optionalStep(m, "make"), Restore: d.optionalStep(m, "restore")}
	m.Required("of")
	return b
}

func (d *decoder) setting(n *document.Node) Setting {
	m := d.Map(n, "a setting")
	defer m.Done()
	m.Required("read", "write")
	s := Setting{Pos: n.Pos, Type: m.String("type"), Nodes: m.String("nodes")}
	if r := m.Get("read"); r != nil {
		s.Read = d.probe(r)
	}
	if w := m.Get("write"); w != nil {
		s.Write = d.step(w)
	}
	return s
}

func (d *decoder) hookSet(n *document.Node) HookSet {
	m := d.Map(n, "a hook folder")
	defer m.Done()
	m.Required("dir", "name", "phase")
	return HookSet{Pos: n.Pos, By: m.OneOf("by", "vendor", "site"), Dir: m.String("dir"), Name: m.String("name"), Phase: m.String("phase"), As: m.String("as"),
		Env: m.StringMap("env"), OnFailure: m.OneOf("on-failure", "back", "warn"), Within: m.Duration("within"), Undo: d.undo(m)}
}

func (d *decoder) group(n *document.Node) Group {
	m := d.Map(n, "a group of features")
	defer m.Done()
	m.Required("group")
	return Group{Pos: n.Pos, Group: m.String("group"), Choose: m.OneOf("choose", "one", "many"), Of: each(m, "of", d.feature), Folder: m.String("folder")}
}

func (d *decoder) feature(n *document.Node) Feature {
	m := d.Map(n, "a feature")
	defer m.Done()
	return Feature{Title: m.String("title"), Mandatory: m.Bool("mandatory"), Components: m.Strings("components"), Of: each(m, "of", d.feature)}
}

func (d *decoder) remedy(n *document.Node) Remedy {
	m := d.Map(n, "a remedy")
	defer m.Done()
	m.Required("symptom", "probe")
	r := Remedy{Pos: n.Pos, Symptom: m.String("symptom"), Fix: list(m, "fix", d.step), Else: m.String("else")}
	if p := m.Get("probe"); p != nil {
		r.Probe = d.probe(p)
	}
	return r
}

func (d *decoder) release(n *document.Node) *Release {
	m := d.Map(n, "a release document")
	id := m.Map("release")
	r := &Release{Pos: n.Pos, Product: id.String("product"), Version: id.String("version"), Published: id.String("published"), Notes: id.String("notes")}
	id.Required("product", "version")
	id.Done()
	if r.Published != "" {
		if _, err := time.Parse(time.DateOnly, r.Published); err != nil {
			d.Errorf(n.Pos, "", "published %q is not a date such as 2026-01-31", r.Published)
		}
	}
	r.Routes = list(m, "routes", d.route)
	r.Facts = each(m, "facts", d.probe)
	r.Checks = list(m, "checks", d.check)
	r.Payloads, r.Versions = m.StringMap("payloads"), m.StringMap("versions")
	r.Procedure = d.procedure(m)
	m.Done()
	return r
}

func (d *decoder) route(n *document.Node) Route {
	m := d.Map(n, "a route")
	defer m.Done()
	m.Required("from")
	r := Route{Pos: n.Pos, From: m.String("from"), Via: m.String("via"), Settings: m.StringMap("settings")}
	if f := m.Map("fixes"); f != nil {
		r.Fixes = &Fixes{Families: f.Strings("families"), Choose: f.Strings("choose"), Required: f.String("required")}
		f.Done()
	}
	return r
}

func (d *decoder) check(n *document.Node) Check {
	m := d.Map(n, "a check")
	defer m.Done()
	m.Required("id", "probe")
	c := Check{Pos: n.Pos, ID: m.String("id"), Role: m.OneOrMany("role"), Level: m.OneOf("level", "blocker", "warning", "info"), Announce: m.String("announce"),
		Effect: m.String("effect"), Moments: m.OneOrMany("moments"), When: d.optionalWhen(m, "when"), Fix: list(m, "fix", d.step),
		Waivable: m.Bool("waivable"), Acknowledge: m.String("acknowledge"), Reference: m.String("reference")}
	if p := m.Get("probe"); p != nil {
		c.Probe = d.probe(p)
	}
	return c
}

func (d *decoder) procedure(m *document.MapDecoder) Procedure {
	sub := m.Map("procedure")
	if sub == nil {
		return Procedure{}
	}
	p := Procedure{Phases: map[Phase]PhaseSteps{}}
	var names []string
	for _, ph := range Phases() {
		names = append(names, string(ph))
	}
	sub.Each(func(name string, key, value *document.Node) {
		ph := Phase(d.OneOf(key, "phase", names...))
		if value.Kind == document.Scalar && value.Value == "none" {
			p.Phases[ph] = PhaseSteps{None: true}
			return
		}
		var steps PhaseSteps
		for _, s := range d.List(value, "phase "+name) {
			steps.Steps = append(steps.Steps, d.step(s))
		}
		p.Phases[ph] = steps
	})
	return p
}
