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
