package plan_test

import (
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// suite has two shops that stand alone, one of which needs the office, two
// servers that must agree, and two parts that belong together.
const suite = `
product: {id: suite, versions: dotted}
roles: {db: {nodes: 1}, web: {nodes: 1}}
same-version: [db, web]
components:
  shop:   {kind: tree, independent: true, at: {file: /etc/paths, select: "//shop/@path"}, version: {file: "${this.path}/V"}, depends: [office], aliases: [store]}
  office: {kind: tree, independent: true, at: /srv/office, version: {file: "${this.path}/V"}}
  engine: {kind: tree, independent: true, role: db, at: /srv/engine, version: {file: "${this.path}/V"}}
  front:  {kind: tree, independent: true, role: web, at: /srv/front, version: {file: "${this.path}/V"}}
  left:   {kind: tree, all-together: true, at: /srv/left, version: {file: "${this.path}/V"}}
  right:  {kind: tree, all-together: true, at: /srv/right, version: {file: "${this.path}/V"}}
  core:   {kind: tree, at: /srv/core, version: {file: "${this.path}/V"}}
  data:   {kind: sqlite, at: /srv/db, version: {sql: "SELECT 1"}}
`

const suite2 = `
release: {product: suite, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {shop: s, office: o, engine: e, front: f, left: l, right: r, core: c}
`

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		name     string
		only     string
		versions string // of units that are not on 1.0
		want     string // From and units, or what the refusal says after "! "
	}{
		{"all", "", "", "1.0 all"},
		{"one alone", "office", "", "1.0 office"},
		{"one instance", "shop@a", "office=2.0", "1.0 shop@a"},
		{"all instances", "shop", "office=2.0", "1.0 shop@a shop@b"},
		{"by another name", "store@b", "office=2.0", "1.0 shop@b"},
		{"what it needs is old", "shop@a", "", "! shop@a depends on office, which is on 1.0: upgrade both, with --only shop@a --only office"},
		{"with what it needs", "shop@a office", "", "1.0 shop@a office"},
		{"not independent", "core", "", "! core cannot be upgraded alone: its vendor does not declare it independent"},
		{"one of two that belong together", "left", "", "! left cannot be upgraded without right: their vendor says all-together"},
		{"one of two that must agree", "engine", "", "! engine and front must be of the same version (same-version: db, web): upgrade them together"},
		{"both that must agree", "engine front", "", "1.0 engine front"},
		{"unknown", "shopp", "", "! there is no shopp to upgrade: the product has shop@a, shop@b, office"},
		{"unknown instance", "shop@c", "", "! there is no shop@c to upgrade"},
		{"all by name", "shop office engine front left right core", "", "1.0 all"},
		{"one is new already", "", "shop@a=2.0", "1.0 shop@b office engine front left right core data; shop@a is on 2.0 already and is left alone"},
		{"one is newer", "shop", "shop@a=2.1 office=2.0", "1.0 shop@b; shop@a is on 2.1, newer than 2.0, and is left alone"},
		{"all asked are new", "shop", "shop@a=2.0 shop@b=2.0", "2.0 shop@a shop@b; shop@a is on 2.0 already and is left alone; shop@b is on 2.0 already and is left alone"},
		{"the oldest begins", "shop", "shop@a=1.5 office=2.0", "1.0 shop@a shop@b"},
		{"one that is not independent does not count as left", "", "core=2.0", "1.0 all"},
		{"gone", "", "shop@a=!", "! shop@a cannot be upgraded: its folder is gone"},
		{"the other of one that is gone", "shop@b", "shop@a=! office=2.0", "1.0 shop@b"},
		{"unreadable", "shop", "shop@a= office=2.0", "! the installed version of shop@a cannot be read"},
	} {
		p, rel := release(t, suite, suite2)
		f := plan.Facts{Places: map[string][]string{"shop": {"/srv/a", "/srv/b"}}, Instances: map[string]plan.InstanceFact{}}
		for _, id := range []string{"shop@a", "shop@b", "office", "engine", "front", "left", "right", "core"} {
			f.Instances[id] = plan.InstanceFact{Version: "1.0"}
		}
		for _, kv := range strings.Fields(tt.versions) {
			id, v, _ := strings.Cut(kv, "=")
			f.Instances[id] = plan.InstanceFact{Version: v}
			if v == "!" {
				f.Instances[id] = plan.InstanceFact{Missing: "its folder is gone"}
			}
		}
		r, err := plan.NewResolver(p, siteOf(t, `installation: {id: suite, product: suite}`), f)
		if err != nil {
			t.Fatal(err)
		}
		sel, err := plan.Select(r, f, strings.Fields(tt.only), rel)
		got := "! "
		if err != nil {
			got += err.Error()
		} else {
			got = strings.Join(append([]string{sel.From + " " + strings.Join(sel.Units, " ")}, sel.Notes...), "; ")
			if sel.Units == nil {
				got = strings.Join(append([]string{sel.From + " all"}, sel.Notes...), "; ")
			}
		}
		if strings.HasPrefix(tt.want, "! ") && !strings.HasPrefix(got, tt.want) || !strings.HasPrefix(tt.want, "! ") && got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// Instances of several versions are brought along one way: who is further joins
// where the versions meet, and who cannot is told what to type.
func TestMixedStarts(t *testing.T) {
	mixed := func(a, b string) plan.Input {
		in := input(t, shops, v2, v3)
		several(&in)
		in.Facts.HookDirs = map[string][]plan.HookEntry{}
		for id, v := range map[string]string{"app@north": a, "app@south": b} {
			f := in.Facts.Instances[id]
			f.Version = v
			in.Facts.Instances[id] = f
		}
		return in
	}
	p := compile(t, mixed("1.0", "2.0"))
	for id, want := range map[string]bool{"h1.stage.app@north": true, "h1.stage.app@south": false, "h1.install.app@south": false, "h2.stage.app@north": true,
		"h2.install.app@north": true, "h2.install.app@south": true, "maintenance.app@south": true} {
		if _, ok := p.Find(id); ok != want {
			t.Errorf("%s: %v", id, ok)
		}
	}
	for _, i := range p.Instances {
		if got := i.Unit() + " " + strings.Join(i.Versions, " "); i.Component == "app" && got != map[string]string{"north": "app@north 2.0 3.0", "south": "app@south 2.0 3.0"}[i.ID] {
			t.Error(got)
		}
	}
	if compile(t, mixed("1.0", "2.1")) == nil { // 3.0 is reached from any 2.x
		t.Error("no plan")
	}
	in := mixed("1.0", "1.5")
	in.Hops[0].Release.Routes[0].From = "1.0"
	_, err := plan.Compile(in)
	if err == nil || !strings.Contains(err.Error(), "app@south is on 1.5, from which the way of the others (1.0 to 2.0) does not lead on: upgrade it by itself first, with --only app@south") {
		t.Error(err)
	}
}

// Roles that must agree are looked at before anything starts.
func TestSameVersionBeforeTheStart(t *testing.T) {
	product := with(suite, `services: [{id: ns, as: shop, run: [/srv/ns]}]`)
	in := input(t, product, suite2)
	in.Facts.Services = map[string]bool{"ns": true}
	in.Facts.Places = map[string][]string{"shop": {"/srv/a"}}
	for _, id := range []string{"shop", "office", "engine", "left", "right", "core"} {
		in.Facts.Instances[id] = plan.InstanceFact{Version: "1.0"}
	}
	in.Facts.Instances["front"] = plan.InstanceFact{Version: "1.5"}
	p := compile(t, in)
	var ids []string
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
	}
	order := strings.Join(ids, " ")
	if a, b, c := strings.Index(order, "h1.install.core"), strings.Index(order, "h1.same-version"), strings.Index(order, "h1.start.ns"); a < 0 || a > b || b > c {
		t.Errorf("steps %s", order)
	}
	if s, _ := p.Find("h1.same-version"); !strings.Contains(s.Title, "engine, front are all on 2.0") {
		t.Errorf("%q", s.Title)
	}
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "engine is on 1.0 and front on 1.5 now, though they must be of the same version") {
		t.Error(notes)
	}
}
