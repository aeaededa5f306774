package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/run"
)

// TestWordPress upgrades WordPress from one Debian release to the next while
// visitors read its front page and its posts, and takes it back the next
// morning. What the site has added and changed goes with it.
func TestWordPress(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	s.is(w.Old)
	settings := s.Path("htdocs/wp-settings.php")
	edited, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	edited = append(edited, "\n// by hand, in a hurry\n"...)
	robots := s.Path("htdocs/robots.txt")
	for path, text := range map[string][]byte{settings: edited, robots: []byte("User-agent: *\n")} {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	before := s.print()
	plan := s.must(0, "plan", "--from", w.NewBundle)
	has(t, flat(plan.out), w.Old.Version, w.New.Version, w.Old.Schema+" → "+w.New.Schema, "wp-settings.php", "robots.txt")
	order(t, plan.out, "switch maintenance on", "close the gate", "stop web", "stop php", "make the restore point", "exchange app for "+w.New.Version,
		"migrate database for "+w.New.Version, "start php behind the gate", "start web behind the gate", "verify "+w.New.Version, "point of no return")

	front, posts := s.visitor("/", "Post 11: Ünïcode"), s.visitor("/?rest_route=/wp/v2/posts", `"slug":"post-11`)
	began := time.Now()
	done := s.must(0, s.upgrade()...)
	t.Logf("the upgrade took %v", time.Since(began).Round(time.Millisecond))
	has(t, done.out, "is on "+w.New.Version+", verified", "wp-settings.php")
	time.Sleep(300 * time.Millisecond)
	for _, v := range []*visitor{front, posts} {
		outageOf(t, v.seen())
	}
	s.is(w.New)
	s.nothingLeft()
	s.journalIsSound(run.ResultNew)
	if got, err := os.ReadFile(settings + ".upkeep-old"); err != nil || string(got) != string(edited) {
		t.Errorf("what the site had edited is not beside the new file: %v", err)
	}
	if got, err := os.ReadFile(settings); err != nil || strings.Contains(string(got), "in a hurry") {
		t.Errorf("the new file is not the release's: %v", err)
	}
	if _, err := os.Stat(robots); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Path("htdocs/wp-content/themes/twentytwentyfive/style.css")); err != nil {
		t.Error("the theme that comes new with the release is not there:", err)
	}

	// the next morning: all of it back, and what was written since stays in the
	// restore point of the new version
	if _, err := s.Write(t.Context(), "Written since", "<p>Lost on the way back.</p>"); err != nil {
		t.Fatal(err)
	}
	s.must(0, "back", "--yes")
	s.is(w.Old)
	s.morning(before)
}

// outageOf checks that users were out once, saw the outage page or the product's
// own, and says for how long.
func outageOf(t *testing.T, visits []visit) {
	t.Helper()
	out, page, pending := closedOnce(t, visits), 0, 0
	if len(out) == 0 || !visits[0].good {
		t.Fatalf("no outage to tell of: %v", visits[0])
	}
	for _, o := range out {
		switch {
		case o.status == 503:
			page++
		case o.status == 0:
			pending++ // open while the gate closed
		}
	}
	if page == 0 || page+pending < len(out) {
		t.Errorf("users saw an outage page %d times in %d questions: %v", page, len(out), firstWithout(out))
	}
	t.Logf("users were out for %v in %d questions", out[len(out)-1].end.Sub(out[0].at).Round(time.Millisecond), len(out))
}
