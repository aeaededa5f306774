package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/cli"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// write adds a note as a user of the product.
func (h *house) write(title string) {
	h.t.Helper()
	body := fmt.Sprintf(`{"text": %q, "author": "ann"}`, title)
	resp, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/notes", h.port), "application/json", strings.NewReader(body))
	must(h.t, err)
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		h.t.Fatalf("a note cannot be written: %s", resp.Status)
	}
}

// The next morning: users have worked on the new version, and the upgrade is
// taken back by a run of its own, whose yes names what they lose.
func TestBackTheNextMorning(t *testing.T) {
	h := newHouse(t)
	was := h.fingerprint()
	_, e := h.expect(cli.ExitError, "back", "-y")
	contains(t, "with nothing to go back from", e, "nothing was upgraded", "backup restore")

	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good)
	h.write("what came after")
	theme := filepath.Join(h.dir, "app", "local", "theme.css")
	must(t, os.WriteFile(theme, []byte("h1 { color: green }"), 0o644))
	later := h.fingerprint()

	out, _ := h.expect(cli.ExitDeclined, "back")
	contains(t, "the question", out, "Go back from 3.0 to 1.0", "discard what users did in the", "since run "+h.last().ID, "restore point of 3.0")
	if d := later.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("a no has changed something: %v", d)
	}
	out, _ = h.expect(cli.ExitDone, "back", "-y")
	contains(t, "the result", out, "notes is on 1.0")
	if d := was.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("it is not as it was: %v", d)
	}
	r := h.last()
	if result(r) != run.ResultNew || r.From != "3.0" || r.To != "1.0" {
		t.Errorf("the run went from %s to %s and ended %s", r.From, r.To, result(r))
	}

	// and what users did in between is not lost for good
	_, e = h.expect(cli.ExitError, "back", "-y")
	contains(t, "back from the way back", e, "took an upgrade back itself")
	h.expect(cli.ExitDone, "backup", "restore", "-y", r.ID+"-origin", "--from", filepath.Join(h.good, "notes-3.0.tar.zst"))
	if d := later.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("the restore point of the new state gives another one: %v", d)
	}
}

// A return that fails leaves the new version with all that users did.
func TestBackThatFails(t *testing.T) {
	h := newHouse(t)
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good, "--to", "2.0")
	h.write("what came after")
	later := h.fingerprint()
	in := h.open()
	point := filepath.Join(in.Backup, h.last().ID+"-origin")
	r, err := in.PrepareReturn(t.Context())
	must(t, err)
	if r.Closed.IsZero() || !strings.Contains(r.Plan.Notes[0], "what users did") {
		t.Errorf("the plan does not say what is lost: %v", r.Plan.Notes)
	}
	back := func(when string) {
		t.Helper()
		if _, err := in.PrepareReturn(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no way back") {
			t.Errorf("%s, a plan is made all the same: %v", when, err)
		}
		id, err := in.Start(t.Context(), r.Prepared, "tester")
		must(t, err)
		done, err := in.Attach(t.Context(), id, 0, func(manage.Event) {})
		must(t, err)
		if result(done) != run.ResultOld {
			t.Fatalf("%s, the run ended %s", when, result(done))
		}
		if d := later.Differences(h.fingerprint()); len(d) > 0 {
			t.Errorf("%s, a return that failed has changed something: %v", when, d)
		}
	}
	// the files are put back, then the data cannot be
	dump := filepath.Join(point, "database.dump.zst")
	raw, err := os.ReadFile(dump)
	must(t, err)
	raw[len(raw)/2] ^= 0xff
	must(t, os.WriteFile(dump, raw, 0o600))
	back("with a damaged dump")
	must(t, os.Rename(point, point+".away"))
	back("without its restore point")
}
