package notify_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/notify"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

func subject(t *testing.T, k *steptest.Killer) (*notify.Handler, plan.Step, folder) {
	w := folder(t.TempDir())
	script := childtest.Sh(`echo "$UPKEEP_WHO: $UPKEEP_TEXT ($UPKEEP_OUTAGE)" >> ` + w.Path("sent"))
	p := plan.NotifyParams{Who: "users", Outage: 20 * time.Minute, Text: "shop will be upgraded", Run: script.Args, Env: script.Env}
	return notify.New(childtest.Runner(t, k), childtest.Probes(t)), childtest.Step(t, plan.Step{Verb: "notify", Class: plan.Outward, Redo: true, Undo: "action"}, p), w
}

// What was sent cannot be taken back and may be sent twice: the world that the
// contract compares is empty.
type silent struct{ folder }

func (silent) Fingerprint() string { return "" }

func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[silent]{Unsure: true,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, silent) {
			h, s, w := subject(t, k)
			return h, s, silent{w}
		}})
}

func sent(t *testing.T, w folder) string {
	t.Helper()
	b, err := os.ReadFile(w.Path("sent"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

func TestToldOnceAndCorrectedOnce(t *testing.T) {
	h, s, w := subject(t, nil)
	env, _ := childtest.Env(t, s, step.Forward)
	for range 2 {
		if err := h.Do(t.Context(), env, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := sent(t, w), "users: shop will be upgraded (20m0s)\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	env.Direction = step.Back
	for range 2 {
		if err := h.Undo(t.Context(), env, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := sent(t, w), "users: cancelled: shop will be upgraded (20m0s)\n"; !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("sent %q, want one more line %q", got, want)
	}
}

func TestWhoWasNotToldIsNotCorrected(t *testing.T) {
	h, s, w := subject(t, nil)
	env, _ := childtest.Env(t, s, step.Back)
	if err := h.Undo(t.Context(), env, s, nil); err != nil || sent(t, w) != "" {
		t.Errorf("Undo gives %v and sent %q", err, sent(t, w))
	}
}
