package network

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// entry is one entry of a journal in short.
type entry struct {
	kind run.Kind
	step uint8
	dir  run.Direction
	what string // ok, fail, unclear, skip; the choice; the result
	n    int    // the milestone
}

// folded is one state of the journal. Equal ones are one value.
type folded struct {
	state  *run.State
	next   run.Action
	back   bool   // a Decision(back) lies behind
	free   uint32 // steps that no longer count: tolerated, passed, or vouched for by a person
	closed bool
	after  map[entry]int32
}

// journal folds entries by the real code, every one once.
type journal struct {
	plan   *plan.Plan
	steps  []plan.Step // of the plan, then of the landings
	number map[string]uint8
	land   []int // by step: the milestone whose landing it is of; 0: none
	states []*folded
	ids    map[string]int32
	bend   func(*run.State, run.Entry) // a control: a fold that is not right
}

func newJournal(p *plan.Plan, bend func(*run.State, run.Entry)) *journal {
	j := &journal{plan: p, number: map[string]uint8{}, ids: map[string]int32{}, bend: bend}
	add := func(s plan.Step, landing int) {
		j.number[s.ID] = uint8(len(j.steps))
		j.steps, j.land = append(j.steps, s), append(j.land, landing)
	}
	for _, s := range p.Steps {
		add(s, 0)
	}
	for k, m := range p.Milestones {
		for _, s := range m.Landing {
			add(s, k+1)
		}
	}
	s := run.New(p)
	if err := s.Apply(j.full(entry{kind: run.RunOpened}, 1)); err != nil {
		panic(err)
	}
	j.intern(&folded{state: s})
	return j
}

// full writes the entry as the engine would.
func (j *journal) full(e entry, seq int64) run.Entry {
	out := run.Entry{Seq: seq, Run: "r", Kind: e.kind, Dir: e.dir, At: time.Unix(seq, 0).UTC()}
	var body any
	switch e.kind {
	case run.RunOpened:
		body = run.Opened{Plan: j.plan.Digest, By: "ann"}
	case run.Intent:
		body = run.Intended{Memo: "x"}
	case run.Outcome:
		body = run.Ended{OK: e.what == "ok" || e.what == "skip", Unclear: e.what == "unclear", Skipped: e.what == "skip"}
	case run.Decision:
		d := run.Decided{Choice: run.Choice(e.what), To: e.n, By: "ann"}
		if d.Choice != run.ChooseBack && d.Choice != run.ChooseLand {
			d.Step = j.steps[e.step].ID
		}
		body = d
	case run.MilestoneReached:
		body = run.Reached{Milestone: e.n}
	case run.RunClosed:
		body = run.Closed{Result: run.Result(e.what), Version: j.version(e)}
	}
	switch e.kind {
	case run.Intent, run.Outcome, run.MilestoneReached, run.BarrierCrossed:
		out.Step = j.steps[e.step].ID
	}
	if body != nil {
		out.Body, _ = json.Marshal(body)
	}
	return out
}

func (j *journal) version(e entry) string {
	switch run.Result(e.what) {
	case run.ResultOld:
		return j.plan.From
	case run.ResultMilestone:
		return j.plan.Milestones[e.n-1].Version
	}
	return j.plan.To
}

// append gives the state after an entry.
func (j *journal) append(from int32, e entry) (int32, error) {
	f := j.states[from]
	if to, ok := f.after[e]; ok {
		return to, nil
	}
	s := *f.state
	s.Steps = map[string]*run.StepState{}
	for id, st := range f.state.Steps {
		c := *st
		s.Steps[id] = &c
	}
	full := j.full(e, s.Seq+1)
	if err := s.Apply(full); err != nil {
		return 0, err
	}
	if j.bend != nil {
		j.bend(&s, full)
	}
	n := &folded{state: &s, back: f.back || e.kind == run.Decision && e.what == string(run.ChooseBack), free: f.free}
	n.free = freed(n, e, j.steps[e.step])
	to := j.intern(n)
	f.after[e] = to
	return to, nil
}

// freed gives the steps that no longer count after an entry.
func freed(n *folded, e entry, s plan.Step) uint32 {
	bit := uint32(1) << e.step
	switch {
	case e.kind == run.Intent:
		return n.free &^ bit
	case e.kind == run.Outcome && (e.what == "skip" || n.state.Step(s.ID).Status == run.Tolerated),
		e.kind == run.Decision && (e.what == string(run.ChooseAccept) || e.what == string(run.ChooseSkip)):
		return n.free | bit
	}
	return n.free
}

func (j *journal) intern(n *folded) int32 {
	s := n.state
	var b strings.Builder
	fmt.Fprint(&b, s.Mode, s.BackTo, s.Sealed, s.Barrier, s.Milestone, s.Closed != nil, n.back, n.free)
	for _, st := range j.steps {
		if x := s.Steps[st.ID]; x != nil {
			fmt.Fprint(&b, "|", st.ID, x.Status, x.Tries, x.Intended, x.Status == run.UndoFailed && x.Last.Unclear)
		}
	}
	if id, ok := j.ids[b.String()]; ok {
		return id
	}
	n.next, n.closed, n.after = run.Next(s), s.Closed != nil, map[entry]int32{}
	id := int32(len(j.states))
	j.states, j.ids[b.String()] = append(j.states, n), id
	return id
}

// intended says whether a step has a memo already.
func (f *folded) intended(id string) bool {
	st := f.state.Steps[id]
	return st != nil && st.Intended
}
