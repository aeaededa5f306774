package run_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// entries are a second apart; now is at 100 s.
func TestOutage(t *testing.T) {
	// g closes the gate, s stops; o opens it, and so does the landing's l1.o
	build := func(text string) *plan.Plan {
		p := compose(text, "stay")
		mark := func(list []plan.Step) {
			for i := range list {
				switch list[i].ID {
				case "g", "s":
					list[i].Down = true
				case "o", "l1.o":
					list[i].Up = true
				}
			}
		}
		mark(p.Steps)
		for _, m := range p.Milestones {
			mark(m.Landing)
		}
		return p
	}
	const one = "a g s m | o^ z^"
	tests := []struct {
		name, plan, entries string
		want                int
	}{
		{"never away", one, "a+ a=", 0},
		{"still closing", one, "a+ a= g+", 97},
		{"still away", one, "a+ a= g+ g= s+ s=", 97},
		{"away until it was opened", one, "a+ a= g+ g= s+ s= m1 seal cross o+ o= z+ z=", 8},
		{"a second try does not shorten it", "a g* s m | o^", "a+ a= g+ g! g+ g= s+ s= m1 seal cross o+ o=", 10},
		{"half the way back it is still away", one, "a+ a= g+ g= s+ s= back0 -s -s=", 97},
		{"all the way back", one, "a+ a= g+ g= s+ s= back0 -s -s= -g -g=", 8},
		{"what comes after does not count", one, "a+ a= g+ g= s+ s= back0 -s -s= -g -g= -a -a=", 8},
		{"opened at a milestone", "g m s>1 b m | o^", "g+ g= m1 s+ s= b+ b! back1 -b -b= -s -s= land1 l1.v= l1.u+ l1.u= seal", 99},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(tt.plan)
			s, err := run.Fold(p, tell(p, tt.entries))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Outage(start.Add(100 * time.Second)); got != time.Duration(tt.want)*time.Second {
				t.Errorf("the outage is %s, want %d s", got, tt.want)
			}
		})
	}
}

// A clock that is set back changes what people read, not what is decided.
func TestClockSetBack(t *testing.T) {
	p := compose("a g s m | o^", "origin")
	for i := range p.Steps {
		p.Steps[i].Down, p.Steps[i].Up = p.Steps[i].ID == "g", p.Steps[i].ID == "o"
	}
	entries := tell(p, "a+ a= g+ g= s+ s= m1 seal cross o+ o=")
	ahead, err := run.Fold(p, entries)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		entries[i].At = start.Add(-time.Duration(i) * time.Hour)
	}
	back, err := run.Fold(p, entries)
	if err != nil {
		t.Fatalf("entries whose times go backwards are refused: %v", err)
	}
	if diff := cmp.Diff(brief(run.Next(ahead)), brief(run.Next(back))); diff != "" {
		t.Errorf("the clock decides (-right +set back):\n%s", diff)
	}
	if got := back.Outage(start); got != 0 {
		t.Errorf("the outage is %s, though the clock shows less at its end", got)
	}
}

func TestWorkAndOnce(t *testing.T) {
	p := compose("a m b m | z^ y^~", "stay")
	p.Steps[0].Once, p.Steps[2].Once = "first", "second"
	p.Milestones[0].Landing[1].Once = "landed"
	tests := []struct {
		entries    string
		work, once []string
	}{
		{"a+ a= m1 b+ b= m2 seal cross z+ z! skip:z y+ y!", []string{"z", "y"}, []string{"first", "second"}},
		{"a+ a= m1 b+ b! back1 -b -b= land1 l1.v= l1.u+ l1.u=", nil, []string{"first", "landed"}},
		{"a+ a= m1 b+ b! back0 -b -b= -a -a=", nil, nil},
	}
	for _, tt := range tests {
		s, err := run.Fold(p, tell(p, tt.entries))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]string{tt.work, tt.once}, [][]string{s.Work(), s.Once()}); diff != "" {
			t.Errorf("%s: work and once (-want +got):\n%s", tt.entries, diff)
		}
	}
}

func TestEntrySum(t *testing.T) {
	e := entry(run.Outcome, "a", run.Do, run.Ended{OK: true})
	e.Seq, e.Prev = 3, "before"
	sum := e.Sum()
	for name, change := range map[string]func(*run.Entry){
		"seq": func(e *run.Entry) { e.Seq++ }, "run": func(e *run.Entry) { e.Run = "x" }, "at": func(e *run.Entry) { e.At = e.At.Add(1) },
		"kind": func(e *run.Entry) { e.Kind = run.Intent }, "step": func(e *run.Entry) { e.Step = "b" }, "dir": func(e *run.Entry) { e.Dir = run.Undo },
		"body": func(e *run.Entry) { e.Body = []byte(`{}`) }, "prev": func(e *run.Entry) { e.Prev = "after" },
		"step and dir run together": func(e *run.Entry) { e.Step, e.Dir = "ad", "o" },
	} {
		other := e
		change(&other)
		if other.Sum() == sum {
			t.Errorf("%s is not part of the hash", name)
		}
	}
	e.At = e.At.In(time.FixedZone("elsewhere", 3600))
	if e.Sum() != sum {
		t.Error("the hash depends on the time zone")
	}
}
