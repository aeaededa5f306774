package hold_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hold/register"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

// register describes the files of the register of holds.
func (w *world) register() string {
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(register.Dir(w.state), "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err.Error()
		}
		out.WriteString(filepath.Base(f) + "\n" + strings.ReplaceAll(string(text), w.settings.Dir, "DIR"))
	}
	return out.String()
}

// lasting makes a hold one that outlives the run.
func lasting(p plan.HoldParams) plan.HoldParams {
	p.Until, p.Lasts = "", &plan.Lasting{For: time.Hour, Text: "1 hour after the run"}
	return p
}

// run carries a step of a run out, as the engine does, and gives its memo.
func (w *world) run(t *testing.T, id string, p plan.HoldParams) step.Memo {
	t.Helper()
	s := childtest.Step(t, plan.Step{ID: "hold.it", Verb: "hold"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	env.Run, env.State = id, w.state
	h := handler(t, w, nil)
	m, err := h.Prepare(t.Context(), env, s)
	if err == nil {
		err = h.Do(t.Context(), env, s, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (w *world) entry(t *testing.T, id string) (register.Entry, bool) {
	t.Helper()
	e, raw, err := register.Read(durable.OS(), w.state, id)
	if err != nil {
		t.Fatal(err)
	}
	return e, raw != nil
}

// A hold that outlives its run, the same over that of an earlier run, and the
// end of both in a run that takes the other one back.
func TestLastingContract(t *testing.T) {
	for _, c := range []struct {
		name   string
		runs   []string
		params func(*world) plan.HoldParams
		mixed  map[string]func(*testing.T, *world)
	}{
		{"service", []string{"sync"}, (*world).service, map[string]func(*testing.T, *world){
			"stopped, not held": func(_ *testing.T, w *world) { w.Set("sync", false) },
		}},
		{"start type", []string{"sync"}, (*world).start, nil},
		{"setting", nil, (*world).setting, map[string]func(*testing.T, *world){
			"changed by somebody else": func(t *testing.T, w *world) { w.settings.Set(t, "policy", "half") },
			"held, not registered":     func(t *testing.T, w *world) { w.settings.Set(t, "policy", "off") },
		}},
	} {
		state := func(_ *testing.T, w *world, e *step.Env) { e.State = w.state }
		subject := func(earlier bool, end bool, mixed map[string]func(*testing.T, *world)) steptest.Subject[*world] {
			return steptest.Subject[*world]{Env: state, Mixed: mixed,
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, *world) {
					w := newWorld(t, "on", c.runs...)
					p := lasting(c.params(w))
					if earlier {
						w.run(t, "earlier", p)
					}
					if end {
						w.run(t, "other", p)
						p.End, p.Of = p.Target(), "other"
					}
					return handler(t, w, k), childtest.Step(t, plan.Step{Verb: "hold"}, p), w
				}}
		}
		t.Run(c.name, func(t *testing.T) { steptest.Run(t, subject(false, false, c.mixed)) })
		t.Run(c.name+", held before", func(t *testing.T) { steptest.Run(t, subject(true, false, nil)) })
		t.Run(c.name+", its end", func(t *testing.T) { steptest.Run(t, subject(false, true, nil)) })
		t.Run(c.name+", held before, its end", func(t *testing.T) { steptest.Run(t, subject(true, true, nil)) })
	}
}

// What had the value already is neither changed nor registered.
func TestLastingOfTheSameValueIsNotRegistered(t *testing.T) {
	w := newWorld(t, "off")
	before := w.Fingerprint()
	w.run(t, "one", lasting(w.setting()))
	if got := w.Fingerprint(); got != before {
		t.Errorf("afterwards it is %s, want %s", got, before)
	}
}

// However many runs hold it, it gets back what it had before the first one.
func TestTheValueBeforeTheFirstHoldIsKept(t *testing.T) {
	w := newWorld(t, "on")
	p := lasting(w.setting())
	for _, id := range []string{"one", "two", "three"} {
		w.run(t, id, p)
	}
	e, ok := w.entry(t, p.Target())
	if !ok || e.Was.String() != "on" || e.Run != "three" || e.Earlier == nil || e.Earlier.Run != "two" || e.Earlier.Earlier != nil {
		t.Fatalf("the register has %+v", e)
	}
	p.End, p.Of = p.Target(), "three"
	w.run(t, "back", p)
	if e, _ = w.entry(t, p.Target()); e.Run != "two" || e.Was.String() != "on" || w.settings.Get("policy") != "off" {
		t.Errorf("after the third run was taken back: %s, %+v", w.settings.Get("policy"), e)
	}
	p.Of = ""
	w.run(t, "end", p)
	if _, ok := w.entry(t, p.Target()); ok || w.settings.Get("policy") != "on" {
		t.Errorf("after its end: %s, registered %v", w.settings.Get("policy"), ok)
	}
}

// A value that somebody has given meanwhile is what it had before the next hold.
func TestWhatWasChangedMeanwhileIsThePriorValue(t *testing.T) {
	w := newWorld(t, "on")
	p := lasting(w.setting())
	w.run(t, "one", p)
	w.settings.Set(t, "policy", "half")
	w.run(t, "two", p)
	if e, _ := w.entry(t, p.Target()); e.Was.String() != "half" {
		t.Errorf("the register has %s", e.Was)
	}
	p.End, p.Of = p.Target(), "two"
	w.run(t, "back", p)
	if e, _ := w.entry(t, p.Target()); e.Run != "one" || w.settings.Get("policy") != "half" {
		t.Errorf("after the second run was taken back: %s, %+v", w.settings.Get("policy"), e)
	}
}

// A run that is taken back ends no hold of another one, and none that has
// ended.
func TestOnlyTheHoldOfThatRunIsTakenBack(t *testing.T) {
	w := newWorld(t, "on")
	p := lasting(w.setting())
	w.run(t, "one", p)
	before := w.Fingerprint()
	p.End, p.Of = p.Target(), "two"
	w.run(t, "back", p)
	if got := w.Fingerprint(); got != before {
		t.Errorf("afterwards it is %s, want %s", got, before)
	}
}

// The value is registered before it is changed: what cannot be registered is
// not held.
func TestWhatCannotBeRegisteredIsNotHeld(t *testing.T) {
	w := newWorld(t, "on")
	if err := os.Symlink("/nowhere/at/all", register.Dir(w.state)); err != nil {
		t.Fatal(err)
	}
	p := lasting(w.setting())
	s := childtest.Step(t, plan.Step{Verb: "hold"}, p)
	env, _ := childtest.Env(t, s, step.Forward)
	env.State = w.state
	h := handler(t, w, nil)
	m, err := h.Prepare(t.Context(), env, s)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Do(t.Context(), env, s, m)
	if err == nil || !strings.Contains(err.Error(), "register of holds") || w.settings.Get("policy") != "on" {
		t.Errorf("%v, and the setting is %s", err, w.settings.Get("policy"))
	}
}

// The register has the hold until the value from before is back.
func TestWhatCannotBeGivenBackStaysRegistered(t *testing.T) {
	for name, broken := range map[string]func(*plan.HoldParams){
		"undone": func(*plan.HoldParams) {},
		"ended":  func(p *plan.HoldParams) { p.End = p.Target() },
	} {
		w := newWorld(t, "on")
		p := lasting(w.setting())
		m := w.run(t, "one", p)
		p.Setting.Write = []string{"/bin/false"}
		broken(&p)
		s := childtest.Step(t, plan.Step{ID: "hold.it", Verb: "hold"}, p)
		env, _ := childtest.Env(t, s, step.Back)
		env.State = w.state
		h := handler(t, w, nil)
		call := h.Undo
		if p.End != "" {
			var err error
			if m, err = h.Prepare(t.Context(), env, s); err != nil {
				t.Fatal(err)
			}
			call = h.Do
		}
		err := call(t.Context(), env, s, m)
		if _, registered := w.entry(t, p.Target()); err == nil || !registered {
			t.Errorf("%s: %v, registered %v", name, err, registered)
		}
	}
}
