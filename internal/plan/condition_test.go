package plan_test

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// TestConditions asks whether a step under a condition is in the plan.
func TestConditions(t *testing.T) {
	product := with(shop, `facts: {ha: {exists: /etc/ha}, peer: {file: /etc/ha}}`)
	facts := func(in *plan.Input) { in.Facts.Values = map[string]string{"ha": "", "peer": "10.0.0.2"} }
	tests := []struct {
		when   string
		change func(*plan.Input)
		want   bool
	}{
		{`{param: colour}`, nil, true},
		{`{param: colour, is: red}`, nil, true},
		{`{param: colour, is: blue}`, nil, false},
		{`{fact: ha}`, facts, false},
		{`{fact: peer}`, facts, true},
		{`{fact: peer, is: 10.0.0.1}`, facts, false},
		{`{not: {fact: ha}}`, facts, true},
		{`{trigger: push}`, func(in *plan.Input) { in.Trigger = "push" }, true},
		{`{trigger: push}`, func(in *plan.Input) { in.Trigger = "operator" }, false},
		{`{present: data}`, nil, true},
		{`{present: mail}`, nil, false},
		{`{all: [{fact: peer}, {not: {fact: ha}}]}`, facts, true},
		{`{all: [{fact: peer}, {fact: ha}]}`, facts, false},
		{`{any: [{fact: ha}, {fact: peer}]}`, facts, true},
		{`{any: [{fact: ha}, {param: colour, is: blue}]}`, facts, false},
		{`{crosses: "2.0"}`, nil, true},
		{`{crosses: "1.5"}`, nil, true},
		{`{crosses: "1.0"}`, nil, false},
		{`{crosses: "2.1"}`, nil, false},
	}
	for _, tt := range tests {
		in := input(t, product, with(v2, `+after-install: [{run: [x], as: shop, undo: none, when: `+tt.when+`}]`))
		if tt.change != nil {
			tt.change(&in)
		}
		p := compile(t, in)
		got := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.ID == "h1.run.x" })
		if got != tt.want {
			t.Errorf("when: %s: the step is there: %v, want %v", tt.when, got, tt.want)
		}
	}
}

// The whole route crosses a version, not one hop, and the target's document
// knows versions that the installed one's does not list.
func TestCrossesOverTheRoute(t *testing.T) {
	listed := func(list string) string {
		return strings.Replace(shop, "versions: dotted", `versions: [`+list+`]`, 1)
	}
	const step = `+start-of-run: [{run: [x], as: shop, undo: none, when: {crosses: "3.0"}}]`
	in := input(t, listed(`"1.0", "2.0", "3.0"`), with(v2, step), v3)
	in.Installed, _ = release(t, listed(`"1.0", "2.0"`), v2)
	if at(t, compile(t, in), "run.x").Verb != "run" {
		t.Error("the route from 1.0 to 3.0 does not cross 3.0")
	}
}

// A component without a review that applies goes the ordinary way.
func TestReviewBehindACondition(t *testing.T) {
	in := input(t, with(shop, `facts: {custom: {exists: /x}}`, `components: {app: {kind: tree, at: /srv/shop/app}, data: {kind: sqlite, at: /d, review: {fact: custom}}}`), v2)
	in.Facts.Values["custom"] = ""
	compile(t, in)
}

// A waiver has an end.
func TestWaiverEnds(t *testing.T) {
	rel := with(v2, `checks: [{id: php, probe: {command: [php, -v], as: shop}, waivable: true}]`)
	in := inputAt(t, with(here, `waivers: {php: {by: ann, why: never mind, until: "2026-05-01"}}`), shop, rel)
	in.Facts.Checks[plan.CheckKey("2.0", "php")] = plan.CheckResult{Evidence: "php is 7.4"}
	in.Facts.Today = "2026-05-01"
	if p := compile(t, in); p.Waivers["php"] != "ann: never mind (until 2026-05-01)" {
		t.Errorf("the waivers are %v", p.Waivers)
	}
	in.Facts.Today = "2026-05-02"
	if _, err := plan.Compile(in); err == nil || !strings.Contains(err.Error(), "check php: php is 7.4") {
		t.Errorf("after its end the waiver still counts: %v", err)
	}
}

// A waiver that has nothing to waive is said, with its place; one that the vendor
// does not allow is refused, unless the check does not concern this upgrade.
func TestWaiversInVain(t *testing.T) {
	rel := with(v2, `checks: [{id: php, probe: {command: [php, -v], as: shop}, waivable: true}, {id: slow, probe: {exists: /x}, level: warning}, `+
		`{id: first, probe: {exists: /x}, when: {mode: install}}, {id: space, probe: {exists: /x}}]`)
	for _, c := range []struct {
		name        string
		site, asked string // check
		counts      int
		remark      string
		refused     string
	}{
		{name: "of the document", site: "php", counts: 1},
		{name: "asked for", asked: "php", counts: 1},
		{name: "both", site: "php", asked: "php", counts: 1},
		{name: "of the backup", asked: "backup", counts: 1},
		{name: "mistyped in the document", site: "phq", remark: `the waiver by ann has no effect: there is no check "phq" to be waived on the way to 2.0: did you mean "php"?`},
		{name: "mistyped", asked: "phq", refused: `there is no check "phq" to be waived on the way to 2.0: did you mean "php"?`},
		{name: "of a warning", site: "slow", remark: "check slow is no blocker, but a warning"},
		{name: "of a warning, asked for", asked: "slow", remark: "the waiver has no effect: check slow is no blocker, but a warning"},
		{name: "of another mode", site: "first", remark: "check first does not concern this upgrade"},
		{name: "not allowed in the document", site: "space", refused: "check space cannot be waived: the vendor does not allow it in 2.0; take the waiver out"},
		{name: "not allowed", asked: "space", refused: "check space cannot be waived: the vendor does not allow it in 2.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := here
			if c.site != "" {
				doc = strings.TrimSuffix(here, "\n") + "\nwaivers: {" + c.site + ": {by: ann, why: never mind}}"
			}
			in := inputAt(t, doc, shop, rel)
			if c.asked != "" {
				in.Waivers = map[string]string{c.asked: "bob: y"}
			}
			counting, remarks, refused := plan.Waivers(in)
			if len(counting) != c.counts {
				t.Errorf("these count: %v", counting)
			}
			for what, pair := range map[string][2]string{"remarks": {strings.Join(remarks, "; "), c.remark}, "refused": {strings.Join(refused, "; "), c.refused}} {
				if got, want := pair[0], pair[1]; (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			if c.site != "" && c.counts == 0 && !strings.Contains(strings.Join(append(remarks, refused...), ""), ":2:") {
				t.Errorf("no place: %q %q", remarks, refused)
			}
		})
	}
}

// A waiver that was asked for must be one: a mistyped name is not passed over.
func TestWaiverOfNothing(t *testing.T) {
	in := input(t, shop, with(v2, `checks: [{id: php, probe: {command: [php, -v], as: shop}, waivable: true}]`))
	in.Waivers = map[string]string{"phq": "ann: never mind"}
	if _, err := plan.Compile(in); err == nil || !strings.Contains(err.Error(), `there is no check "phq" to be waived on the way to 2.0: did you mean "php"?`) {
		t.Errorf("the error is %v", err)
	}
}

func TestOnce(t *testing.T) {
	rel := with(v2, `+after-install: [{run: [set-language], as: shop, undo: restore, once: language}]`)
	in := input(t, shop, rel)
	if s := at(t, compile(t, in), "h1.run.set-language"); s.Once != "language" {
		t.Errorf("its marker is %q", s.Once)
	}
	in.Facts.Once = []string{"language"}
	p := compile(t, in)
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Once != "" }) {
		t.Error("it would be done again")
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "language was done once") }) {
		t.Errorf("the plan does not say so: %q", p.Notes)
	}
}

// A marker inside the tree moves along to the new one: otherwise the
// exchange would let users in before the new version is verified.
func TestMarkersMoveAlong(t *testing.T) {
	for _, tt := range []struct{ name, keep, marker, want string }{
		{"inside", "", "/srv/shop/app/data/down", `"keep":["data/down"]`},
		{"relative to the tree", "", "data/down", `"keep":["data/down"]`},
		{"kept already", "keep: [data], ", "data/down", `"keep":["data"]`},
		{"kept by a pattern", `keep: ["d*"], `, "data/down", `"keep":["d*"]`},
		{"beside another kept one", "keep: [local], ", "data/down", `"keep":["local","data/down"]`},
		{"outside", "", "/srv/shop/down", ""},
		{"beside a folder of a like name", "", "/srv/shop/app2/down", ""},
	} {
		product := with(strings.Replace(shop, "version: {file: /srv/shop/app/VERSION}", tt.keep+"version: {file: /srv/shop/app/VERSION}", 1),
			`access: {maintenance: {marker: "`+tt.marker+`", users: none}}`)
		got := string(at(t, compile(t, input(t, product, v2)), "h1.install.app").Params)
		if tt.want == "" && strings.Contains(got, `"keep"`) || !strings.Contains(got, tt.want) {
			t.Errorf("a marker %s: want %q in %s", tt.name, tt.want, got)
		}
	}
}

// Site hooks are found beside those of the product, and every declared
// pattern counts before a file is said to fit none.
func TestSiteHooks(t *testing.T) {
	product := with(shop, `hooks: [{dir: /srv/hooks, name: "[0-9][0-9]-*", phase: before-install, as: shop, on-failure: warn}]`)
	in := inputAt(t, with(here, `hooks: [{dir: /srv/hooks, name: "site-*", phase: after-install, as: root}]`), product, v2)
	in.Facts.HookDirs["/srv/hooks"] = []plan.HookEntry{{Name: "20-b", SHA256: "b"}, {Name: "10-a", SHA256: "a"}, {Name: "site-x", SHA256: "x"}, {Name: "README", Skip: "it is not executable"}, {Name: "99-off", Skip: "it is not executable"}}
	p := compile(t, in)
	vendor, ours := at(t, p, "h1.hooks.before-install"), at(t, p, "h1.hooks.after-install")
	if !vendor.Tolerated || vendor.As != "shop" || ours.Tolerated || ours.As != "root" {
		t.Errorf("the hooks run otherwise than said:\n%s\n%s", line(*vendor), line(*ours))
	}
	want := []plan.HookFile{{Path: "/srv/hooks/10-a", SHA256: "a", By: "vendor", Phase: "before-install"}, {Path: "/srv/hooks/20-b", SHA256: "b", By: "vendor", Phase: "before-install"},
		{Path: "/srv/hooks/site-x", SHA256: "x", By: "site", Phase: "after-install"}}
	if !slices.Equal(p.Hooks, want) {
		t.Errorf("the plan lists the hooks %+v", p.Hooks)
	}
	notes := strings.Join(p.Notes, "\n")
	for _, text := range []string{"README fits no phase", "99-off is not run: it is not executable"} {
		if !strings.Contains(notes, text) {
			t.Errorf("the plan does not say %q:\n%s", text, notes)
		}
	}
	if strings.Contains(notes, "site-x") {
		t.Errorf("a hook that runs is said not to:\n%s", notes)
	}
}

// A changed hook, parameter or choice is another plan.
func TestDigestCovers(t *testing.T) {
	product := with(shop, `hooks: [{dir: /srv/hooks, name: "*", phase: before-install, as: shop}]`)
	base := func() plan.Input {
		in := input(t, product, v2)
		in.Facts.HookDirs["/srv/hooks"] = []plan.HookEntry{{Name: "a", SHA256: "a"}}
		return in
	}
	digest := compile(t, base()).Digest
	if compile(t, base()).Digest != digest {
		t.Fatal("the same input gives another digest")
	}
	for name, change := range map[string]func(*plan.Input){
		"a hook's sum": func(in *plan.Input) { in.Facts.HookDirs["/srv/hooks"][0].SHA256 = "b" },
		"another hook": func(in *plan.Input) {
			in.Facts.HookDirs["/srv/hooks"] = append(in.Facts.HookDirs["/srv/hooks"], plan.HookEntry{Name: "b"})
		},
		"a bundle":              func(in *plan.Input) { in.Hops[0].Bundle.Digest = "other" },
		"the installed version": func(in *plan.Input) { in.From = "1.1" },
		"what a failure means":  func(in *plan.Input) { in.OnFailure = "stay" },
		"a waiver":              func(in *plan.Input) { in.Waivers = map[string]string{"backup": "ann: y"} },
		"a deadline":            func(in *plan.Input) { in.Site.Limits = map[string]site.Duration{"backup": 1} },
		"the trigger":           func(in *plan.Input) { in.Trigger = "push" },
		"a service that stands": func(in *plan.Input) { in.Facts.Services["web"] = false },
	} {
		in := base()
		change(&in)
		if compile(t, in).Digest == digest {
			t.Errorf("%s does not change the digest", name)
		}
	}
	p := compile(t, base())
	if p.Sum() != p.Digest || len(p.ID()) != 12 || !strings.HasPrefix(p.Digest, p.ID()) {
		t.Errorf("the digest %s is not the sum %s", p.Digest, p.Sum())
	}
}
