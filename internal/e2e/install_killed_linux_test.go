package e2e

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// A first install that is killed when a step has just begun, forward or on the
// way back, ends installed or leaves nothing behind.
func TestItopInstallKilled_S0_3(t *testing.T) {
	lab.Slow(t)
	broken := func(path, text string) string {
		if path == "releases/3.2.0/release.yaml" {
			text = strings.Replace(text, `  database: "2"`, `  database: "3"`, 1)
		}
		return text
	}
	for name, c := range map[string]struct {
		edit func(path, text string) string
		dir  run.Direction
		code int
	}{"forward": {nil, run.Do, 0}, "back": {broken, run.Undo, 6}} {
		t.Run(name, func(t *testing.T) {
			for _, m := range begun(t, c.edit, c.dir, c.code) {
				t.Run(m.step, func(t *testing.T) {
					s, args := bare(t, c.edit)
					before := lying(t, s)
					killed, err := kill(s, m, append(args, "--yes")...)
					if err != nil || !killed {
						t.Logf("the engine was not killed (%v)", err)
					}
					installedOrAbsent(t, s, before, c.code)
				})
			}
		})
	}
}

// begun gives the moments at which the steps of an undisturbed install begin.
func begun(t *testing.T, edit func(path, text string) string, dir run.Direction, code int) []instant {
	s, args := bare(t, edit)
	known := len(s.Runs())
	wait := s.Began(append(args, "--yes")...)
	var out []instant
	seen := map[string]bool{}
	_ = s.Follow(known, time.Minute, func(e manage.Event) bool {
		if e.Kind == manage.EventBegan && e.Dir == dir && !seen[e.Step] {
			seen[e.Step] = true
			out = append(out, instant{e.Step, e.Dir, 0})
		}
		return false
	})
	if r := wait(); r.Code != code || len(out) < 6 {
		t.Fatalf("%d steps begun %s: %v", len(out), dir, r)
	}
	return out
}

func installedOrAbsent(t *testing.T, s *sitetest.Site, before string, code int) {
	t.Helper()
	r := s.Upkeep("resume")
	if r.Code == 7 { // killed in the middle of the vendor's command, which nobody may run once more
		r = s.Upkeep("back", "--yes")
	}
	if r.Code != 0 && r.Code != 6 {
		t.Fatalf("resume: %v\n%s", r, s.Log())
	}
	last := s.Must(0, "runs", "list").Out
	switch {
	case code == 0 && strings.Contains(last, "on 3.2.0"):
		if got := strings.Join(s.Query("data/notes.db", "SELECT version FROM schema_version"), ""); got != "2" || s.Read("app/VERSION") != "3.2.0\n" {
			t.Errorf("installed, but app is %q and the schema %q", s.Read("app/VERSION"), got)
		}
		wants(t, s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out, `up to date: 3\.2\.0`)
	case strings.Contains(last, "taken away again"):
		if after := lying(t, s); after != before {
			t.Errorf("before:\n%s\nafter:\n%s\n%s", before, after, s.Log())
		}
	default:
		t.Errorf("it ended neither installed nor absent: %s\n%s", last, s.Log())
	}
	leftovers(t, s)
}
