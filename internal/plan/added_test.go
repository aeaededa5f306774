package plan_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/feature"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// grown is the shop with a feature: calls, which a bundle brings, with a service
// of its own; and tapes, a folder that is empty at first.
var grown = with(shop, `components: {app: {kind: tree, at: /srv/shop/app, version: {file: /srv/shop/app/VERSION}}, data: {kind: sqlite, at: /srv/shop/shop.db, version: {sql: "SELECT version FROM meta"}}, `+
	`calls: {kind: tree, at: /srv/shop/more/calls, version: {file: /srv/shop/more/calls/VERSION}}, tapes: {kind: tree, at: /srv/shop/more/tapes}}`,
	`features: [{group: More, of: {telephony: {components: [calls, tapes]}}}]`,
	`services: [{id: web, as: shop, run: [/srv/shop/app/web], ports: ["8080"]}, {id: phone, of: [calls], as: shop, run: [/srv/shop/more/calls/phone], ports: ["9090"]}]`)

// g2 and g3 are releases that bring it.
var (
	g2 = with(v2, `payloads: {app: app.tar.zst, calls: calls.tar.zst}`, `versions: {app: "2.0", data: "2", calls: "1.4"}`)
	g3 = with(v3, `payloads: {app: app.tar.zst, calls: calls.tar.zst}`, `versions: {app: "3.0", data: "3", calls: "1.5"}`)
)

// telephony has it come with a hop: nothing of it is installed before.
func telephony(hop int) func(*plan.Input) {
	fresh := func(id string) bool { return id == "calls" || id == "tapes" }
	return func(in *plan.Input) {
		for i := range in.Hops {
			p := in.Hops[i].Product
			if i+1 < hop {
				in.Hops[i].Product = feature.Without(p, fresh)
				continue
			}
			in.Hops[i].Product = feature.Narrow(p, feature.Answer{Chosen: []string{"telephony"}, Added: []string{"telephony"}, Components: p.Order, Brought: []string{"calls", "tapes"}, Fresh: []string{"calls", "tapes"}})
		}
		in.Installed = feature.Without(in.Installed, fresh)
		for _, id := range []string{"calls", "tapes"} {
			in.Facts.Instances[id] = plan.InstanceFact{New: true, Owner: "shop", Above: []string{"/srv/shop/more"}}
		}
	}
}

func addedGoldens() []golden {
	return []golden{
		{"a feature adds trees", grown, []string{g2}, telephony(1)},
		{"a feature adds trees in the first of two hops", grown, []string{g2, g3}, telephony(1)},
		{"a feature adds trees in the second of two hops", grown, []string{g2, g3}, telephony(2)},
	}
}

// params decodes those of a step of the plan.
func params[P any](t *testing.T, s plan.Step) (p P) {
	t.Helper()
	if err := json.Unmarshal(s.Params, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func step(t *testing.T, p *plan.Plan, id string) plan.Step {
	t.Helper()
	s, ok := p.Find(id)
	if !ok {
		t.Fatalf("there is no step %s:\n%s", id, show(p))
	}
	return s
}

func TestAddedTree_S0_11(t *testing.T) {
	in := input(t, grown, g2, g3)
	telephony(2)(&in)
	in.Facts.Volumes = map[string]plan.Volume{"/srv/shop/more": {ID: "more", Free: 1 << 40}}
	p := compile(t, in)

	made := params[plan.CreateParams](t, step(t, p, "h2.create")).Places
	want := []plan.NewPlace{{Path: "/srv/shop/more", Kind: plan.PlaceAbove, Owner: "shop"}, {Path: "/srv/shop/more/calls", Kind: plan.PlaceTree}}
	if !slices.Equal(made, want) {
		t.Errorf("made before it is unpacked: %+v", made)
	}
	if s := params[plan.StageParams](t, step(t, p, "h2.stage.calls")); s.Owner != "shop" {
		t.Errorf("it is given to %q", s.Owner)
	}
	for _, id := range []string{"backup", "h2.backup"} {
		for _, f := range params[plan.BackupParams](t, step(t, p, id)).Files {
			if f.Component != "app" {
				t.Errorf("the restore point of %s holds %s, which is not there yet", id, f.Component)
			}
		}
	}
	// a service that comes new is kept from users like the others
	if g := params[plan.AccessParams](t, step(t, p, "gate")); !slices.Equal(g.Gate.Ports, []string{"8080", "9090"}) {
		t.Errorf("the gate closes %q", g.Gate.Ports)
	}
	// who stays at 2.0 has nothing of it
	landed := params[plan.CleanUpParams](t, step(t, p, "m1.clean-up"))
	if len(landed.Gone) != 2 || landed.Gone[0].At != "/srv/shop/more/calls" || !slices.Equal(landed.Gone[0].Above, []string{"/srv/shop/more"}) || slices.Contains(landed.Trees, "/srv/shop/more/calls") {
		t.Errorf("staying at 2.0 leaves it: %+v", landed)
	}
	if end := params[plan.CleanUpParams](t, step(t, p, "clean-up")); len(end.Gone) > 0 || !slices.Contains(end.Trees, "/srv/shop/more/calls") {
		t.Errorf("at the end it is cleared away: %+v", end)
	}
	// what its bundle brings before it comes is not unpacked, and takes no room
	if need := plan.Estimate(p, in).Space; len(need) != 1 || need[0].Bytes != 60<<20+120*4<<10 {
		t.Errorf("the forecast is %+v", need)
	}
	// what the first hop has brought is in the restore point before the second
	early := input(t, grown, g2, g3)
	telephony(1)(&early)
	early.Facts.Volumes = map[string]plan.Volume{early.Facts.Backup: {ID: "points", Free: 1 << 40}}
	late := input(t, grown, g2, g3)
	telephony(2)(&late)
	late.Facts.Volumes = early.Facts.Volumes
	more := plan.Estimate(compile(t, early), early).Space[0].Bytes - plan.Estimate(compile(t, late), late).Space[0].Bytes
	if more != 60<<20+120*2560 {
		t.Errorf("a restore point that holds it takes %d bytes more", more)
	}
	if one := plan.Additions(p, 1); len(one) > 0 {
		t.Errorf("2.0 has added %+v", one)
	}
	two := plan.Additions(p, 2)
	if len(two) != 2 || two[0].Component != "calls" || !slices.Equal(two[0].Above, []string{"/srv/shop/more"}) {
		t.Errorf("3.0 has added %+v", two)
	}
	for _, i := range p.Instances {
		if i.Component == "calls" && (i.Added != 2 || i.From != "" || !slices.Equal(i.Versions, []string{"", "1.5"})) {
			t.Errorf("%+v", i)
		}
	}
}

// A release may list what it wants backed up, also what is not there yet and
// what is not chosen.
func TestBackupListsWhatIsNotThere(t *testing.T) {
	in := input(t, grown, with(g2, `+backup: [{backup: [app, calls]}]`))
	telephony(1)(&in)
	compile(t, in)
	in = input(t, grown, with(g2, `+backup: [{backup: [app, calls]}]`))
	p := feature.Without(in.Installed, func(id string) bool { return id == "calls" || id == "tapes" })
	in.Installed, in.Hops[0].Product = p, p
	compile(t, in)
}

// takenBack is a return from an upgrade that has added calls.
func takenBack(t *testing.T, product string) plan.Input {
	t.Helper()
	in := input(t, product, v2)
	in.From, in.Trigger = "2.0", plan.TriggerBack
	in.Facts.Instances["calls"] = plan.InstanceFact{Version: "1.4"}
	in.Hops[0].Product = feature.Without(in.Installed, func(id string) bool { return id == "calls" })
	gone := []plan.Addition{{Component: "calls", At: "/srv/shop/more/calls", Above: []string{"/srv/shop/more"}}}
	in.Hops[0].Return = &plan.ReturnParams{Run: "r1", Point: "r1-origin", BackupParams: plan.BackupParams{Key: "origin", Dir: "/points"}, Gone: gone}
	in.Hops[0].Release.Procedure, in.Hops[0].Release.Payloads, in.Hops[0].Bundle = manifest.Procedure{}, nil, plan.Bundle{}
	return in
}

// Nothing is taken away that could not be brought back.
func TestReturnKeepsWhatNothingSaves(t *testing.T) {
	in := takenBack(t, with(grown, `backups: {phone: {of: [calls], make: {tell: copy it}, restore: {tell: copy it back}}}`))
	_, err := plan.Compile(in)
	var refusal *plan.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "run r1 has added calls, of which no restore point would be made") {
		t.Errorf("%v, want a refusal", err)
	}
}

// What a run has added goes when it is taken back, and the restore point that
// the return makes covers it.
func TestReturnTakesAddedTreesAway(t *testing.T) {
	in := takenBack(t, grown)
	p := compile(t, in)
	if s := step(t, p, "h1.return"); !strings.Contains(s.Title, "take away what came new: calls") {
		t.Errorf("the step is %q", s.Title)
	}
	saved := params[plan.BackupParams](t, step(t, p, "backup"))
	if !slices.ContainsFunc(saved.Files, func(f plan.FileSource) bool { return f.Component == "calls" }) || !slices.Contains(saved.Covers, "h1.return") {
		t.Errorf("the restore point does not bring it back: %+v", saved)
	}
	if c := params[plan.CleanUpParams](t, step(t, p, "clean-up")); len(c.Gone) != 1 || c.Gone[0].At != "/srv/shop/more/calls" {
		t.Errorf("what lies beside it stays: %+v", c)
	}
	for _, i := range p.Instances {
		if i.Component == "calls" && (!i.Gone || i.From != "1.4" || i.To != "") {
			t.Errorf("%+v", i)
		}
	}
}

func TestAddedTreeRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		product string
		change  func(*plan.Input)
		want    string
	}{
		{"something is there", grown, func(in *plan.Input) {
			in.Facts.Instances["calls"] = plan.InstanceFact{Taken: "there is a folder at /srv/shop/more/calls already"}
		}, "calls cannot be added: there is a folder at /srv/shop/more/calls already. Upkeep does not know it as installed, and would not touch it: move it away, or remove it"},
		{"left out", grown, func(in *plan.Input) { in.Units = []string{"app"} }, "calls comes with a feature that is chosen, and --only leaves it out"},
		{"instances of its own", grown, func(in *plan.Input) {
			in.Site.Instances = map[string][]site.Place{"calls": {{ID: "north", At: "/srv/north"}, {ID: "south", At: "/srv/south"}}}
			in.Facts.Instances["calls@north"], in.Facts.Instances["calls@south"] = in.Facts.Instances["calls"], in.Facts.Instances["calls"]
		}, "adding component calls@north, which a feature brings, in instances of its own: not yet"},
		{"inside another", strings.ReplaceAll(grown, "/srv/shop/more/calls", "/srv/shop/app/calls"), nil, "adding component calls (/srv/shop/app/calls) inside app (/srv/shop/app): not yet"},
		{"inside another, behind a link", grown, func(in *plan.Input) {
			in.Facts.Instances["app"] = plan.InstanceFact{Version: "1.0", Real: "/data/app"}
			in.Facts.Instances["calls"] = plan.InstanceFact{New: true, Real: "/data/app/calls"}
		}, "adding component calls (/data/app/calls) inside app (/data/app): not yet"},
		{"around another", strings.ReplaceAll(grown, "/srv/shop/more/calls", "/srv/shop"), nil, "adding component calls (/srv/shop) around app (/srv/shop/app): not yet"},
		{"in the place of another", strings.ReplaceAll(grown, "/srv/shop/more/tapes", "/srv/shop/app"), nil, "tapes and app are one folder, /srv/shop/app"},
		{"a later hop drops it", grown, func(in *plan.Input) {
			later := input(t, grown, g3).Hops[0]
			later.Product = feature.Without(later.Product, func(id string) bool { return id == "calls" })
			in.Hops = append(in.Hops, later)
		}, "adding component calls, which a feature brings, which a later hop drops or puts somewhere else: not yet"},
		{"a database", strings.Replace(grown, "tapes: {kind: tree,", "tapes: {kind: sqlite,", 1), func(in *plan.Input) { delete(in.Facts.Instances, "tapes") },
			"adding component tapes of kind sqlite, which a feature brings, to an installed product (trees, and components without a kind, can be added): not yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(t, tt.product, g2)
			telephony(1)(&in)
			if tt.change != nil {
				tt.change(&in)
			}
			_, err := plan.Compile(in)
			var refusal *plan.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %q", err, tt.want)
			}
		})
	}
}
