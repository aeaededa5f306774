package run_test

import (
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/run"
)

// caught takes what the walk says.
type caught struct{ want, text string }

func (*caught) Helper() {}

func (c *caught) Fatal(a ...any) { c.Fatalf("%s", fmt.Sprint(a...)) }

func (c *caught) Fatalf(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	wanted := strings.Contains(text, c.want)
	if wanted {
		c.text = text
	}
	if wanted || strings.Contains(text, "in a circle") { // of which there is no end
		panic(c)
	}
}

// bent gives what the walk says of a fold that is not right, where it says what
// is wanted; empty when it does not.
func bent(plan, want string, bend func(*run.State, run.Entry)) string {
	c := &caught{want: want}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(c) {
				panic(r)
			}
		}()
		exploreBent(c, compose(plan, "origin"), 1<<30, bend)
	}()
	return c.text
}

// failed takes a failure for success.
func failed(s *run.State, e run.Entry) {
	if st := s.Step(e.Step); e.Kind == run.Outcome && st.Status == run.Failed {
		st.Status = run.Done
	}
}

// TestEveryRunCatches: the walk finds each rule that is broken, and nothing
// when none is.
func TestEveryRunCatches(t *testing.T) {
	const one = "a b m | z^"
	back := func(s *run.State, e run.Entry) bool { return e.Kind == run.Decision && s.Mode == run.Backing }
	calls := 0
	controls := []struct {
		name, plan, want string
		bend             func(*run.State, run.Entry)
	}{
		{"forward after the decision to go back", one, "a forward step after the decision", func(s *run.State, e run.Entry) {
			if back(s, e) {
				s.Mode = run.Going
			}
		}},
		{"what depends on it is not undone", one, "a is undone before b", func(s *run.State, e run.Entry) {
			if st := s.Steps["b"]; back(s, e) && st != nil {
				st.Intended = false
			}
		}},
		{"irreversible before the barrier", one, "z before the barrier", func(s *run.State, e run.Entry) {
			if e.Kind == run.MilestoneReached {
				s.Step("barrier").Status = run.Done
			}
		}},
		{"the barrier unsealed", one, "crossed unsealed", func(s *run.State, e run.Entry) {
			s.Sealed = s.Sealed || e.Kind == run.MilestoneReached
		}},
		{"a start beside what is in between", one, "do b is begun while a is in between", failed},
		{"users let in beside what is in between", "a m | o^", "do o is begun while a is in between", failed},
		{"undone beside what is in between", one, "undo a is begun while b is in between", func(s *run.State, e run.Entry) {
			if st := s.Steps["b"]; st != nil && st.Status == run.UndoFailed {
				st.Intended = false
			}
		}},
		{"the run ends old with something left", one, "the run ends old, but a", func(s *run.State, e run.Entry) {
			if back(s, e) {
				for _, st := range s.Steps {
					st.Intended = false
				}
			}
		}},
		{"the run ends new with something not done", one, "the run ends, but", func(s *run.State, e run.Entry) {
			if e.Kind == run.BarrierCrossed {
				s.Step("z").Status = run.Done
			}
		}},
		{"retried with something left", "a b c<b m | z^", "forward again from b, but b", func(s *run.State, e run.Entry) {
			if st := s.Steps["b"]; back(s, e) && s.From != "" && st != nil {
				st.Intended = false
			}
		}},
		{"retried for ever", "a b<a m | z^", "in a circle", func(s *run.State, e run.Entry) { clear(s.Again) }},
		{"recovered it is another", one, "after a recovery", func(s *run.State, e run.Entry) {
			if calls++; e.Kind == run.Intent && calls%2 == 0 {
				s.Step(e.Step).Tries++
			}
		}},
		{"nothing is broken", one, "", func(*run.State, run.Entry) {}},
	}
	n := 0
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			got := bent(c.plan, c.want, c.bend)
			if head, _, _ := strings.Cut(c.want, "\n"); !strings.Contains(got, c.want) || head == "" && got != "" {
				t.Errorf("the walk says %q, want %q", got, c.want)
				return
			}
			n++
		})
	}
	tally.Add(t, "model", "controls", len(controls)-1)
	tally.Add(t, "model", "controls caught", n-1)
}
