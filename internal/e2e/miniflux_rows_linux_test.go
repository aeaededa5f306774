package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	screens "upkeep/internal/cli/show"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// TestMinifluxRows_S0_S1 goes the way of the documents with a real product:
// look, say no, say yes to exactly what was shown, have it done, ask again.
// The cases follow each other on one site.
func TestMinifluxRows_S0_S1(t *testing.T) {
	m := miniflux(t)
	s := m.site(t)
	from, to := m.from.Version, m.to.Version
	before := folder(t, s.Root)
	no := s.answer("n\n", "upgrade", "--from", s.bundle)

	t.Run("S1_8_both_versions_before_the_question", func(t *testing.T) {
		order(t, no.out, from+" → "+to, "app", from+" → "+to, "database", itoa(m.oldSchema)+" → "+itoa(m.newSchema), "[y/N]")
	})
	t.Run("S1_10_S0_25_every_effect_before_the_question", func(t *testing.T) {
		order(t, no.out, "What changes", s.Path("app"), "While users work", "unpack app", "Outage, about", "users see the outage page (port "+itoa(s.Port)+")",
			"stop web", "make the restore point", "exchange app", "migrate database", "as "+s.Account.Name, "start web", "point of no return", "users are in",
			"If something fails", "put back to "+from, "Room", "free", "[y/N]")
	})
	t.Run("S1_14_no_is_no", func(t *testing.T) {
		if no.code != 5 {
			t.Errorf("no ends with exit %d", no.code)
		}
		has(t, no.out, "Nothing was changed")
		if diff := cmp.Diff(before, folder(t, s.Root)); diff != "" {
			t.Errorf("a no has written (-before +after):\n%s", diff)
		}
	})

	shown := unmarshal[screens.PlanDoc](t, s.must(0, "plan", "--from", s.bundle, "--format", "json").out)
	t.Run("S0_27_exactly_the_plan_that_was_shown", func(t *testing.T) {
		elsewhere := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		s.edit(s.URL, elsewhere)
		still := folder(t, s.Root)
		moved := s.must(1, "upgrade", "--yes", "--from", s.bundle, "--plan", shown.Digest)
		has(t, moved.err, shown.Digest[:12], "url", elsewhere)
		if diff := cmp.Diff(still, folder(t, s.Root)); diff != "" {
			t.Errorf("a plan that has moved has written (-before +after):\n%s", diff)
		}
		s.edit(elsewhere, s.URL)
	})

	yes := s.answer("y\n", "upgrade", "--from", s.bundle, "--plan", shown.Digest)
	if yes.code != 0 {
		t.Fatalf("the upgrade: %v\n%s", yes, s.runLog())
	}
	t.Run("S1_15_yes_goes_on", func(t *testing.T) {
		order(t, yes.out, "[y/N]", "miniflux is on "+to+", verified")
		if rs := unmarshal[[]struct{ Plan string }](t, s.must(0, "runs", "list", "--format", "json").out); len(rs) != 1 || rs[0].Plan != shown.Digest {
			t.Errorf("the run is not one of the plan that was shown: %+v", rs)
		}
	})
	t.Run("S1_9_one_question", func(t *testing.T) {
		if n := strings.Count(yes.out, "[y/N]"); n != 1 || strings.Contains(yes.err, "?") {
			t.Errorf("%d questions were asked", n)
		}
	})
	t.Run("S1_17_it_is_upgraded", func(t *testing.T) { // its files, its data, and what users get
		s.t = t
		s.isNew()
	})
	s.t = t
	t.Run("S0_9_restore_point_before_files_and_data", func(t *testing.T) {
		ended(t, s.events(), "backup", "h1.install.app", "h1.migrate.database")
		points := unmarshal[[]struct{ ID string }](t, s.must(0, "backup", "list", "--format", "json").out)
		if len(points) != 1 {
			t.Fatalf("%d restore points", len(points))
		}
		has(t, s.must(0, "backup", "verify", points[0].ID).out, "is whole")
	})
	t.Run("S1_7_schema_once_in_order", func(t *testing.T) {
		ended(t, s.events(), "h1.install.app", "h1.migrate.database", "h1.start.web", "h1.verify")
		text, err := os.ReadFile(filepath.Join(s.runDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "Running database migrations"); n != 1 {
			t.Errorf("the migration ran %d times", n)
		}
	})
	t.Run("S0_30_S2_27_what_it_says_at_the_end", func(t *testing.T) {
		order(t, yes.out, "verify "+to, "miniflux is on "+to+", verified", from+" → "+to, "time", "outage", "restore point", "log", "next")
	})
	t.Run("S1_13_up_to_date", func(t *testing.T) {
		quiet := folder(t, s.Root)
		again := s.answer("y\n", "upgrade", "--from", s.bundle)
		if again.code != 0 || strings.Contains(again.out, "[y/N]") {
			t.Errorf("with nothing to do: %v", again)
		}
		has(t, again.out, "up to date", to)
		if diff := cmp.Diff(quiet, folder(t, s.Root)); diff != "" {
			t.Errorf("an upgrade with nothing to do has written (-before +after):\n%s", diff)
		}
	})
}

// ended fails the test unless these steps were done, each after the one
// before.
func ended(t testing.TB, events []event, steps ...string) {
	t.Helper()
	var done []string
	for _, e := range events {
		switch {
		case e.Kind == manage.EventBegan && slices.Contains(steps, e.Step) && e.Step != steps[min(len(done), len(steps)-1)]:
			t.Errorf("%s began when only %v was done", e.Step, done)
		case e.Kind == manage.EventEnded && slices.Contains(steps, e.Step) && e.Ended.OK:
			done = append(done, e.Step)
		}
	}
	if !slices.Equal(done, steps) {
		t.Errorf("done were %v, want %v", done, steps)
	}
}

// TestMinifluxStaysOld_S3_35: a bundle whose files are still those of the old
// version. Everything in it ends well and exit codes say so; what is read back
// does not. It has failed, with its own reason, and all is as it was.
func TestMinifluxStaysOld_S3_35(t *testing.T) {
	m := miniflux(t)
	s := m.site(t)
	s.bundle = m.lying(t)
	before := s.fingerprint()
	v := s.visitor()
	r := s.must(6, s.upgrade()...)
	_, screen, _ := strings.Cut(r.out, "\n\n✗ ")
	order(t, screen, "failed at step", "reads "+itoa(m.oldSchema), "wanted is "+itoa(m.newSchema), "is back on "+m.from.Version)
	same(t, before, s.fingerprint())
	closedOnce(t, v.seen())
	s.is(m.from.Version, m.oldSchema)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
}

// lying builds a bundle that says it is the new version and holds the old
// version's files.
func (m *miniLab) lying(t testing.TB) string {
	t.Helper()
	src := filepath.Join(t.TempDir(), "src")
	for _, args := range [][]string{
		{"cp", "-a", filepath.Join(m.dir, "src"), src},
		{"rm", "-rf", filepath.Join(src, "components", "app")},
		{"cp", "-a", m.from.Dir, filepath.Join(src, "components", "app")},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	dest := filepath.Join(t.TempDir(), "lying.tar.zst")
	if out, err := exec.Command(lab.Build(t), "vendor", "build", src, "-o", dest).CombinedOutput(); err != nil {
		t.Fatalf("vendor build: %v\n%s", err, out)
	}
	return dest
}
