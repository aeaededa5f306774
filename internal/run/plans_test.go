package run_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// compose writes a plan in short, a word a step: "a" reversible, "a?" a
// check, "a%" outward, "a^" irreversible, "a~" tolerated, "a*" tried twice,
// "a<b" retried from b once,
// "a>1" undone only for a way back to milestone 1 or later, "m" a milestone,
// "|" the barrier. Every milestone but the last gets a landing.
func compose(text, onFailure string) *plan.Plan {
	p := &plan.Plan{Format: 1, From: "1", OnFailure: onFailure, Digest: text}
	words := strings.Fields(text)
	for i, w := range words {
		p.Steps = append(p.Steps, word(w, ""))
		s := &p.Steps[i]
		switch s.Verb {
		case plan.VerbMilestone:
			n := len(p.Milestones) + 1
			s.ID = fmt.Sprintf("m%d", n)
			p.Milestones = append(p.Milestones, plan.Milestone{ID: s.ID, Version: fmt.Sprint(n + 1), Step: s.ID})
		case plan.VerbBarrier:
			p.Barrier = s.ID
		}
	}
	for i := range p.Milestones {
		p.To = p.Milestones[i].Version
		if i == len(p.Milestones)-1 {
			break
		}
		for _, w := range []string{"v?", "u", "|", "o^"} {
			p.Milestones[i].Landing = append(p.Milestones[i].Landing, word(w, fmt.Sprintf("l%d.", i+1)))
		}
	}
	return p
}

func word(w, prefix string) plan.Step {
	w, from, _ := strings.Cut(w, "<")
	id := strings.TrimRight(w, "?%^~*>12")
	s := plan.Step{ID: prefix + id, Verb: "x", Node: "here", Class: plan.Reversible, Deadline: time.Minute, RetryFrom: from}
	switch w {
	case "m":
		s.Verb, s.Class = plan.VerbMilestone, plan.Control
	case "|":
		s.ID, s.Verb, s.Class = prefix+"barrier", plan.VerbBarrier, plan.Control
	}
	for _, c := range w[len(id):] {
		switch c {
		case '?':
			s.Class = plan.Check
		case '%':
			s.Class = plan.Outward
		case '^':
			s.Class = plan.Irreversible
		case '~':
			s.Tolerated = true
		case '*':
			s.Retries = 1
		case '1', '2':
			s.OnlyTo = int(c - '0')
		}
	}
	return s
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// entry writes an entry in short: kind, step, direction, body.
func entry(kind run.Kind, step string, dir run.Direction, body any) run.Entry {
	e := run.Entry{Run: "r", Kind: kind, Step: step, Dir: dir, At: start}
	if body != nil {
		e.Body, _ = json.Marshal(body)
	}
	return e
}

func opened(p *plan.Plan) run.Entry {
	return entry(run.RunOpened, "", "", run.Opened{Plan: p.Digest, By: "ann"})
}

// decide writes a decision in short.
func decide(c run.Choice, to int, step string) run.Entry {
	return entry(run.Decision, "", "", run.Decided{Choice: c, To: to, Step: step, By: "ann"})
}

// coming lists every entry that may follow an action of Next: what an engine
// that carries it out can come to write.
func coming(a run.Action) []run.Entry {
	id := a.Step.ID
	out := func(dir run.Direction, e run.Ended) run.Entry { return entry(run.Outcome, id, dir, e) }
	ends := func(dir run.Direction) []run.Entry {
		return []run.Entry{out(dir, run.Ended{OK: true}), out(dir, run.Ended{Error: "it broke"}), out(dir, run.Ended{Unclear: true})}
	}
	switch a.Kind {
	case run.ActDo:
		if a.Step.Class == plan.Check {
			return ends(run.Do)[:2]
		}
		// a step whose preparation fails has no Intent
		return []run.Entry{entry(run.Intent, id, run.Do, run.Intended{Memo: "x"}), out(run.Do, run.Ended{Error: "cannot prepare"})}
	case run.ActUndo:
		return []run.Entry{entry(run.Intent, id, run.Undo, run.Intended{Memo: "x"})}
	case run.ActRecover:
		return ends(a.Dir)
	case run.ActSkipUndo:
		return []run.Entry{out(run.Undo, run.Ended{OK: true, Skipped: true}), out(run.Undo, run.Ended{Error: "cannot end what is left"})}
	case run.ActBack:
		return []run.Entry{entry(run.Decision, "", "", run.Decided{Choice: run.ChooseBack, To: a.To, From: a.From, Step: id, By: "ann"})}
	case run.ActAgain:
		return []run.Entry{entry(run.Decision, "", "", run.Decided{Choice: run.ChooseAgain, From: a.From, By: "ann"})}
	case run.ActMilestone:
		return []run.Entry{entry(run.MilestoneReached, id, "", run.Reached{Milestone: a.Number})}
	case run.ActSeal:
		return []run.Entry{entry(run.Sealed, "", "", nil)}
	case run.ActBarrier:
		return []run.Entry{entry(run.BarrierCrossed, id, "", nil)}
	case run.ActLand:
		return []run.Entry{decide(run.ChooseLand, a.To, "")}
	case run.ActClose:
		return []run.Entry{entry(run.RunClosed, "", "", run.Closed{Result: a.Result, Version: a.Version})}
	}
	return nil
}

// persons lists what a person may decide in a state, beside what it waits for.
func persons(s *run.State) []run.Entry {
	var out []run.Entry
	a := run.Next(s)
	for _, c := range a.Choices {
		if c != run.ChooseBack {
			out = append(out, decide(c, 0, a.Step.ID))
		}
	}
	for to := 0; to <= s.Milestone; to++ {
		if s.CanGoBack(to) == nil {
			out = append(out, decide(run.ChooseBack, to, ""))
		}
	}
	return out
}

// alphabet lists every entry that could be written about a plan at all.
func alphabet(p *plan.Plan) []run.Entry {
	out := []run.Entry{opened(p), entry(run.Sealed, "", "", nil), entry("Future", "", "", nil)}
	ids := []string{"nobody"}
	for _, s := range steps(p) {
		ids = append(ids, s.ID)
	}
	for _, id := range ids {
		out = append(out, entry(run.BarrierCrossed, id, "", nil))
		for _, dir := range []run.Direction{run.Do, run.Undo, ""} {
			out = append(out, entry(run.Intent, id, dir, run.Intended{Memo: "x"}))
			for _, e := range []run.Ended{{OK: true}, {Error: "it broke"}, {Unclear: true}, {OK: true, Skipped: true}} {
				out = append(out, entry(run.Outcome, id, dir, e))
			}
		}
		for _, c := range []run.Choice{run.ChooseRetry, run.ChooseSkip, run.ChooseAccept, "guess"} {
			out = append(out, decide(c, 0, id))
		}
		for n := range len(p.Milestones) + 2 {
			out = append(out, entry(run.MilestoneReached, id, "", run.Reached{Milestone: n}))
		}
	}
	for _, s := range p.Steps {
		if s.RetryFrom == "" {
			continue
		}
		for _, from := range []string{s.RetryFrom, s.ID} {
			out = append(out, entry(run.Decision, "", "", run.Decided{Choice: run.ChooseAgain, From: from}))
			for n := range len(p.Milestones) + 1 {
				out = append(out, entry(run.Decision, "", "", run.Decided{Choice: run.ChooseBack, To: n, From: from, Step: s.ID}))
			}
		}
	}
	for n := -1; n <= len(p.Milestones)+1; n++ {
		out = append(out, decide(run.ChooseBack, n, ""), decide(run.ChooseLand, n, ""))
	}
	for _, r := range []run.Result{run.ResultNew, run.ResultOld, run.ResultMilestone} {
		for n := range len(p.Milestones) + 2 {
			out = append(out, entry(run.RunClosed, "", "", run.Closed{Result: r, Version: fmt.Sprint(n + 1)}))
		}
	}
	return out
}

// steps gives the steps of a plan in the order in which they can be done.
func steps(p *plan.Plan) []plan.Step {
	all := append([]plan.Step(nil), p.Steps...)
	for _, m := range p.Milestones {
		all = append(all, m.Landing...)
	}
	return all
}
