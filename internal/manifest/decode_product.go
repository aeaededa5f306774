package manifest

import (
	"fmt"
	"path"

	"upkeep/internal/document"
	"upkeep/internal/version"
)

func (d decoder) product(n *document.Node) *Product {
	m := d.Map(n, "a product document")
	p := &Product{Pos: n.Pos}
	if head := m.Map("product"); head != nil {
		p.Pos = head.Pos()
		head.Required("id", "versions")
		p.ID = d.idKey(head, "id", "a product")
		p.Vendor, p.Entry, p.Lang = head.String("vendor"), head.String("entry"), head.String("lang")
		p.Versions = d.versionOrder(head.Get("versions"))
		head.Done()
	}
	p.Triggers, _ = named(d, m, "triggers", "a trigger", d.trigger)
	p.Params, p.ParamOrder = named(d, m, "params", "a parameter", d.param)
	p.Facts, _ = named(d, m, "facts", "a fact", func(_ string, n *document.Node) Probe { return d.probe(n) })
	p.Dirs, _ = named(d, m, "dirs", "a folder", func(id string, n *document.Node) string { return d.String(n, "folder "+id) })
	p.Env = m.StringMap("env")
	p.Roles, _ = named(d, m, "roles", "a role", d.role)
	p.SameVersion = m.Strings("same-version")
	p.Families = d.families(m)
	m.Required("components")
	p.Components, p.Order = named(d, m, "components", "a component", d.component)
	d.like(p)
	p.Services = each(m, "services", d.service)
	p.Access = d.accessModes(m)
	p.Backups, _ = named(d, m, "backups", "a backup", d.backup)
	p.Settings, _ = named(d, m, "settings", "a setting", d.setting)
	p.Hooks = each(m, "hooks", d.hookSet)
	p.Features = each(m, "features", d.group)
	p.Remedies = each(m, "remedies", d.remedy)
	p.Feed = d.feed(m.Get("feed"))
	p.SelfUpgrade = d.stepIn(m, "self-upgrade")
	p.Support = m.String("support")
	p.Places = PlacesOf(n, "dirs", "env")
	m.Done()
	return p
}

func (d decoder) versionOrder(n *document.Node) VersionOrder {
	switch {
	case n == nil:
		return VersionOrder{}
	case n.Kind == document.List:
		return VersionOrder{List: d.Strings(n, `"versions"`)}
	}
	return VersionOrder{Name: d.OneOf(n, `"versions"`, version.Names()...)}
}

func (d decoder) trigger(id string, n *document.Node) Trigger {
	m := d.Map(n, "trigger "+id)
	t := Trigger{Entitlement: m.String("entitlement")}
	m.Done()
	return t
}

func (d decoder) param(id string, n *document.Node) Param {
	m := d.Map(n, "parameter "+id)
	p := Param{Pos: n.Pos, Title: m.String("title"),
		Type: m.OneOf("type", "string", "path", "bool", "int", "secret"),
		Ask:  m.OneOf("ask", "install", "always", "when-needed"), Try: d.probeIn(m, "try")}
	switch v := m.Get("default"); {
	case v == nil:
	case p.Secret():
		d.Hide(v)
		d.Errorf(v.Pos, "remove it: the installation document refers to the secret", "a secret has no default")
	case v.Kind == document.Map:
		probe := d.probe(v)
		p.Default = &ParamDefault{Probe: &probe}
	default:
		p.Default = &ParamDefault{Value: d.literal(v, `"default"`)}
	}
	m.Done()
	return p
}

func (d decoder) role(id string, n *document.Node) Role {
	m := d.Map(n, "role "+id)
	r := Role{Tree: m.Bool("tree"), Order: m.OneOf("order", "children-first", "parents-first")}
	if v := m.Get("nodes"); v != nil {
		if r.Nodes = d.literal(v, `"nodes"`); r.Nodes != "many" && (!wholeNumber(r.Nodes) || r.Nodes <= "0") {
			d.Errorf(v.Pos, `write a number from 1 on, or many`, `"nodes" cannot be %q`, r.Nodes)
		}
	}
	m.Done()
	return r
}

func (d decoder) component(id string, n *document.Node) Component {
	if n.Kind == document.Null && n.Value == "" {
		return Component{Pos: n.Pos} // "agent:" alone: that it is there is all to say
	}
	m := d.Map(n, "component "+id)
	c := Component{Pos: n.Pos,
		Kind: m.OneOf("kind", "tree", "package", "installer", "command", "sqlite", "postgres", "mariadb", "mssql"),
		Like: m.String("like"), Role: m.String("role"), Keep: m.Strings("keep"), Depends: m.Strings("depends"),
		Packages: m.Strings("packages"), Footprint: m.Strings("footprint"),
		Conflicts: m.Strings("conflicts"), Aliases: m.Strings("aliases"), Independent: m.Bool("independent"),
		AllTogether: m.Bool("all-together"), Migrates: m.OneOf("migrates", "at-start"),
		Version: d.probeIn(m, "version"), Review: d.when(m.Get("review"))}
	if at := m.Get("at"); at != nil && at.Kind == document.Map {
		probe := d.probe(at)
		c.At.Probe = &probe
	} else {
		c.At.Path = d.text(m, "at")
	}
	if v := m.Map("config"); v != nil {
		c.Config = d.config(v)
	}
	if v := m.Map("standard"); v != nil {
		c.Standard = &Standard{Pos: v.Pos(), Except: v.Strings("except")}
		v.Done()
	}
	if m.Has("transfer") {
		m.Bytes("transfer", document.Decimal)
		c.Transfer = m.Scalar("transfer")
	}
	m.Done()
	return c
}

func (d decoder) config(m *document.MapDecoder) *Config {
	c := &Config{Edited: m.OneOf("edited", "take-new", "keep", "merge"), Beside: m.String("beside")}
	if f := m.Map("formats"); f != nil {
		c.Formats = map[string]string{}
		f.Each(func(pattern string, key, v *document.Node) {
			if _, err := path.Match(pattern, "x"); err != nil {
				d.Errorf(key.Pos, `write a pattern such as "*.conf"`, "%q is no pattern of file names", pattern)
			}
			c.Formats[pattern] = d.OneOf(v, fmt.Sprintf("the format of %q", pattern), ConfigFormats()...)
		})
	}
	for _, n := range m.List("validate") {
		v := d.Map(n, "a validator")
		v.Required("run")
		c.Validate = append(c.Validate, Validator{Pos: n.Pos, Files: v.String("files"), Run: d.args(v.Get("run"), "run"), As: d.text(v, "as")})
		if _, err := path.Match(v.Scalar("files"), "x"); err != nil {
			d.Errorf(n.Pos, `write a pattern such as "*.conf"`, "%q is no pattern of file names", v.Scalar("files"))
		}
		v.Done()
	}
	m.Done()
	return c
}

// ConfigFormats are the formats of configuration files that can be declared.
func ConfigFormats() []string {
	return []string{"yaml", "json", "xml", "ini", "properties", "keyword", "lines"}
}

func (d decoder) service(n *document.Node) Service {
	m := d.Map(n, "a service")
	m.Required("id")
	s := Service{Pos: n.Pos, ID: d.idKey(m, "id", "a service"), Names: m.Strings("names"), Of: m.Strings("of"), Role: m.String("role"), As: m.String("as"),
		Run: d.args(m.Get("run"), "run"), Start: d.args(m.Get("start"), "start"), Stop: d.args(m.Get("stop"), "stop"),
		State: d.probeIn(m, "state"), Dir: m.String("dir"), PID: m.String("pid-file"), Log: m.String("log"),
		Ready: d.probeIn(m, "ready"), Grace: m.Duration("grace")}
	for _, port := range m.List("ports") {
		s.Ports = append(s.Ports, d.literal(port, `a port`))
	}
	switch {
	case m.Has("run") && (m.Has("start") || m.Has("stop")):
		d.Errorf(n.Pos, "run is for a program that Upkeep starts itself, start and stop for commands that do", "service %s has run and start or stop", s.ID)
	case m.Has("start") != m.Has("stop"):
		d.Errorf(n.Pos, "", "service %s needs both start and stop, or neither", s.ID)
	}
	m.Done()
	return s
}

func (d decoder) accessModes(m *document.MapDecoder) map[string]Access {
	child := m.Map("access")
	if child == nil {
		return nil
	}
	modes := map[string]Access{}
	for _, mode := range []string{"read-only", "maintenance"} {
		if n := child.Get(mode); n != nil {
			modes[mode] = d.access(mode, n)
		}
	}
	child.Done()
	return modes
}

func (d decoder) access(mode string, n *document.Node) Access {
	m := d.Map(n, "access mode "+mode)
	a := Access{Pos: n.Pos, Marker: d.text(m, "marker"), Parked: d.text(m, "parked"), Content: d.text(m, "content"), Of: m.Strings("of"), Aliases: m.Strings("aliases"),
		Users: m.OneOf("users", "read", "none"), Refused: d.probeIn(m, "refused"), Reason: m.String("reason")}
	if c := m.Map("command"); c != nil {
		c.Required("enter", "leave", "state")
		a.Command = &Switch{Enter: d.args(c.Get("enter"), "enter"), Leave: d.args(c.Get("leave"), "leave"),
			State: d.probeIn(c, "state"), As: c.String("as")}
		c.Done()
	}
	if m.Has("marker") == m.Has("command") && !m.Bad() {
		d.Errorf(n.Pos, "", "access mode %s needs either a marker or a command", mode)
	}
	m.Done()
	return a
}
