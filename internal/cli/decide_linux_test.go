package cli_test

import (
	"os"
	"testing"

	"upkeep/internal/cli"
	"upkeep/internal/run"
)

// A decision that the run cannot take must never get into the journal: it
// could not be folded any more, and nothing could be done about the product.
func TestDecisionsThatCannotBeTaken(t *testing.T) {
	h := newHouse(t)
	was := h.fingerprint()
	h.holdAt("after-install", "2.0")
	end := h.begin("upgrade", "-y", "--from", h.good, "--to", "2.0")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"back", "-y", "--to-milestone", "-1"}, "has not reached"},
		{[]string{"back", "-y", "--to-milestone", "1"}, "has not reached"},
		{[]string{"back", "-y", "--to-milestone", "7"}, "has not reached"},
		{[]string{"decide", h.last().ID, "retry"}, "does not wait"},
		{[]string{"decide", h.last().ID, "land"}, "does not wait"},
		{[]string{"decide", h.last().ID, "sing"}, "does not wait"},
		{[]string{"decide", "another", "back"}, "not another"},
	} {
		_, e := h.expect(cli.ExitError, tt.args...)
		contains(t, tt.args[0], e, tt.want)
	}
	// one run at a time, and nothing else beside it
	for _, args := range [][]string{{"upgrade", "-y", "--from", h.good}, {"plan", "--from", h.good}, {"check", "--from", h.good}, {"backup", "create"}, {"backup", "restore", "-y", "x"}} {
		_, e := h.expect(cli.ExitError, args...)
		contains(t, args[0], e, "is under way", h.last().ID)
	}
	_, e := h.expect(cli.ExitError, "mode", "normal")
	contains(t, "mode normal", e, "is open")
	if r := h.last(); r.State.Mode != run.Going {
		t.Errorf("the run goes %s", r.State.Mode)
	}
	h.expect(cli.ExitOld, "cancel", "--why", "it is late")
	if code, _, e := end(); code != cli.ExitOld {
		t.Errorf("the upgrade ended with %d: %s", code, e)
	}
	if d := was.Differences(h.fingerprint()); len(d) > 0 {
		t.Errorf("it is not as it was: %v", d)
	}
}

// What the screens say to type must work as it is typed.
func TestQuotedInstallation(t *testing.T) {
	h := newHouse(t)
	odd := h.dir + "/it's here.yaml"
	text, err := os.ReadFile(h.doc)
	must(t, err)
	must(t, os.WriteFile(odd, text, 0o644))
	out, _ := h.expect(cli.ExitDone, "plan", "--installation", odd, "--from", h.good)
	contains(t, "the plan", out, `upkeep --installation '`+h.dir+`/it'\''s here.yaml' upgrade --from `+h.good+" --plan ")
}

// A copied document must not take the other's runs for its own.
func TestTwoDocumentsWithOneState(t *testing.T) {
	h := newHouse(t)
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good, "--to", "2.0")
	text, err := os.ReadFile(h.doc)
	must(t, err)
	other := h.dir + "/copy.yaml"
	must(t, os.WriteFile(other, text, 0o644))
	for _, args := range [][]string{{"status"}, {"upgrade", "-y", "--from", h.good}, {"back", "-y"}} {
		_, e := h.expect(cli.ExitError, append(args, "--installation", other)...)
		contains(t, args[0], e, "belongs to the installation document "+h.doc)
	}
	// moved, it is the same one
	must(t, os.Rename(h.doc, h.dir+"/moved.yaml"))
	was := h.doc
	h.doc = h.dir + "/moved.yaml"
	must(t, os.Remove(other))
	h.expect(cli.ExitDone, "upgrade", "-y", "--from", h.good)
	must(t, os.WriteFile(was, text, 0o644))
	_, e := h.expect(cli.ExitError, "status", "--installation", was)
	contains(t, "status", e, "belongs to the installation document "+h.doc)
}
