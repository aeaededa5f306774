package plan_test

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// first turns an input into that of a first install.
func first(in *plan.Input) {
	in.First, in.From, in.Installed = true, "", in.Hops[len(in.Hops)-1].Product
	in.Hops = in.Hops[len(in.Hops)-1:]
	in.Facts.Services = nil
	for id, f := range in.Facts.Instances {
		f.Version, f.Bytes, f.Files = "", 0, 0
		in.Facts.Instances[id] = f
	}
}

func firstGoldens() []golden {
	return []golden{
		{"first install behind the gate", with(shop, both, `dirs: {uploads: /srv/shop/uploads, hooks: /srv/shop/hooks}`, `hooks: [{by: site, dir: "${dir.hooks}", name: "${phase}.sh", phase: any, as: shop}]`),
			[]string{with(v2, `+drain: [{drain: {command: [jobs], expect: "0"}}]`, `+config: [{run: [setup], as: shop, undo: restore, when: {mode: install}}, {run: [convert], as: shop, undo: restore, when: {mode: upgrade}}]`)}, first},
		{"first install that nothing closes", shop, []string{v2}, func(in *plan.Input) { first(in); notRoot(in) }},
		{"first install on a database server", strings.Replace(shop, "kind: sqlite, at: /srv/shop/shop.db", `kind: postgres, at: "host=/run/postgresql dbname=shop"`, 1), []string{v2}, first},
	}
}

// Once-only steps that are for upgrades count as done at a first install:
// what the administrator chooses later must not be undone by them.
func TestFirstInstallOnce_S1_26(t *testing.T) {
	release := with(v2, `+after-install: [{run: [english], as: shop, undo: none, once: default-language, when: {mode: upgrade}}, {run: [welcome], as: shop, undo: none, once: welcome}, {run: [move], as: shop, undo: none, once: moved, when: {all: [{mode: upgrade}, {param: colour, is: green}]}}]`,
		`+stop: [{run: [old], as: shop, undo: none, once: old-name}]`)
	in := input(t, shop, release)
	first(&in)
	p, err := plan.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"old-name", "default-language"}; !slices.Equal(p.Already, want) {
		t.Errorf("counts as done: %q, want %q", p.Already, want)
	}
	var once []string
	for _, s := range p.Steps {
		if s.Once != "" {
			once = append(once, s.Once)
		}
	}
	if !slices.Equal(once, []string{"welcome"}) {
		t.Errorf("done in the run: %q, want welcome", once)
	}
	// an upgrade does them, unless they are done
	up := input(t, shop, release)
	if p, err = plan.Compile(up); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Find("h1.run.english"); !ok || len(p.Already) > 0 {
		t.Errorf("an upgrade does not do the once-only step: %v", p.Already)
	}
	up.Facts.Once = []string{"default-language"}
	if p, err = plan.Compile(up); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Find("h1.run.english"); ok {
		t.Error("what counts as done is done again")
	}
}

func TestFirstInstallRefused(t *testing.T) {
	in := input(t, shop, v2)
	first(&in)
	in.Facts.Occupied = []string{"app: /srv/shop/app is not empty"}
	if _, err := plan.Compile(in); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("%v, want a refusal", err)
	}
}
