package run_test

import (
	"encoding/json"
	"testing"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// carry follows a run to its end: every step works, but the one that fails.
// It gives the result, and empty when the run waits or does not end.
func carry(t *testing.T, p *plan.Plan, fails int) run.Result {
	t.Helper()
	s := run.New(p)
	if err := s.Apply(numbered(opened(p), 1)); err != nil {
		t.Fatal(err)
	}
	for i := 2; i < 100*(len(steps(p))+10); i++ {
		if s.Closed != nil {
			return s.Closed.Result
		}
		a := run.Next(s)
		comes := coming(a)
		if len(comes) == 0 {
			return ""
		}
		e := comes[0]
		if fails--; fails == 0 && a.Kind == run.ActRecover && a.Dir == run.Do {
			e = comes[1]
		}
		if err := s.Apply(numbered(e, i)); err != nil {
			t.Fatalf("what comes next is refused: %v", err)
		}
	}
	return ""
}

// FuzzPlan reads plans as the journal does. What is read keeps its digest when
// it is written again; validating never panics; and what is valid can be
// carried out: it ends new, and when a step fails before the barrier old or at
// a milestone.
func FuzzPlan(f *testing.F) {
	for _, text := range []string{"a m | z^", "a b? c% m d>1 e~ m | z^ y^~", "m |", "a* m b%>1 m | y^"} {
		p := compose(text, "stay")
		lists := [][]plan.Step{p.Steps}
		for _, m := range p.Milestones {
			lists = append(lists, m.Landing)
		}
		for _, list := range lists {
			for i := range list {
				list[i].As = "shop"
				if list[i].Verb == "x" {
					list[i].Verb = "record"
				}
			}
		}
		if err := plan.Validate(p); err != nil {
			f.Fatal(err)
		}
		raw, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, 3)
	}
	f.Add([]byte(`{"steps":[{"id":"a","after":["b"]},{"id":"b","after":["a"]}],"milestones":[{"step":"a"},{"step":"a"}],"barrier":"a"}`), 0)
	f.Add([]byte(`{"format":1,"steps":[{"id":"","verb":"milestone"},{"id":"","verb":"barrier"}],"milestones":[{}]}`), 1)
	f.Add([]byte(`{"params":{"a":"\ud800"},"digest":"x","waivers":null,"steps":[{"params":{"x":1e999}}]}`), 1)
	f.Fuzz(func(t *testing.T, raw []byte, fails int) {
		p := &plan.Plan{}
		if len(raw) > 1<<16 || json.Unmarshal(raw, p) != nil {
			return
		}
		began := time.Now()
		sum := p.Sum()
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again := &plan.Plan{}
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if got := again.Sum(); got != sum || p.Sum() != sum {
			t.Fatalf("the digest is %s, and %s once written and read", sum, got)
		}
		valid := plan.Validate(p) == nil
		if (plan.Validate(again) == nil) != valid {
			t.Fatal("it is valid, or not, by being written")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("reading %d bytes took %s", len(raw), took)
		}
		if !valid || len(steps(p)) > 100 {
			return
		}
		p.Digest = sum
		if got := carry(t, p, 0); got != run.ResultNew {
			t.Fatalf("a valid plan whose steps all work ends %q", got)
		}
		switch got := carry(t, p, fails); {
		case got == "" && fails > 0: // it waits behind the barrier
		case got != run.ResultNew && got != run.ResultOld && got != run.ResultMilestone:
			t.Fatalf("a valid plan ends %q", got)
		}
	})
}
