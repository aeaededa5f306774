package run_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// node is one state of the model with the way that led there.
type node struct {
	state   *run.State
	entries []run.Entry
	back    bool                        // a Decision(back) lies behind
	crossed bool                        // a BarrierCrossed lies behind
	bend    func(*run.State, run.Entry) // a control: a fold that is not right
}

// tb is what the walk needs of a test; a control takes what it says itself.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// key says all by which a state can differ in what follows.
func key(s *run.State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %d %v %v %d %v %s %v", s.Mode, s.BackTo, s.Sealed, s.Barrier, s.Milestone, s.Closed != nil, s.From, s.Again)
	for _, st := range steps(s.Plan) {
		if x := s.Steps[st.ID]; x != nil && x.Status != run.Pending {
			fmt.Fprintf(&b, "|%s %s %d %v %v", st.ID, x.Status, x.Tries, x.Intended, x.Status == run.UndoFailed && x.Last.Unclear)
		} else if x != nil && x.Intended {
			fmt.Fprintf(&b, "|%s again", st.ID)
		}
	}
	return b.String()
}

// explore walks every state that a plan's run can come to: all outcomes of
// each step, all decisions where the run waits, a cancel at any point.
// Entries that do not fit are tried in every nth state.
func explore(t tb, p *plan.Plan, nth int) int {
	t.Helper()
	return exploreBent(t, p, nth, nil)
}

func exploreBent(t tb, p *plan.Plan, nth int, bend func(*run.State, run.Entry)) int {
	t.Helper()
	var letters []letter
	for _, e := range alphabet(p) {
		letters = append(letters, letter{e, text(e)})
	}
	s := run.New(p)
	if err := s.Apply(numbered(opened(p), 1)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{key(s): true}
	queue := []node{{state: s, entries: []run.Entry{numbered(opened(p), 1)}, bend: bend}}
	visited := 0
	onward := map[string][]string{} // where the engine alone goes
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		a := steady(t, n)
		engine, people := coming(a), persons(n.state)
		if n.state.Closed != nil {
			engine, people = nil, nil
		}
		if visited++; visited%nth == 0 {
			refused(t, n, letters, slices.Concat(engine, people))
		}
		if len(engine) == 0 && n.state.Closed == nil && a.Kind != run.ActWait {
			t.Fatalf("%s: neither closed nor waiting, and nothing comes: %+v", story(n), a)
		}
		for i, e := range slices.Concat(engine, people) {
			next := step(t, n, e)
			k := key(next.state)
			if i < len(engine) {
				onward[key(n.state)] = append(onward[key(n.state)], k)
			}
			if !seen[k] {
				seen[k] = true
				queue = append(queue, next)
			}
		}
	}
	ends(t, p, onward)
	return len(seen)
}

// letter is an entry of the alphabet with its text.
type letter struct {
	run.Entry
	text string
}

// clone copies a state, so that two things can come after it.
func clone(s *run.State) *run.State {
	c := *s
	c.Steps, c.Again = map[string]*run.StepState{}, maps.Clone(s.Again)
	for id, st := range s.Steps {
		x := *st
		c.Steps[id] = &x
	}
	return &c
}

func numbered(e run.Entry, seq int) run.Entry {
	e.Seq = int64(seq)
	return e
}

// steady asks for what comes next, twice; the answer is the same, asking
// changes nothing, and a recovery from the journal comes to the same.
func steady(t tb, n node) run.Action {
	t.Helper()
	before := key(n.state)
	size := len(n.state.Steps)
	a, b := run.Next(n.state), run.Next(n.state)
	if fmt.Sprint(a) != fmt.Sprint(b) || key(n.state) != before || len(n.state.Steps) != size {
		t.Fatalf("%s: asking what comes next is not pure", story(n))
	}
	raw, err := json.Marshal(n.entries)
	if err != nil {
		t.Fatal(err)
	}
	var read []run.Entry
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	again, err := fold(n, read)
	if err != nil {
		t.Fatalf("%s: cannot be folded again: %v", story(n), err)
		return a
	}
	if c := run.Next(again); fmt.Sprint(a) != fmt.Sprint(c) || key(again) != before {
		t.Fatalf("%s: after a recovery %v comes, not %v", story(n), c, a)
	}
	return a
}

// fold is run.Fold, bent where the walk is.
func fold(n node, entries []run.Entry) (*run.State, error) {
	if n.bend == nil {
		return run.Fold(n.state.Plan, entries)
	}
	s := run.New(n.state.Plan)
	for _, e := range entries {
		if err := s.Apply(e); err != nil {
			return nil, err
		}
		n.bend(s, e)
	}
	return s, nil
}

// refused tries every entry that does not belong here.
func refused(t tb, n node, letters []letter, fit []run.Entry) {
	t.Helper()
	before := key(n.state)
	fits := map[string]bool{}
	for _, e := range fit {
		fits[text(e)] = true
	}
	for _, e := range letters {
		if fits[e.text] {
			continue
		}
		if err := n.state.Apply(numbered(e.Entry, len(n.entries)+1)); err == nil {
			t.Fatalf("%s: %s is accepted, though %v comes next", story(n), e.text, run.Next(n.state))
		}
	}
	if key(n.state) != before {
		t.Fatalf("%s: a refused entry changed the state", story(n))
	}
}

// text leaves out what may differ between entries that mean the same.
func text(e run.Entry) string {
	body := string(e.Body)
	switch e.Kind {
	case run.Outcome:
		var b run.Ended
		_ = json.Unmarshal(e.Body, &b)
		body = fmt.Sprint(b.OK, b.Unclear, b.Skipped)
	case run.Decision:
		var b run.Decided
		_ = json.Unmarshal(e.Body, &b)
		if b.From == "" && (b.Choice == run.ChooseBack || b.Choice == run.ChooseLand) {
			b.Step = ""
		}
		body = fmt.Sprint(b.Choice, b.To, b.Step, b.From)
	}
	return strings.Join([]string{string(e.Kind), e.Step, string(e.Dir), body}, " ")
}

// step applies one entry and checks the promises that it could break.
func step(t tb, n node, e run.Entry) node {
	t.Helper()
	e = numbered(e, len(n.entries)+1)
	promises(t, n, e)
	next := node{entries: append(slices.Clip(n.entries), e), back: n.back, crossed: n.crossed || e.Kind == run.BarrierCrossed, bend: n.bend}
	s := clone(n.state)
	if err := s.Apply(e); err != nil {
		t.Fatalf("%s: %s is refused: %v", story(n), text(e), err)
	}
	if n.bend != nil {
		n.bend(s, e)
	}
	next.state = s
	next.back = e.Kind == run.Decision && strings.Contains(string(e.Body), `"choice":"back"`) ||
		next.back && !(e.Kind == run.Decision && strings.Contains(string(e.Body), `"choice":"again"`))
	return next
}

func promises(t tb, n node, e run.Entry) {
	t.Helper()
	p := n.state.Plan
	s, _ := p.Find(e.Step)
	inLanding := !slices.ContainsFunc(p.Steps, func(x plan.Step) bool { return x.ID == e.Step })
	var d run.Decided
	if e.Kind == run.Decision {
		_ = json.Unmarshal(e.Body, &d)
	}
	switch {
	case e.Kind == run.Intent && e.Dir == run.Do && n.back && !inLanding:
		t.Fatalf("%s: a forward step after the decision to go back", story(n))
	case e.Kind == run.Intent && e.Dir == run.Do && s.Class == plan.Irreversible && !n.crossed:
		t.Fatalf("%s: %s before the barrier", story(n), e.Step)
	case d.Choice == run.ChooseBack && n.crossed:
		t.Fatalf("%s: back after the barrier", story(n))
	case e.Dir == run.Undo && n.crossed:
		t.Fatalf("%s: an undo after the barrier", story(n))
	case d.Choice == run.ChooseAgain:
		cleared(t, n, d.From)
	case e.Kind == run.BarrierCrossed && !read(n).sealed:
		t.Fatalf("%s: crossed unsealed", story(n))
	case e.Kind == run.RunClosed && !n.crossed:
		whole(t, n)
	case e.Kind == run.RunClosed:
		complete(t, n)
	case e.Kind == run.Intent:
		alone(t, n, e)
	}
	if e.Dir != run.Undo {
		return
	}
	// strictly in reverse: nothing that was begun later is still there
	all, is := steps(p), read(n)
	at := slices.IndexFunc(all, func(x plan.Step) bool { return x.ID == e.Step })
	for _, later := range all[at+1:] {
		if is.there[later.ID] {
			t.Fatalf("%s: %s is undone before %s", story(n), e.Step, later.ID)
		}
	}
}

// whole checks a run that ends without having crossed a barrier: nothing
// that it began is left.
func whole(t tb, n node) {
	t.Helper()
	is := read(n)
	for _, s := range steps(n.state.Plan) {
		if is.there[s.ID] {
			t.Fatalf("%s: the run ends old, but %s was not undone", story(n), s.ID)
		}
	}
}

// cleared checks a way back that ends before a step that is retried from: nothing
// from there on is left, and what lies before is untouched.
func cleared(t tb, n node, from string) {
	t.Helper()
	is, past := read(n), false
	for _, s := range n.state.Plan.Steps {
		past = past || s.ID == from
		switch {
		case past && is.there[s.ID]:
			t.Fatalf("%s: forward again from %s, but %s was not undone", story(n), from, s.ID)
		case !past && !is.done[s.ID] && !s.Tolerated:
			t.Fatalf("%s: forward again from %s, but %s is not done any more", story(n), from, s.ID)
		}
	}
}

// alone checks that nothing else is in between when a step begins, in either
// direction: each is taken for the start of a service, and for what lets users
// in.
func alone(t tb, n node, e run.Entry) {
	t.Helper()
	is := read(n)
	for _, s := range steps(n.state.Plan) {
		if s.ID != e.Step && is.there[s.ID] && is.between[s.ID] && !s.Tolerated {
			t.Fatalf("%s: %s %s is begun while %s is in between", story(n), e.Dir, e.Step, s.ID)
		}
	}
}

// complete checks a run that ends behind its barrier: what led there is done.
func complete(t tb, n node) {
	t.Helper()
	p, k := n.state.Plan, n.state.BackTo
	list := p.Steps
	if n.state.Mode == run.Landing {
		at := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == p.Milestones[k-1].Step })
		list = slices.Concat(p.Steps[:at], p.Milestones[k-1].Landing)
	}
	is := read(n)
	for _, s := range list {
		if !is.done[s.ID] && !s.Tolerated {
			t.Fatalf("%s: the run ends, but %s is not done", story(n), s.ID)
		}
	}
}

// ends checks that the engine alone always comes to an end: no circle.
func ends(t tb, p *plan.Plan, onward map[string][]string) {
	t.Helper()
	const open, closed = 1, 2
	mark := map[string]int{}
	var walk func(k string)
	walk = func(k string) {
		switch mark[k] {
		case open:
			t.Fatalf("%s: the engine goes in a circle at %s", p.Digest, k)
		case closed:
			return
		}
		mark[k] = open
		for _, next := range onward[k] {
			walk(next)
		}
		mark[k] = closed
	}
	for k := range onward {
		walk(k)
	}
}

// story tells the way to a state.
func story(n node) string {
	var b strings.Builder
	b.WriteString(n.state.Plan.Digest + " (" + n.state.Plan.OnFailure + ")")
	for _, e := range n.entries[1:] {
		b.WriteString("\n  " + text(e))
	}
	return b.String()
}

// TestEveryRun is the model check: every state of small plans.
func TestEveryRun(t *testing.T) {
	states, plans := 0, 0
	check := func(text, mode string) { plans, states = plans+1, states+explore(t, compose(text, mode), 10) }
	for _, text := range small(2, "m | z^") {
		check(text, "origin")
	}
	for _, mode := range []string{"origin", "stay"} {
		check("a m b>1 c m | z^", mode)
		check("a m b? m | z^~", mode)
		check("a b c<b m | z^", mode)
		check("a m b c? d*<b m | z^", mode)
	}
	t.Logf("%d plans", plans)
	tally.Add(t, "model", "states", states)
}

func TestEveryLargerRun(t *testing.T) {
	lab.Slow(t)
	states, plans := 0, 0
	check := func(text, mode string) { plans, states = plans+1, states+explore(t, compose(text, mode), 1) }
	for _, end := range []string{"m |", "m | z^", "m | y^ z^~"} {
		for _, text := range small(3, end) {
			check(text, "origin")
		}
	}
	for _, pre := range []string{"a", "a*", "a~", "a? b"} {
		for _, mid := range []string{"c>1 d", "c% d~", "c>1 d*", "c d?"} {
			for _, mode := range []string{"origin", "stay"} {
				check(pre+" m "+mid+" m | z^", mode)
			}
		}
	}
	check("a m b>1 m c>2 m | z^", "stay")
	t.Logf("%d plans", plans)
	tally.Add(t, "model", "states", states)
}

// small lists the plans of one hop with up to n steps before that end.
func small(n int, end string) []string {
	var out []string
	var grow func(words []string)
	grow = func(words []string) {
		out = append(out, strings.Join(append(slices.Clip(words), end), " "))
		if len(words) == n {
			return
		}
		for _, kind := range []string{"", "?", "%", "~", "*"} {
			grow(append(slices.Clip(words), string(rune('a'+len(words)))+kind))
		}
	}
	grow(nil)
	return out
}
