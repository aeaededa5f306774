package feature_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/feature"
	"upkeep/internal/manifest"
	"upkeep/internal/version"
)

func read(t testing.TB, text string) *manifest.Product {
	t.Helper()
	nodes, err := yaml.Parse("product.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := manifest.Decode(document.Source{Name: "product.yaml", Text: []byte(text)}, nodes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// desk is a product as iTop is: groups of one and of many, features below others,
// a component that two features bring.
const desk = `
product: {id: desk, versions: dotted}
features:
  - {group: Configuration, choose: many, of: {core: {mandatory: true, components: [config]}, storage: {components: [storage]}}}
  - group: Tickets
    choose: one
    of:
      none: {title: No tickets}
      simple: {default: true, components: [request], of: {portal: {components: [portal]}}}
      itil: {components: [request-itil, incident], of: {portal: {components: [portal]}}}
  - group: Changes
    choose: one
    of: {plain: {components: [change]}, full: {components: [change-full]}}
  - group: Bridges
    of: {bridge: {hidden: true, auto: {all: [{present: storage}, {present: portal}]}, components: [bridge]}}
  - {group: Extensions, folder: extensions/}
components:
  app: {kind: tree, at: /srv/desk}
  request: {depends: ["config >= 2.4"]}
  portal: {depends: ["request >= 3.0 || request-itil"]}
  incident: {conflicts: [request]}
  change-full: {depends: ["incident && config"]}
`

func dotted(t testing.TB) version.Order {
	t.Helper()
	o, err := version.Parse("dotted")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func catalogue(t testing.TB, text string, found ...feature.Found) *feature.Catalogue {
	t.Helper()
	c, err := feature.New(read(t, text), dotted(t), "3.2", found)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSolve_S0_11_to_S0_24(t *testing.T) {
	telephony := feature.Found{Group: "Extensions", Folder: "extensions/telephony", Extension: manifest.Extension{ID: "telephony", Order: []string{"calls", "storage-addon"},
		Components: map[string]manifest.Component{"calls": {Depends: []string{"portal"}}, "storage-addon": {}}}}
	fax := feature.Found{Group: "Extensions", Folder: "extensions/fax", Extension: manifest.Extension{ID: "fax", Order: []string{"calls"}}}
	tests := []struct {
		name, installed, asked string
		first                  bool
		want                   string // what is chosen, or what is said
	}{
		{"nothing is asked: what is installed stays", "core simple", "", false, "core simple"},
		{"a feature is added", "core simple", "storage", false, "core storage simple"},
		{"one below a locked one is added", "core simple", "portal", false, "core simple simple/portal"},
		{"and by its path", "core simple", "simple/portal", false, "core simple simple/portal"},
		{"the same below the other alternative", "core itil", "portal", false, "core itil itil/portal"},
		{"what chooses itself", "core simple storage", "portal", false, "core storage simple simple/portal bridge"},
		{"none never locks", "core none", "itil", false, "core itil"},
		{"a group that was never chosen from is free", "core", "itil", false, "core itil"},
		{"an alternative is not exchanged", "core simple", "itil", false, "simple and itil are alternatives (Tickets), and simple is installed: one cannot be exchanged for the other"},
		{"nor taken out", "core simple", "none", false, "simple is installed and cannot be taken out: none (No tickets) chooses nothing instead"},
		{"two alternatives at once", "core", "simple itil", false, "simple and itil are alternatives (Tickets): choose one of them"},
		{"below which of them", "core", "portal", false, "there are several features portal: say simple/portal or itil/portal"},
		{"with the one it lies below", "core", "itil/portal", false, "core itil itil/portal"},
		{"an extension that the site has found", "core simple simple/portal", "telephony", false, "core simple simple/portal telephony"},
		{"two extensions bring one component", "core simple simple/portal telephony", "fax", false, "core simple simple/portal telephony fax"},
		{"an extension without what it needs", "core simple", "telephony", false, "calls (of telephony) needs portal: choose simple/portal or itil/portal, which brings portal"},
		{"what is needed is said with what is missing", "core simple", "full", false, "change-full (of full) needs incident && config: choose itil, which brings incident"},
		{"a mistyped name", "core", "storag", false, `3.2 has no feature "storag"; did you mean storage?`},
		{"a feature that is gone", "core fancy", "", false, "the installed feature fancy is not in 3.2, and nothing replaces it"},
		{"a first install takes the defaults", "", "plain", true, "core simple plain"},
		{"unless something else is wanted", "", "none plain", true, "core none plain"},
		{"and asks for a choice of one", "", "", true, "Changes: choose plain or full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := catalogue(t, desk, telephony, fax)
			a, err := c.Solve(feature.Question{Installed: strings.Fields(tt.installed), Asked: strings.Fields(tt.asked), First: tt.first})
			var conflict *feature.ConflictError
			switch {
			case errors.As(err, &conflict):
				if got := strings.Join(conflict.Reasons, "; "); !strings.Contains(got, tt.want) {
					t.Errorf("refused with %s\nwant %s", got, tt.want)
				}
			case err != nil:
				t.Fatal(err)
			default:
				if got := strings.Join(a.Chosen, " "); got != tt.want {
					t.Errorf("chosen is %s\nwant %s", got, tt.want)
				}
			}
		})
	}
}

// What was not installed and is asked for is added; the choice of nothing is not.
func TestAdded(t *testing.T) {
	for _, tt := range []struct{ installed, standing, asked, want string }{
		{"core none", "core none", "", ""},
		{"core", "core none", "storage", "storage"},
		{"core simple", "core simple", "simple/portal", "simple/portal"},
		{"core", "core none", "simple", "simple"},
	} {
		a, err := catalogue(t, desk).Solve(feature.Question{Installed: strings.Fields(tt.installed), Standing: strings.Fields(tt.standing), Asked: strings.Fields(tt.asked)})
		if got := strings.Join(a.Added, " "); err != nil || got != tt.want {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
	}
}

func TestReplacedFeatures(t *testing.T) {
	const text = `
product: {id: desk, versions: dotted}
features:
  - group: Tickets
    of:
      requests: {replaces: [tickets], components: [requests]}
      incidents: {replaces: [tickets], components: [incidents]}
components: {app: {kind: tree, at: /srv}}
`
	c := catalogue(t, text)
	a, err := c.Solve(feature.Question{Installed: []string{"tickets"}})
	if got := strings.Join(a.Chosen, " "); err != nil || got != "requests incidents" {
		t.Errorf("a feature that was split: %s, %v", got, err)
	}
	if _, err := c.Solve(feature.Question{Asked: []string{"tickets"}}); err == nil || !strings.Contains(err.Error(), "tickets is called requests or incidents in 3.2") {
		t.Errorf("asked for by its old name: %v", err)
	}
}

func TestConflictsNameBothSides_S0_29(t *testing.T) {
	const text = `
product: {id: desk, versions: dotted}
features:
  - {group: Modules, of: {a: {components: [red]}, b: {components: [green]}, c: {components: [blue]}}}
components:
  red: {conflicts: ["green >= 3.0"]}
  green: {}
  blue: {conflicts: ["green < 3.0"]}
`
	c := catalogue(t, text)
	_, err := c.Solve(feature.Question{Asked: []string{"a", "b"}})
	if err == nil || !strings.Contains(err.Error(), "red (of a) does not go with green (of b): leave one of them out") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Solve(feature.Question{Asked: []string{"b", "c"}}); err != nil {
		t.Errorf("a conflict with other versions only: %v", err)
	}
}

func TestCircle(t *testing.T) {
	const text = `
product: {id: desk, versions: dotted}
features: [{group: Modules, of: {all: {components: [a, b, c]}}}]
components: {a: {depends: [b]}, b: {depends: ["c && a"]}, c: {depends: ["a || nowhere"]}}
`
	_, err := catalogue(t, text).Solve(feature.Question{Asked: []string{"all"}})
	if err == nil || !strings.Contains(err.Error(), "in a circle: a → b → c → a") {
		t.Errorf("got %v", err)
	}
}

// Components come after what they need.
func TestOrder(t *testing.T) {
	a, err := catalogue(t, desk).Solve(feature.Question{Installed: []string{"core", "itil", "itil/portal"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(a.Components, " "), "app request-itil portal incident config"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhyNot_S0_12(t *testing.T) {
	a, err := catalogue(t, desk).Solve(feature.Question{Installed: []string{"core", "simple"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range a.Features {
		got[f.Path] = fmt.Sprintf("%v %v %s", f.Chosen, f.Locked, f.Why)
	}
	for path, want := range map[string]string{
		"core":          "true true installed",
		"simple":        "true true installed",
		"itil":          "false false simple is installed, and cannot be exchanged or taken out",
		"itil/portal":   "false false it lies below itil",
		"simple/portal": "false false ",
		"storage":       "false false ",
		"full":          "false false change-full needs incident && config: choose itil, which brings incident",
	} {
		if got[path] != want {
			t.Errorf("%s: %s\nwant %s", path, got[path], want)
		}
	}
}

func TestNarrow(t *testing.T) {
	p := read(t, desk)
	n := feature.Narrow(p, feature.Answer{Components: []string{"app", "config", "request"}})
	if got, want := strings.Join(n.Order, " "), "app request"; got != want { // config is brought, and not declared
		t.Errorf("got %s, want %s", got, want)
	}
	if len(p.Order) != 5 {
		t.Errorf("the product's own document was changed: %v", p.Order)
	}
}

func TestInstalled(t *testing.T) {
	there := func(names string) func(string) (bool, bool) {
		return func(id string) (bool, bool) { return id != "config", slices.Contains(strings.Fields(names), id) }
	}
	tests := []struct{ name, there, want string }{
		{"nothing", "", ""},
		{"one of each", "request storage", "storage simple"},
		{"the alternative of which all is there", "request-itil incident portal", "itil itil/portal"},
		{"half of a feature is none", "incident", ""},
		{"of two alternatives that of which more is there", "request request-itil incident", "itil"},
		{"a feature below one that is not there is not", "portal", ""},
	}
	for _, tt := range tests {
		if got := strings.Join(catalogue(t, desk).Installed(there(tt.there)), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// large has 2,000 components in 400 features, with 5,000 dependencies.
func large() *manifest.Product {
	p := &manifest.Product{ID: "large", Versions: manifest.VersionOrder{Name: "dotted"}, Components: map[string]manifest.Component{}}
	g := manifest.Group{Group: "All", Of: map[string]manifest.Feature{}}
	need := 0
	for i := range 2000 {
		var c manifest.Component
		for k := 0; k < 3 && i > k && need < 5000; k++ {
			c.Depends = append(c.Depends, fmt.Sprintf("c%d >= 1.0", (i*7+k*13)%i))
			need++
		}
		id := fmt.Sprintf("c%d", i)
		p.Components[id], p.Order = c, append(p.Order, id)
		f := fmt.Sprintf("f%d", i/5)
		of := g.Of[f]
		if of.Components == nil {
			g.Order = append(g.Order, f)
		}
		of.Components = append(of.Components, id)
		g.Of[f] = of
	}
	p.Features = []manifest.Group{g}
	return p
}

// Aim: 2,000 components with 5,000 dependencies within 100 ms.
func BenchmarkSolve2000(b *testing.B) {
	p := large()
	for b.Loop() {
		c, err := feature.New(p, dotted(b), "3.2", nil)
		if err != nil {
			b.Fatal(err)
		}
		a, err := c.Solve(feature.Question{Installed: p.Features[0].Order[:200], Asked: p.Features[0].Order[200:]})
		if err != nil || len(a.Components) != 2000 {
			b.Fatal(err)
		}
	}
}
