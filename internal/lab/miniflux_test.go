package lab

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMinifluxByHand goes the way that Upkeep goes, by hand: it pins what the
// product does, so that a change of Miniflux is told from a fault of Upkeep.
func TestMinifluxByHand(t *testing.T) {
	from, to := MinifluxReleases(t)
	pg := Postgres(t)
	ctx := t.Context()
	oldSchema, err := from.Schema(ctx, pg.PG)
	if err != nil {
		t.Fatal(err)
	}
	newSchema, err := to.Schema(ctx, pg.PG)
	if err != nil {
		t.Fatal(err)
	}
	if oldSchema >= newSchema {
		t.Fatalf("schema %d of %s, %d of %s: no migration to try", oldSchema, from.Version, newSchema, to.Version)
	}
	t.Logf("schema %d to %d", oldSchema, newSchema)
	s := MinifluxAt(t, pg.PG, from)
	want, err := s.Seed(ctx, 2, 15)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Categories) != 2 || len(want.Feeds) != 2 || len(want.Entries) != 30 {
		t.Fatalf("seeded %d categories, %d feeds, %d entries", len(want.Categories), len(want.Feeds), len(want.Entries))
	}
	check := func(version string, schema int) {
		t.Helper()
		if got, err := s.Version(ctx); err != nil || got != version {
			t.Errorf("the product says it is %q, %v; want %s", got, err, version)
		}
		if got, err := s.InstalledVersion(ctx); err != nil || got != version {
			t.Errorf("the program says it is %q, %v; want %s", got, err, version)
		}
		if got, err := s.SchemaVersion(ctx); err != nil || got != schema {
			t.Errorf("schema %d, %v; want %d", got, err, schema)
		}
		got, err := s.ReadBack(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("content (-seeded +read back):\n%s", diff)
		}
	}
	check(from.Version, oldSchema)

	// New files on the old schema: refused.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	swap(t, s, to)
	if err := s.Start(ctx); err == nil || !strings.Contains(err.Error(), "schema is not up to date") {
		t.Fatalf("the new program on the old schema: %v", err)
	}

	// A migration that fails half way: exit code 1, some steps done.
	if err := s.Sabotage(ctx); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("-migrate").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "linktaco_enabled") {
		t.Fatalf("the sabotaged migration: %v: %s", err, out)
	}
	if got, err := s.SchemaVersion(ctx); err != nil || got <= oldSchema || got >= newSchema {
		t.Errorf("schema %d after the failed migration, %v; want one between %d and %d", got, err, oldSchema, newSchema)
	}
	if err := s.Repair(ctx); err != nil {
		t.Fatal(err)
	}

	if out, err := s.command("-migrate").CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, out)
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	check(to.Version, newSchema)
	if c, err := s.Seed(ctx, 1, 3); err != nil || len(c.Entries) != len(want.Entries)+3 {
		t.Errorf("the new version takes no new feed: %v, %d entries", err, len(c.Entries))
	}
}

// swap puts a release's files in the place of the installed ones.
func swap(t *testing.T, s *MinifluxSite, r *MinifluxRelease) {
	t.Helper()
	script := fmt.Sprintf("set -e; cp -a '%s' '%s.new'; mv '%s' '%s.old'; mv '%s.new' '%s'", r.Dir, s.Path(SiteApp), s.Path(SiteApp), s.Path(SiteApp), s.Path(SiteApp), s.Path(SiteApp))
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("cannot swap the files: %v: %s", err, out)
	}
}

func TestMinifluxNeverSkipsWhenAsked(t *testing.T) {
	t.Setenv("UPKEEP_CACHE", t.TempDir())
	if _, err := UnpackMiniflux(t.Context(), "no-such-suite", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no-such-suite") {
		t.Errorf("a suite that is not there: %v", err)
	}
}
