package local

import (
	"context"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Runs implements ask.Engine.
func (e *Engine) Runs(ctx context.Context, q ask.RunsQuery) (ask.Runs, error) {
	in, err := e.open(ctx, q.Installation)
	if err != nil {
		return ask.Runs{}, err
	}
	if q.Limit <= 0 || q.Limit > 500 {
		q.Limit = 50
	}
	rows, err := in.RunsPage(ctx, max(q.Skip, 0), q.Limit+1)
	if err != nil {
		return ask.Runs{}, told(err)
	}
	out := ask.Runs{Product: in.Doc.Product, Rows: []ask.RunRow{}, More: len(rows) > q.Limit}
	for _, r := range rows[:min(len(rows), q.Limit)] {
		out.Rows = append(out.Rows, runRow(r))
	}
	return out, nil
}

// Run implements ask.Engine.
func (e *Engine) Run(ctx context.Context, q ask.RunQuery) (ask.Run, error) {
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		return ask.Run{}, err
	}
	w := newWatcher(in, r)
	w.events.skipTo(-tailOfEvents)
	w.take(w.events.lines())
	out := view(in, r, w.bar(time.Now()), time.Now())
	if out.Task != nil {
		out.Task.Lacks = in.Lacks(ctx, r)
	}
	return out, nil
}

// view is a run as the page shows it.
func view(in *manage.Installation, r *manage.Run, bar ask.Bar, now time.Time) ask.Run {
	f := in.Forecast(r.ID)
	s := r.State
	out := ask.Run{RunRow: runRow(r.Run), Product: r.Plan.Subject(), Digest: r.Plan.Digest, Going: going(r), Back: s.Mode == run.Backing || s.Why != nil,
		Barrier: s.Barrier, Out: s.Out(), Support: r.Plan.Support, Bar: bar, Foreseen: f.Outage}
	if s.Closed != nil {
		out.Points = in.Points(r) // reading their place meanwhile could be in the way
	}
	end := now
	if s.Closed != nil {
		end = s.ClosedAt
	}
	out.Took, out.Outage = end.Sub(s.OpenedAt), s.Outage(end)
	out.Steps = steps(r.Plan, f)
	for _, m := range r.Plan.Milestones {
		for _, step := range m.Landing {
			if st := s.Steps[step.ID]; st != nil && st.Status != run.Pending {
				out.Steps = append(out.Steps, planned(step, ask.PartAfter, f))
			}
		}
	}
	for i := range out.Steps {
		o := &out.Steps[i]
		o.Status = ask.Pending
		if st := s.Steps[o.ID]; st != nil {
			o.Status, o.Began, o.Ended, o.Took = status(st.Status), st.Began, st.Ended, st.Last.Took
			o.Evidence = st.Last.Evidence
			if !st.Last.OK {
				o.Error, o.Now = st.Last.Error, st.Last.Now
			}
		}
	}
	if why := s.Why; why != nil {
		step, _ := r.Plan.Find(why.Step)
		out.Why = &ask.Why{Step: why.Step, Title: step.Title, Text: why.Why}
		if st := s.Steps[why.Step]; st != nil {
			out.Why.Now = st.Last.Now
		}
		if why.By != "plan" {
			out.Why.By = why.By
		}
	}
	if w := r.Waiting; w != nil {
		out.Waiting = &ask.Waiting{Step: w.Step.ID, Title: w.Step.Title, Choices: []ask.Choice{}}
		if st := s.Steps[w.Step.ID]; st != nil {
			out.Waiting.Text, out.Waiting.Evidence = st.Last.Error, st.Last.Evidence
		}
		for _, c := range w.Choices {
			out.Waiting.Choices = append(out.Waiting.Choices, ask.Choice(c))
		}
	}
	if t := r.Task(); t != nil && out.Going == ask.AsksPerson {
		out.Task = &ask.Task{Step: t.ID, Text: t.Text}
		if t.Said != nil {
			out.Task.Said = t.Said.By
		}
	}
	out.Cancel = s.Closed == nil && s.Mode == run.Going && s.CanGoBack(0) == nil
	return out
}

// steps are those of a plan, by what users see.
func steps(p *plan.Plan, f plan.Forecast) []ask.Step {
	part := ask.PartBefore
	if p.First() {
		part = ask.PartWhole
	}
	var out []ask.Step
	for _, s := range p.Steps {
		if s.Down && part == ask.PartBefore {
			part = ask.PartOutage
		}
		out = append(out, planned(s, part, f))
		if s.Up && part == ask.PartOutage {
			part = ask.PartAfter
		}
	}
	return out
}

func planned(s plan.Step, part ask.Part, f plan.Forecast) ask.Step {
	out := ask.Step{ID: s.ID, Title: s.Title, As: s.As, Part: part, Forecast: f.Steps[s.ID]}
	switch {
	case s.Verb == plan.VerbBarrier:
		out.Control = "barrier"
	case s.Class == plan.Control:
		out.Control = "milestone"
	}
	return out
}

func status(s run.Status) ask.Status {
	switch s {
	case run.InFlight:
		return ask.Doing
	case run.Done:
		return ask.Done
	case run.Failed, run.UndoFailed:
		return ask.Failed
	case run.Tolerated:
		return ask.Tolerated
	case run.Unclear:
		return ask.Unclear
	case run.Undoing:
		return ask.Undoing
	case run.Undone:
		return ask.Undone
	}
	return ask.Pending
}
