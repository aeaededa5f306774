package record_test

import (
	"errors"
	"strings"
	"testing"

	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/record"
	"upkeep/internal/step/record/setting/settingtest"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type world = *settingtest.World

func params(w world, apply string) plan.RecordParams {
	return plan.RecordParams{Apply: apply, Settings: []plan.Setting{w.Setting("mail"), w.Setting("proxy"), w.Setting("theme")}}
}

// recorded carries out the recording and gives its memo.
func recorded(t *testing.T, w world) step.Memo {
	t.Helper()
	s := childtest.Step(t, plan.Step{ID: "record", Verb: "record"}, params(w, ""))
	env, _ := childtest.Env(t, s, step.Forward)
	m, err := record.New(childtest.Runner(t, nil), childtest.Probes(t)).Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRecordContract(t *testing.T) {
	steptest.Run(t, steptest.Subject[world]{Before: step.New,
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, world) {
			w := settingtest.New(t, "mail", "on", "proxy", "none", "theme", "blue")
			return record.New(childtest.Runner(t, k), childtest.Probes(t)), childtest.Step(t, plan.Step{Verb: "record"}, params(w, "")), w
		}})
}

func TestApplyContract(t *testing.T) {
	memos := map[world]step.Memo{}
	steptest.Run(t, steptest.Subject[world]{
		New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, world) {
			w := settingtest.New(t, "mail", "on", "proxy", "10.0.0.1", "theme", "blue")
			memos[w] = recorded(t, w)
			w.Set(t, "mail", "off") // what the upgrade did to them
			w.Set(t, "proxy", "")
			return record.New(childtest.Runner(t, k), childtest.Probes(t)),
				childtest.Step(t, plan.Step{Verb: "record", Undo: "restore", Redo: true}, params(w, "record")), w
		},
		Mixed: map[string]func(*testing.T, world){
			"one is applied": func(t *testing.T, w world) { w.Set(t, "mail", "on") },
		},
		Env: func(_ *testing.T, w world, e *step.Env) {
			e.Recall = func(string) (step.Memo, error) { return memos[w], nil }
		},
		Kept: func(string) string { return "" }, // the restore point brings them back
	})
}

// What a route wants is set, and set back to what it was.
func TestWantContract(t *testing.T) {
	want := func(w world) plan.RecordParams {
		return plan.RecordParams{Settings: []plan.Setting{w.Setting("mail"), w.Setting("theme")}, Want: map[string]string{"mail": "on", "theme": "dark"}}
	}
	for name, c := range map[string]struct {
		before step.State
		mail   string
		theme  string
		mixed  map[string]func(*testing.T, world)
	}{
		"both differ":  {"", "off", "blue", map[string]func(*testing.T, world){"one is set": func(t *testing.T, w world) { w.Set(t, "mail", "on") }}},
		"one differs":  {"", "on", "blue", nil},
		"none differs": {step.New, "on", "dark", nil},
	} {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[world]{Before: c.before, Mixed: c.mixed,
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, world) {
					w := settingtest.New(t, "mail", c.mail, "theme", c.theme)
					return record.New(childtest.Runner(t, k), childtest.Probes(t)), childtest.Step(t, plan.Step{Verb: "record", Undo: "action", Redo: true}, want(w)), w
				}})
		})
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	w := settingtest.New(t, "mail", "on", "proxy", "10.0.0.1", "theme", "blue")
	w.Set(t, "theme", "") // it had no value before
	memo := recorded(t, w)
	w.Set(t, "mail", "off")
	w.Set(t, "theme", "new default")
	s := childtest.Step(t, plan.Step{Verb: "record"}, params(w, "record"))
	env, log := childtest.Env(t, s, step.Forward)
	env.Recall = func(string) (step.Memo, error) { return memo, nil }
	h := record.New(childtest.Runner(t, nil), childtest.Probes(t))
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), env, s, m); err != nil {
		t.Fatal(err)
	}
	want := "setting mail reads off after the upgrade and read on before: it is set again\nsetting theme had no value before; it is left as it is\n"
	if log.String() != want {
		t.Errorf("the log says %q, want %q", log, want)
	}
	if got := w.Fingerprint(); got != "mail=on\nproxy=10.0.0.1\ntheme=new default\n" {
		t.Errorf("the settings are %q", got)
	}
}

func TestFailedWriteNamesTheSetting(t *testing.T) {
	w := settingtest.New(t, "mail", "on", "proxy", "p", "theme", "blue")
	memo := recorded(t, w)
	w.Set(t, "mail", "off")
	p := params(w, "record")
	p.Settings[0].Write = []string{"/bin/sh", "-c", "echo mail server is read-only; exit 1"}
	s := childtest.Step(t, plan.Step{Verb: "record"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	env.Recall = func(string) (step.Memo, error) { return memo, nil }
	h := record.New(childtest.Runner(t, nil), childtest.Probes(t))
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Do(t.Context(), env, s, m)
	var user *step.UserError
	if !errors.As(err, &user) || !strings.Contains(err.Error(), "mail server is read-only") {
		t.Errorf("Do gives %v", err)
	}
}
