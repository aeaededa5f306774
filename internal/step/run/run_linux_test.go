package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// What a program had written before a power cut may be there in part: only a
// database vouches for all that came before.
func TestCutOff(t *testing.T) {
	holds := plan.Probe{Source: "exists", Args: []string{"/"}}
	data := plan.Probe{Source: "sql", Args: []string{"SELECT 1"}, Expect: []string{"1"}, DB: &plan.Database{Kind: "sqlite", Path: "/nowhere"}}
	for _, c := range []struct {
		name   string
		rec    child.Record
		verify []plan.Probe
		want   step.State
	}{
		{"killed, reads back", child.Record{Boot: "this"}, []plan.Probe{holds}, step.New},
		{"cut, reads back", child.Record{Boot: "before"}, []plan.Probe{holds}, step.Unknown},
		{"cut, a database vouches", child.Record{Boot: "before"}, []plan.Probe{data}, step.New},
		{"cut, and it vouches for itself only", child.Record{Boot: "before"}, []plan.Probe{data, holds}, step.Unknown},
		{"cut after its end was recorded", child.Record{Boot: "before", Ended: true}, []plan.Probe{holds}, step.New},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := childtest.Sh("true")
			p.Verify = c.verify
			_, s, env, _ := start(t, plan.Step{}, p)
			r := childtest.Runner(t, nil)
			r.Boot = "this"
			open := func(context.Context, plan.Database, string) (database.Database, error) { return one{}, nil }
			h := run.New(r, probe.New(probe.Deps{Commands: childtest.New(t, nil), Database: open}))
			if err := (child.Records{FS: childtest.FS(nil)}).Write(env, s, step.Forward, "", c.rec); err != nil {
				t.Fatal(err)
			}
			obs, err := h.Observe(t.Context(), env, s, nil)
			if err != nil || obs.State != c.want {
				t.Errorf("Observe gives %+v, %v, want %s", obs, err, c.want)
			}
		})
	}
}

// one is a database that answers 1 to everything.
type one struct{ database.Database }

func (one) Query(context.Context, string) (string, error) { return "1", nil }
func (one) Close() error                                  { return nil }

type folder = childtest.Folder

// script leaves a file and, undone, takes it away; neither can be told from
// the folder when it was cut off.
func subject(verify bool, undo string, redo bool) steptest.Subject[folder] {
	return steptest.Subject[folder]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, folder) {
			w := folder(t.TempDir())
			p := childtest.Sh("echo done > " + w.Path("effect"))
			back := childtest.Sh("rm -f " + w.Path("effect"))
			if undo == "action" {
				p.Undo = &back
			}
			if verify {
				p.Verify = []plan.Probe{childtest.FileReads(w.Path("effect"), "done")}
			}
			s := childtest.Step(t, plan.Step{Verb: "run", Undo: undo, Redo: redo}, p)
			return run.New(childtest.Runner(t, k), childtest.Probes(t)), s, w
		},
		Unsure: true,
		Kept: func(f string) string {
			if undo == "action" {
				return f
			}
			return ""
		},
	}
}

func TestContract(t *testing.T) {
	for _, c := range []struct {
		verify bool
		undo   string
		redo   bool
	}{{false, "action", false}, {true, "action", true}, {false, "restore", true}, {true, "none", false}} {
		t.Run(fmt.Sprintf("verify %v undo %s redo %v", c.verify, c.undo, c.redo), func(t *testing.T) {
			steptest.Run(t, subject(c.verify, c.undo, c.redo))
		})
	}
}

// start makes a handler and a step for one script.
func start(t *testing.T, s plan.Step, p plan.RunParams) (*run.Handler, plan.Step, step.Env, *strings.Builder) {
	t.Helper()
	s.Verb = "run"
	s = childtest.Step(t, s, p)
	env, log := childtest.Env(t, s, step.Forward)
	return run.New(childtest.Runner(t, nil), childtest.Probes(t)), s, env, log
}

func TestFailureQuotesTheLastLines(t *testing.T) {
	h, s, env, log := start(t, plan.Step{Title: "run the fixer"}, childtest.Sh("for i in $(seq 1 30); do echo line $i; done; exit 3"))
	err := h.Do(t.Context(), env, s, nil)
	var user *step.UserError
	if !errors.As(err, &user) {
		t.Fatalf("Do gives %v, want a user error", err)
	}
	for _, want := range []string{"cannot run the fixer", "sh failed with exit code 3", "line 11\n", "line 30"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 10\n") {
		t.Errorf("the error has more than 20 lines:\n%v", err)
	}
	if !strings.Contains(log.String(), "line 1\n") {
		t.Errorf("the log lacks the output:\n%s", log)
	}
	obs, err := h.Observe(t.Context(), env, s, nil)
	if err != nil || obs.State != step.Unknown || !strings.Contains(obs.Evidence, "exit code 3") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

func TestStates(t *testing.T) {
	verify := []plan.Probe{{Source: "exists", Args: []string{"/nowhere/at/all"}}}
	holds := []plan.Probe{{Source: "exists", Args: []string{"/"}}}
	for _, c := range []struct {
		name   string
		rec    *child.Record
		verify []plan.Probe
		redo   bool
		want   step.State
	}{
		{"not begun", nil, nil, false, step.Old},
		{"not begun, though what it brings about is there", nil, holds, false, step.Old},
		{"interrupted", &child.Record{}, nil, true, step.Unknown},
		{"interrupted, reads back", &child.Record{}, holds, false, step.New},
		{"interrupted, does not read back", &child.Record{}, verify, false, step.Unknown},
		{"failed", &child.Record{Ended: true, Exit: 1, Why: "exit code 1"}, nil, false, step.Unknown},
		{"failed, repeatable", &child.Record{Ended: true, Exit: 1, Why: "exit code 1"}, nil, true, step.Mixed},
		{"failed, though it reads back", &child.Record{Ended: true, Exit: 1, Why: "exit code 1"}, holds, true, step.Mixed},
		{"ended", &child.Record{Ended: true}, nil, false, step.New},
		{"ended, does not read back", &child.Record{Ended: true}, verify, true, step.Mixed},
		{"ended, reads back", &child.Record{Ended: true}, holds, false, step.New},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := childtest.Sh("true")
			p.Verify = c.verify
			h, s, env, _ := start(t, plan.Step{Redo: c.redo}, p)
			if c.rec != nil {
				if err := (child.Records{FS: childtest.FS(nil)}).Write(env, s, step.Forward, "", *c.rec); err != nil {
					t.Fatal(err)
				}
			}
			obs, err := h.Observe(t.Context(), env, s, nil)
			if err != nil || obs.State != c.want {
				t.Errorf("Observe gives %+v, %v, want %s", obs, err, c.want)
			}
		})
	}
}

func TestExitZeroWithoutTheEffectHasFailed(t *testing.T) {
	p := childtest.Sh("exit 0")
	p.Verify = []plan.Probe{childtest.FileReads(filepath.Join(t.TempDir(), "version"), "2.0")}
	h, s, env, _ := start(t, plan.Step{}, p)
	if err := h.Do(t.Context(), env, s, nil); err != nil {
		t.Error(err)
	}
	if obs, err := h.Observe(t.Context(), env, s, nil); err != nil || obs.State == step.New || !strings.Contains(obs.Evidence, "it reads none, wanted is 2.0") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

// TestAnEffectMayShowLate: a command that has ended well gets a moment.
func TestAnEffectMayShowLate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "version")
	p := childtest.Sh("exit 0")
	p.Verify = []plan.Probe{childtest.FileReads(file, "2.0")}
	h, s, env, _ := start(t, plan.Step{}, p)
	if err := h.Do(t.Context(), env, s, nil); err != nil {
		t.Error(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = os.WriteFile(file, []byte("2.0"), 0o644) })
	if obs, err := h.Observe(t.Context(), env, s, nil); err != nil || obs.State != step.New {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

func TestRunsWithTheRunsReferences(t *testing.T) {
	h, s, env, log := start(t, plan.Step{}, childtest.Sh("echo ${run.id}=$UPKEEP_RUN since ${run.start}"))
	if err := h.Do(t.Context(), env, s, nil); err != nil {
		t.Fatal(err)
	}
	if want := "r1=r1 since 2026-03-14T15:09:26Z\n"; log.String() != want {
		t.Errorf("it said %q, want %q", log, want)
	}
}

func TestTimeLimitIsAFailure(t *testing.T) {
	h, s, env, _ := start(t, plan.Step{}, childtest.Sh("echo waiting; exec sleep 60"))
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	err := h.Do(ctx, env, s, nil)
	if err == nil || !strings.Contains(err.Error(), "waiting") {
		t.Errorf("Do gives %v", err)
	}
	obs, err := h.Observe(t.Context(), env, s, nil)
	if err != nil || obs.State != step.Unknown {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

func TestDecisionLeavesItInterrupted(t *testing.T) {
	h, s, env, _ := start(t, plan.Step{}, childtest.Sh("exec sleep 60"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := h.Do(ctx, env, s, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Do gives %v", err)
	}
	obs, err := h.Observe(t.Context(), env, s, nil)
	if err != nil || obs.State != step.Unknown || obs.Evidence != "it was interrupted" {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
}

// Done and taken back a second time, both commands run a second time.
func TestEachRoundRunsBothCommands(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p, back := childtest.Sh("echo do >> "+ran), childtest.Sh("echo undo >> "+ran)
	p.Undo = &back
	h, s, env, _ := start(t, plan.Step{Undo: "action"}, p)
	wayBack := env
	wayBack.Direction = step.Back
	for range 2 {
		if err := h.Do(t.Context(), env, s, nil); err != nil {
			t.Fatal(err)
		}
		if err := h.Undo(t.Context(), wayBack, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(ran); err != nil || string(b) != "do\nundo\ndo\nundo\n" {
		t.Errorf("ran %q, %v", b, err)
	}
}

func TestDamagedRecordIsNoAnswer(t *testing.T) {
	h, s, env, _ := start(t, plan.Step{}, childtest.Sh("true"))
	if err := h.Do(t.Context(), env, s, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(env.Dir, "results", "run.do.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if obs, err := h.Observe(t.Context(), env, s, nil); err == nil {
		t.Errorf("Observe gives %+v and no error", obs)
	}
}
