package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/cli"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// interrupt leaves a run that was opened and that no engine carries on, as a
// power cut right after the yes would.
func (h *house) interrupt(to string) {
	h.t.Helper()
	in, err := manage.Open(h.doc, "/bin/true")
	must(h.t, err)
	p, err := in.Prepare(h.t.Context(), manage.Request{From: h.good, To: to, Trigger: "command"})
	must(h.t, err)
	defer p.Close()
	_, err = in.Start(h.t.Context(), p, "tester")
	must(h.t, err)
	if r := h.last(); !r.Interrupted() {
		h.t.Fatalf("the run is not interrupted: engine %d", r.Engine)
	}
}

// onlyJSON checks that an answer for machines is one JSON value and no more.
func onlyJSON(t *testing.T, what, out string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(out))
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s is no JSON: %v\n%s", what, err, out)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("behind the JSON of %s there is more:\n%s", what, out)
	}
	return v
}

// Any command that finds an interrupted run carries it on first, and then
// does what it was given for.
func TestInterruptedRunIsCarriedOnFirst(t *testing.T) {
	h := newHouse(t)
	h.interrupt("2.0")
	out, _ := h.expect(cli.ExitDone, "status")
	contains(t, "status", out, "was interrupted", "resume")
	out, e := h.expect(cli.ExitDone, "plan", "--format", "json", "--from", h.good)
	v := onlyJSON(t, "plan", out)
	if v["installed"] != "2.0" {
		t.Errorf("the plan begins at %v, want 2.0", v["installed"])
	}
	contains(t, "standard error", e, "was interrupted; it is carried on first", "notes is on 2.0")
	if r := h.last(); result(r) != run.ResultNew || h.version() != "2.0" {
		t.Errorf("the run ended %s on %s", result(r), h.version())
	}
}

// A question and its answer stand beside the JSON, not in it.
func TestDeclined(t *testing.T) {
	h := newHouse(t)
	was := h.fingerprint()
	for _, format := range []string{"text", "json"} {
		for _, answer := range []string{"", "n\n", "yes please\n", "\n"} {
			h.in = strings.NewReader(answer)
			out, e := h.expect(cli.ExitDeclined, "upgrade", "--from", h.good, "--format", format)
			if format == "json" && out != "" {
				t.Errorf("with the answer %q standard output says %q", answer, out)
			}
			contains(t, "the question", out+e, "[y/N]", "Nothing was changed.")
		}
	}
	if rs, err := h.open().Runs(t.Context()); err != nil || len(rs) > 0 {
		t.Errorf("there are runs: %v, %v", rs, err)
	}
	list, err := h.open().FS.ReadDir(h.open().State)
	must(t, err)
	for _, e := range list {
		if e.Name != "services" { // where the product's own start is noted
			t.Errorf("a declined upgrade has written %s", e.Name)
		}
	}
	if d := was.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("something was changed: %v", d)
	}
}

// A restore of a part that is cut off is ended by one that has this part; then
// nobody is asked a second time whether the rest fits.
func TestRestoreOfAPartInterrupted(t *testing.T) {
	h := newHouse(t)
	was := h.fingerprint()
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good, "--to", "2.0")
	point := h.last().ID + "-origin"
	ctx, cut := context.WithCancel(t.Context())
	err := h.open().RestorePoint(ctx, manage.Restore{Point: point, Only: []string{"app"}, Mixed: true}, func(text string) {
		if text == "restoring app" {
			cut()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "give the same command again") {
		t.Fatalf("the restore that was cut off says %v", err)
	}
	again := "backup restore " + point + " --only app"
	out, _ := h.expect(cli.ExitDone, "status")
	contains(t, "status", out, "interrupted", again)
	out, _ = h.expect(cli.ExitBlocked, "doctor")
	contains(t, "doctor", out, again)
	for _, args := range [][]string{{"backup", "restore", point, "--only", "database", "-y", "--mixed"}, {"backup", "create"}, {"upgrade", "-y", "--from", h.good}} {
		_, e := h.expect(cli.ExitError, args...)
		contains(t, args[0], e, again)
	}
	if why, err := h.open().Occupied(t.Context()); why != "" || err != nil {
		t.Errorf("a timer ends calmly: %q, %v", why, err)
	}
	h.expect(cli.ExitError, "backup", "create", "--timer")
	out, _ = h.expect(cli.ExitDone, "status")
	contains(t, "status", out, "no restore point was made by the timer")
	out, _ = h.expect(cli.ExitDone, "backup", "restore", point, "--only", "app", "-y")
	contains(t, "restore", out, "going on with the restore that was interrupted")
	h.expect(cli.ExitDone, "backup", "restore", point, "-y")
	if d := was.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("it is not as it was: %v", d)
	}
}

// A restore that is cut off leaves the product stopped, says so everywhere,
// and is done by giving it again.
func TestRestoreInterrupted(t *testing.T) {
	h := newHouse(t)
	was := h.fingerprint()
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good, "--to", "2.0")
	point := h.last().ID + "-origin"
	ctx, cut := context.WithCancel(t.Context())
	err := h.open().RestorePoint(ctx, manage.Restore{Point: point}, func(text string) {
		if text == "restoring database" {
			cut()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "give the same command again") {
		t.Fatalf("the restore that was cut off says %v", err)
	}
	out, _ := h.expect(cli.ExitDone, "status")
	contains(t, "status", out, "interrupted", "backup restore "+point)
	for _, args := range [][]string{{"upgrade", "-y", "--from", h.good}, {"plan", "--from", h.good}, {"check", "--from", h.good}, {"backup", "create"}} {
		_, e := h.expect(cli.ExitError, args...)
		contains(t, args[0], e, "backup restore "+point)
	}
	p, err := manage.DemoProduct("1.0")
	must(t, err)
	if err := h.open().StartServices(t.Context(), p); err == nil || !strings.Contains(err.Error(), "must stay stopped") {
		t.Errorf("the half restored product can be started: %v", err)
	}
	h.expect(cli.ExitDone, "backup", "restore", point, "-y")
	if d := was.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("it is not as it was: %v", d)
	}
	out, _ = h.expect(cli.ExitDone, "status")
	if strings.Contains(out, "interrupted") {
		t.Errorf("the restore is done, but status says\n%s", out)
	}
}

// While a run waits for a person users read why, and not that nobody answers.
func TestPageStaysWhileTheRunWaits(t *testing.T) {
	h := newHouse(t)
	h.allowGate()
	h.holdAt("after-install", "2.0")
	end := h.begin("upgrade", "-y", "--from", h.good, "--to", "2.0")
	contains(t, "the page", h.page(), "is being upgraded to 2.0", "Expected end")
	for accept, want := range map[string][]string{
		"text/html,*/*;q=0.8": {`<html lang="fr">`, "notes passe à la version 2.0. Vos données sont conservées.", "Fin prévue"},
		"application/json":    {`"status":503`, `"language":"fr"`, "notes passe à la version 2.0.", `"expected_end":"20`, `"retry_after":`},
		"text/plain":          {"notes passe à la version 2.0.\n", "Fin prévue", "Réessayez dans"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/notes", h.port), nil)
		must(t, err)
		req.Header.Set("Accept", accept)
		req.Header.Set("Accept-Language", "fr-CH, fr;q=0.9, en;q=0.5")
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		must(t, err)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Content-Language") != "fr" {
			t.Errorf("%s: %s, %v", accept, resp.Status, resp.Header)
		}
		contains(t, "the page as "+accept, string(text), want...)
	}
	h.kill()
	if code, out, e := end(); code != cli.ExitWaiting {
		t.Fatalf("the upgrade ended with %d:\n%s%s", code, out, e)
	}
	contains(t, "the page", h.page(), "takes longer than planned")
	h.letGo()
	h.hook("after-install", "exit 1")
	h.expect(cli.ExitOld, "back", "-y")
	if got := h.get(); got != http.StatusOK {
		t.Errorf("after the return a user is answered with %d", got)
	}
}

func TestLogIsSafeForTerminals(t *testing.T) {
	h := newHouse(t)
	h.hook("after-install", `printf 'fine\033[2Jgone\r\n\302\233A \342\200\256evil\n'`)
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good, "--to", "2.0")
	out, _ := h.expect(cli.ExitDone, "runs", "log")
	contains(t, "the log", out, "fine [2Jgone")
	if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x9b || r == 0x202e) }); i >= 0 {
		t.Errorf("the log moves the cursor: %q", out[max(0, i-20):i+20])
	}
	raw := filepath.Join(h.last().Dir, "log")
	if text, err := h.open().FS.ReadFile(raw); err != nil || !bytes.Contains(text, []byte("\x1b[2J")) {
		t.Errorf("the file itself keeps what was said: %v", err)
	}
}

// An engine that comes when its run is over does not take the lock, even for a
// moment: the next command would find somebody at work.
func TestLateEngine(t *testing.T) {
	h := newHouse(t)
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good)
	lock := filepath.Join(h.open().State, "lock")
	was, err := os.ReadFile(lock)
	must(t, err)
	h.expect(cli.ExitDone, "engine", "--installation", h.doc, "--run", h.last().ID)
	is, err := os.ReadFile(lock)
	must(t, err)
	if string(is) != string(was) {
		t.Errorf("the lock was taken by process %s, before by %s", is, was)
	}
}
