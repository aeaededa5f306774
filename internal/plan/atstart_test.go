package plan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// selfish is the shop whose new versions migrate its data when they start;
// s2 and s3 are its releases.
var selfish = strings.Replace(shop, "kind: sqlite,", "kind: sqlite, migrates: at-start,", 1)

const (
	s2 = `
release: {product: shop, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: "2.0", data: "2"}
`
	s3 = `
release: {product: shop, version: "3.0"}
routes: [{from: ">= 2.0"}]
payloads: {app: app.tar.zst}
versions: {app: "3.0", data: "3"}
`
)

// The start is the migration: it has a migration's time, is not tried again,
// is told what it migrates, and its restore point covers it.
func TestStartThatMigrates(t *testing.T) {
	in := input(t, selfish, s2, s3)
	in.Site.Limits = map[string]site.Duration{"migrate": 20 * time.Minute}
	p := compile(t, in)
	s, _ := p.Find("h2.start.web")
	if s.Deadline != 20*time.Minute || s.Retries != 0 || s.Undo != "restore" || !s.Writes {
		t.Errorf("the start is %+v", s)
	}
	if !strings.HasSuffix(s.Title, "; it migrates data for 3.0") {
		t.Errorf("its title is %q", s.Title)
	}
	var params plan.ServiceParams
	if err := json.Unmarshal(s.Params, &params); err != nil || len(params.Migrates) != 1 || params.Migrates[0].Want != "3" {
		t.Errorf("its parameters are %+v, %v", params, err)
	}
	for _, id := range []string{"backup", "h2.backup"} {
		b, _ := p.Find(id)
		var params plan.BackupParams
		if err := json.Unmarshal(b.Params, &params); err != nil || !strings.Contains(strings.Join(params.Covers, " "), "h2.start.web") {
			t.Errorf("%s covers %v, %v", id, params.Covers, err)
		}
	}
}

// The forecast counts the migration, once a hop.
func TestForecastOfAStartThatMigrates(t *testing.T) {
	in, plain := input(t, selfish, s2), input(t, shop, s2)
	in.Facts.Databases["data"], plain.Facts.Databases["data"] = 400<<20, 400<<20
	a, b := plan.Estimate(compile(t, in), in), plan.Estimate(compile(t, plain), plain)
	if more := a.Outage - b.Outage; more < 10*time.Second || more > 12*time.Second {
		t.Errorf("the migration of 400 MB at the start is forecast at %v", more)
	}
}

// Where users cannot be kept out the plan says what that means.
func TestStartThatMigratesInTheOpen(t *testing.T) {
	in := input(t, selfish, s2)
	notRoot(&in)
	p := compile(t, in)
	notes := strings.Join(p.Notes, "\n")
	for _, want := range []string{"2.0 migrates data when it starts, which is behind the barrier here", "upkeep decide RUN skip, and upkeep back"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	if s, _ := p.Find("h1.milestone"); s.Title != "the files are those of 2.0; its start migrates the data" {
		t.Errorf("the milestone is called %q", s.Title)
	}
}
