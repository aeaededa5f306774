package run_test

import (
	"strings"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// What people say of their tasks, entry by entry, and where the run is then.
func TestSaid(t *testing.T) {
	const kinds = `a step of a person: "t" is asked for and "u" is Upkeep's own`
	steps := []plan.Step{{ID: "u", Class: plan.Reversible, Verb: "run"},
		{ID: "t", Class: plan.Reversible, Verb: "tell", Task: &plan.Task{Text: "do it"}, TaskBack: &plan.Task{Text: "take it back"}},
		{ID: "m", Class: plan.Control, Verb: plan.VerbMilestone}, {ID: "b", Class: plan.Control, Verb: plan.VerbBarrier}}
	p := &plan.Plan{Digest: "d", From: "1", To: "2", Steps: steps, Milestones: []plan.Milestone{{ID: "m1", Version: "2", Step: "m"}}, Barrier: "b"}
	entry := func(word string) run.Entry {
		e := run.Entry{Run: "r", Dir: run.Do, Step: word[:1]}
		if strings.HasPrefix(word, "-") {
			e.Dir, e.Step, word = run.Undo, word[1:2], word[1:]
		}
		switch word[1:] {
		case "+":
			e.Kind, e.Body = run.Intent, []byte(`{}`)
		case "=":
			e.Kind, e.Body = run.Outcome, []byte(`{"ok":true}`)
		case "?":
			e.Kind, e.Body = run.Outcome, []byte(`{"unclear":true}`)
		case "said":
			e.Kind, e.Body = run.Acknowledged, []byte(`{"by":"anna"}`)
		case "back":
			e = run.Entry{Run: "r", Kind: run.Decision, Body: []byte(`{"choice":"back","by":"anna"}`)}
		case "retry":
			e = run.Entry{Run: "r", Kind: run.Decision, Body: []byte(`{"choice":"retry","by":"anna","step":"t"}`)}
		}
		return e
	}
	for _, c := range []struct {
		words string
		task  string // that is asked for at the end, with its direction
		said  bool
		fails string // the last word is refused, and why
	}{
		{words: "u+ u=", task: ""},
		{words: "u+ u= t+", task: "t do"},
		{words: "u+ u= t+ tsaid", task: "t do", said: true},
		{words: "u+ u= t+ tsaid tsaid", fails: "anna has said already"},
		{words: "u+ u= t+ usaid", fails: "nobody is asked to do the task of step u"},
		{words: "u+ tsaid", fails: "nobody is asked"},
		{words: "u+ u= t+ -tsaid", fails: "nobody is asked"},
		{words: "u+ u= t+ t?", task: "t do"},
		{words: "u+ u= t+ t? tsaid", task: "t do", said: true},
		{words: "u+ u= t+ t? tretry", task: ""},
		{words: "u+ u= t+ tsaid t?", task: "t do"},
		{words: "u+ u= t+ t? tretry t+", task: "t do"},
		{words: "u+ u= t+ tsaid t= xback -t+", task: "t undo"},
		{words: "u+ u= t+ xback -t+ -t?", task: "t undo"},
		{words: "u+ u= t+ xback -t+ -t? -tsaid", task: "t undo", said: true},
		{words: "u+ u= t+ xback -t+ tsaid", fails: "nobody is asked"},
	} {
		t.Run(c.words, func(t *testing.T) {
			s := run.New(p)
			at := time.Date(2024, 5, 1, 22, 0, 0, 0, time.UTC)
			all := append([]run.Entry{{Run: "r", Kind: run.RunOpened, Body: []byte(`{"plan":"d"}`)}}, nil...)
			for _, w := range strings.Fields(c.words) {
				all = append(all, entry(w))
			}
			var err error
			for i, e := range all {
				e.Seq, e.At = int64(i+1), at.Add(time.Duration(i)*time.Minute)
				if err = s.Apply(e); err != nil && i < len(all)-1 {
					t.Fatalf("entry %d of %s: %v", i, kinds, err)
				}
			}
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("the last word gives %v, want %q", err, c.fails)
				}
				return
			}
			got := ""
			if step, dir, ok := s.Task(); ok {
				got = step.ID + " " + string(dir)
			}
			if got != c.task || err != nil {
				t.Errorf("asked for is %q, want %q (%v)", got, c.task, err)
			}
			if st := s.Step("t"); (st.Said != nil) != c.said {
				t.Errorf("said is %v", st.Said)
			}
		})
	}
}
