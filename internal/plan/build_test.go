package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// shop is a plain product: a tree, a database, a service.
const shop = `
product: {id: shop, versions: dotted}
params:
  port: {type: int, default: "8080"}
  colour: {default: red}
  password: {type: secret}
components:
  app:  {kind: tree, at: /srv/shop/app, version: {file: /srv/shop/app/VERSION}}
  data: {kind: sqlite, at: /srv/shop/shop.db, version: {sql: "SELECT version FROM meta"}}
services:
  - {id: web, as: shop, run: [/srv/shop/app/web, --port, "${param.port}"], ports: ["${param.port}"], ready: {http: "http://127.0.0.1:${param.port}/"}}
`

// v2 and v3 are its releases.
const (
	v2 = `
release: {product: shop, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: "2.0", data: "2"}
procedure: {migrate: [{migrate: data, run: [/srv/shop/app/migrate], as: shop}]}
`
	v3 = `
release: {product: shop, version: "3.0"}
routes: [{from: ">= 2.0"}]
payloads: {app: app.tar.zst}
versions: {app: "3.0", data: "3"}
procedure: {migrate: [{migrate: data, scripts: migrations}]}
`
	here = `installation: {id: shop, product: shop}`
)

// with adds to a document: "procedure" lines go into its procedure, others
// are appended.
func with(doc string, lines ...string) string {
	for _, l := range lines {
		if phase, ok := strings.CutPrefix(l, "+"); ok {
			doc = strings.Replace(doc, "procedure: {", "procedure: {"+phase+", ", 1)
			continue
		}
		key, _, _ := strings.Cut(l, ":")
		if i := strings.Index(doc, "\n"+key+":"); i >= 0 {
			end := i + 1 + strings.Index(doc[i+1:], "\n")
			for strings.HasPrefix(doc[end:], "\n ") { // the block below the key
				next := strings.Index(doc[end+1:], "\n")
				if next < 0 {
					next = len(doc) - end - 1
				}
				end += 1 + next
			}
			doc = doc[:i] + doc[end:]
		}
		doc = strings.TrimRight(doc, "\n") + "\n" + l + "\n"
	}
	return doc
}

// input is what Compile gets for an upgrade from 1.0 over the releases. What
// is not said is plain: root, the gate can be used, everything runs.
func input(t testing.TB, product string, releases ...string) plan.Input {
	t.Helper()
	return inputAt(t, here, product, releases...)
}

func inputAt(t testing.TB, installation, product string, releases ...string) plan.Input {
	t.Helper()
	in := plan.Input{From: "1.0", Site: siteOf(t, installation), Facts: plan.Facts{
		Node: "here", Root: true, Account: "root", State: "/var/lib/upkeep", Backup: "/var/lib/upkeep/points",
		Instances: map[string]plan.InstanceFact{"app": {Version: "1.0", Bytes: 50 << 20, Files: 100, Owner: "shop"}, "data": {Version: "1", Bytes: 1 << 20}},
		Services:  map[string]bool{"web": true}, Databases: map[string]int64{"data": 1 << 20}, Scratch: map[string]plan.ScratchFact{"data": {Dir: "/tmp", Bytes: 1 << 20}}, Values: map[string]string{},
		HookDirs: map[string][]plan.HookEntry{}, Checks: map[string]plan.CheckResult{}, Modes: map[string]bool{},
	}}
	for _, r := range releases {
		p, rel := release(t, product, r)
		in.Installed = p
		b := plan.Bundle{Digest: "bundle-" + rel.Version, Payloads: map[string]plan.Payload{}, Scripts: map[string][]plan.Script{
			"migrations": {{Name: "migrations/001.sql", SHA256: "s1"}, {Name: "migrations/002.sql", SHA256: "s2"}}}}
		for id, file := range rel.Payloads {
			b.Payloads[id] = plan.Payload{File: file, Sums: id + ".sums", Bytes: 60 << 20, Files: 120}
		}
		in.Hops = append(in.Hops, plan.HopInput{Release: rel, Product: p, Bundle: b})
	}
	return in
}

func release(t testing.TB, product, text string) (*manifest.Product, *manifest.Release) {
	t.Helper()
	var nodes []*document.Node
	for _, doc := range []string{product, text} {
		n, err := yaml.Parse("upkeep.yaml", []byte(doc))
		if err != nil {
			t.Fatalf("%s\n%s", document.Pretty(err), doc)
		}
		nodes = append(nodes, n...)
	}
	p, r, err := manifest.Decode(document.Source{}, nodes)
	if err != nil {
		t.Fatalf("%s\n%s---\n%s", document.Pretty(err), product, text)
	}
	return p, r
}

func siteOf(t testing.TB, text string) *site.Installation {
	t.Helper()
	nodes, err := yaml.Parse("installation.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%s", document.Pretty(err), text)
	}
	in, err := site.Decode(document.Source{}, nodes)
	if err != nil {
		t.Fatalf("%s\n%s", document.Pretty(err), text)
	}
	return in
}

// compile makes a plan that must not be refused.
func compile(t testing.TB, in plan.Input) *plan.Plan {
	t.Helper()
	p, err := plan.Compile(in)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return p
}

// show writes a plan as text, a line a step.
func show(p *plan.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s -> %s, users kept out by: %s\n", p.Product, p.From, p.To, p.Closed)
	for _, i := range p.Instances {
		fmt.Fprintf(&b, "instance %s %s %s\n", i.Unit(), i.From, strings.Join(i.Versions, " "))
	}
	section := func(title string, steps []plan.Step) {
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, s := range steps {
			fmt.Fprintln(&b, line(s))
		}
	}
	section("steps", p.Steps)
	for _, m := range p.Milestones {
		if len(m.Landing) > 0 {
			section(fmt.Sprintf("staying at %s (%s)", m.ID, m.Version), m.Landing)
		}
	}
	if len(p.Notes) > 0 {
		fmt.Fprintf(&b, "\nnotes\n- %s\n", strings.Join(p.Notes, "\n- "))
	}
	return b.String()
}

// line writes a step: phase, id, verb, class, account, flags.
func line(s plan.Step) string {
	flags := []string{}
	flag := func(on bool, text string) {
		if on {
			flags = append(flags, text)
		}
	}
	flag(s.Writes, "writes")
	flag(s.Undo != "", "undo="+s.Undo)
	flag(s.Down, "down")
	flag(s.Up, "up")
	flag(s.OnlyTo > 0, fmt.Sprintf("only-to=m%d", s.OnlyTo))
	flag(s.Redo, "redo")
	flag(s.Tolerated, "tolerated")
	flag(s.Retries > 0, fmt.Sprintf("retries=%d", s.Retries))
	flag(s.Once != "", "once="+s.Once)
	as := s.As
	if as == "" {
		as = "-"
	}
	return strings.TrimRight(fmt.Sprintf("%-14s %-24s %-9s %-12s %-6s %s", s.Phase, s.ID, s.Verb, s.Class, as, strings.Join(flags, " ")), " ")
}
