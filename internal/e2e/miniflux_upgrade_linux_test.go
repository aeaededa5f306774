package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/journal/sqlite"
	"upkeep/internal/run"
)

// TestMinifluxUpgrade is the way of an administrator: look, plan, upgrade, and
// find everything as wanted.
func TestMinifluxUpgrade(t *testing.T) {
	m := miniflux(t)
	s := m.site(t)
	before := s.fingerprint()

	untouched := folder(t, s.Root)
	check := s.must(0, "check", "--from", s.bundle)
	has(t, check.out, m.from.Version, m.to.Version, "ready")
	plan := s.must(0, "plan", "--from", s.bundle)
	has(t, plan.out, m.from.Version+" → "+m.to.Version, "database  104 → 135", "Outage, about", "Users are in again", "close the gate", "as nobody",
		"stop web", "make the restore point of "+m.from.Version, "exchange app", "migrate database", "point of no return", "open the gate", "If something fails", "Room")
	order(t, plan.out, "unpack app", "close the gate", "stop web", "make the restore point", "exchange app", "migrate database", "start web", "verify "+m.to.Version, "point of no return", "open the gate", "remove what is no longer")
	if diff := cmp.Diff(untouched, folder(t, s.Root)); diff != "" {
		t.Errorf("looking has written (-before +after):\n%s", diff)
	}

	v := s.visitor()
	started := time.Now()
	done := s.must(0, s.upgrade()...)
	has(t, done.out, "miniflux is on "+m.to.Version+", verified", "outage", "restore point", "runs log", "next")
	time.Sleep(100 * time.Millisecond)
	out := closedOnce(t, v.seen())
	page := 0
	for _, o := range out {
		if o.status == 503 {
			page++
			if o.retry == "" || !strings.Contains(o.body, "miniflux") {
				t.Errorf("an outage page without a time to come back, or without the product's name: %v", o)
				break
			}
		}
	}
	// some questions are open while the gate closes; all others get the page
	if page < len(out)-3 || page == 0 {
		t.Errorf("users saw the outage page %d times in %d questions: %v", page, len(out), firstWithout(out))
	}
	if took := time.Since(started); took > time.Minute {
		t.Errorf("the upgrade took %v", took)
	}

	s.isNew()
	s.nothingLeft()
	s.journalIsSound(run.ResultNew)
	has(t, s.must(0, "status").out, m.to.Version, "Last run")
	after := s.fingerprint()
	if after.Files["app"] != before.Files["app"] {
		t.Errorf("owner or mode of the tree changed: %s, then %s", before.Files["app"], after.Files["app"])
	}
	for name, old := range before.Files {
		if !strings.HasPrefix(name, "app/") && after.Files[name] != old {
			t.Errorf("%s was %s and is %s", name, old, after.Files[name])
		}
	}
	if got, err := os.ReadFile(s.oldTree("usr/bin/miniflux")); err != nil || len(got) == 0 {
		t.Errorf("the old tree is not kept: %v", err)
	}

	// Once more: nothing to do, and nothing is done.
	quiet := folder(t, s.Root)
	again := s.must(0, s.upgrade()...)
	has(t, again.out, "up to date", m.to.Version)
	if diff := cmp.Diff(quiet, folder(t, s.Root)); diff != "" {
		t.Errorf("an upgrade with nothing to do has written (-before +after):\n%s", diff)
	}
}

// firstWithout gives the first question that did not see the outage page.
func firstWithout(out []visit) visit {
	for _, v := range out {
		if v.status != 503 {
			return v
		}
	}
	return visit{}
}

// isNew fails the test unless the product is the new version with its data, runs
// under its account, and is open.
func (s *miniSite) isNew() {
	s.t.Helper()
	s.is(s.m.to.Version, s.m.newSchema)
}

// is fails the test unless the product runs in that version, with all data.
func (s *miniSite) is(version string, schema int) {
	s.t.Helper()
	ctx := context.Background()
	if got, err := s.InstalledVersion(ctx); err != nil || got != version {
		s.t.Errorf("the program says it is %q, %v; want %s", got, err, version)
	}
	if got, err := s.SchemaVersion(ctx); err != nil || got != schema {
		s.t.Errorf("schema %d, %v; want %d", got, err, schema)
	}
	if got, err := s.Version(ctx); err != nil || got != version {
		s.t.Errorf("the running product says it is %q, %v; want %s", got, err, version)
	}
	s.runsAsWanted()
	got, err := s.ReadBack(ctx)
	if err != nil {
		s.t.Error(err)
		return
	}
	if diff := cmp.Diff(s.want, got); diff != "" {
		s.t.Errorf("content (-seeded +read back):\n%.3000s", diff)
	}
}

// runsAsWanted fails the test unless exactly one process serves, under the
// account.
func (s *miniSite) runsAsWanted() {
	s.t.Helper()
	list, err := s.processes()
	if err != nil || len(list) != 1 {
		s.t.Errorf("processes of the product: %q, %v; want one", list, err)
		return
	}
	if s.Account.UID == 0 || !strings.Contains(list[0], "Uid: "+strings.TrimSpace(strings.Repeat(itoa(s.Account.UID)+" ", 4))+" ") {
		s.t.Errorf("the product does not run under %s alone: %s", s.Account.Name, list[0])
	}
}

// oldTree is a file of the replaced tree, which is kept beside the new one.
func (s *miniSite) oldTree(name string) string {
	found, _ := filepath.Glob(filepath.Join(s.Root, ".app.upkeep", "*", name)) // the pattern is sound
	if len(found) != 1 {
		return filepath.Join(s.Root, ".app.upkeep", "none", name)
	}
	return found[0]
}

// journalIsSound reads the journal of a copy and checks that its last run is
// closed as wanted: entries without a gap, each with the hash of the one before.
func (s *upkeep) journalIsSound(want run.Result) {
	s.t.Helper()
	ctx := context.Background()
	j, err := sqlite.Open(ctx, s.journalCopy(), time.Now)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer j.Close()
	rows, err := j.Runs(ctx)
	if err != nil || len(rows) == 0 {
		s.t.Errorf("no run in the journal: %v", err)
		return
	}
	if rows[0].Result != want {
		s.t.Errorf("the run ended as %q, want %q", rows[0].Result, want)
	}
	prev := ""
	for i := len(rows) - 1; i >= 0; i-- {
		entries, err := j.Entries(ctx, rows[i].ID, 0)
		if err != nil {
			s.t.Error(err)
			return
		}
		p, err := j.Plan(ctx, rows[i].Plan)
		if err != nil {
			s.t.Error(err)
			return
		}
		if p.Sum() != p.Digest {
			s.t.Errorf("the plan of run %s has not the digest that was said yes to", rows[i].ID)
		}
		for k, e := range entries {
			if e.Sum() != e.Hash || prev != "" && e.Prev != prev || k > 0 && e.Seq != entries[k-1].Seq+1 {
				s.t.Errorf("entry %d of run %s does not follow", e.Seq, rows[i].ID)
			}
			prev = e.Hash
		}
		if last := entries[len(entries)-1]; last.Kind != run.RunClosed {
			s.t.Errorf("run %s ends with %s", rows[i].ID, last.Kind)
		}
	}
}

// journalCopy copies the journal, so that looking changes nothing of it.
func (s *upkeep) journalCopy() string {
	s.t.Helper()
	dir := s.t.TempDir()
	found, err := filepath.Glob(filepath.Join(s.state, "journal.db*"))
	if err != nil || len(found) == 0 {
		s.t.Fatalf("there is no journal: %v", err)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return filepath.Join(dir, "journal.db")
}

// has fails the test unless the text has every part.
func has(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

// order fails the test unless the parts come in this order.
func order(t testing.TB, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		i := strings.Index(rest, p)
		if i < 0 {
			t.Errorf("%q is missing, or comes before what it must follow, in:\n%s", p, text)
			return
		}
		rest = rest[i+len(p):]
	}
}

// unmarshal reads the JSON of a command.
func unmarshal[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, text)
	}
	return v
}
