package drain

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

func params(w folder, or string) plan.DrainParams {
	p := plan.DrainParams{Probe: childtest.FileReads(w.Path("jobs"), "0"), Every: 5 * time.Millisecond}
	if or != "" {
		run := childtest.Sh(or)
		p.Or = &run
	}
	return p
}

// Work that does not end by itself is ended by a command, once the first part
// of the time has passed. What was ended stays ended on the way back.
func TestContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[folder]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, folder) {
			w := folder(t.TempDir())
			w.Write(t, "jobs", "3")
			s := childtest.Step(t, plan.Step{Verb: "drain", Class: plan.Outward, Redo: true}, params(w, "echo 0 > "+w.Path("jobs")))
			h := New(childtest.Runner(t, k), childtest.Probes(t))
			h.reserve = func(all time.Duration) time.Duration { return all - 20*time.Millisecond }
			return h, s, w
		},
		Kept: func(string) string { return "" },
	})
}

func start(t *testing.T, jobs, or string, deadline time.Duration) (folder, func(context.Context) error) {
	t.Helper()
	w := folder(t.TempDir())
	w.Write(t, "jobs", jobs)
	s := childtest.Step(t, plan.Step{Verb: "drain", Class: plan.Check, Deadline: deadline}, params(w, or))
	env, _ := childtest.Env(t, s, step.Forward)
	h := New(childtest.Runner(t, nil), childtest.Probes(t))
	return w, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		return h.Do(ctx, env, s, nil)
	}
}

func TestWaitsUntilWorkHasEnded(t *testing.T) {
	w, do := start(t, "2", "", 5*time.Second)
	time.AfterFunc(50*time.Millisecond, func() { _ = os.WriteFile(w.Path("jobs"), []byte("0"), 0o644) })
	if err := do(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFailsWithTheEvidence(t *testing.T) {
	_, do := start(t, "2", "", 100*time.Millisecond)
	err := do(t.Context())
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "got 2, want 0") {
		t.Errorf("Do gives %v", err)
	}
}

// A read that the end of the time cut off says less than the one before it.
func TestTheLastWholeAnswerIsTheEvidence(t *testing.T) {
	w := folder(t.TempDir())
	p := params(w, "")
	p.Probe = plan.Probe{Source: "command", Expect: []string{"0"}, Env: []string{"PATH=/usr/bin:/bin"},
		Args: []string{"/bin/sh", "-c", "test -e " + w.Path("slow") + " && sleep 20; touch " + w.Path("slow") + "; echo 7 jobs"}}
	s := childtest.Step(t, plan.Step{Verb: "drain", Class: plan.Check}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := New(childtest.Runner(t, nil), childtest.Probes(t)).Do(ctx, env, s, nil)
	if err == nil || !strings.Contains(err.Error(), "got 7 jobs, want 0") {
		t.Errorf("Do gives %v", err)
	}
}

func TestFailsWhenEndingItDoesNotHelp(t *testing.T) {
	_, do := start(t, "2", "exit 0", 2*time.Second)
	err := do(t.Context())
	if err == nil || !strings.Contains(err.Error(), "got 2, want 0") {
		t.Errorf("Do gives %v", err)
	}
}

func TestDecisionEndsTheWait(t *testing.T) {
	_, do := start(t, "2", "", time.Minute)
	decided := errors.New("decided")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(decided) })
	if err := do(ctx); !errors.Is(err, decided) {
		t.Errorf("Do gives %v", err)
	}
}
