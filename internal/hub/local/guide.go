package local

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"upkeep/internal/feature"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Guide implements ask.Engine.
func (e *Engine) Guide(ctx context.Context, by string, w ask.Wish) (ask.Guide, error) {
	in, req, err := e.wished(ctx, w, by)
	if err != nil {
		return ask.Guide{}, err
	}
	g, err := in.Guide(ctx, req)
	if err != nil {
		return ask.Guide{}, told(err)
	}
	out := guide(in.Doc.Product, *g, w)
	out.Stages = stages(out)
	return out, nil
}

func guide(product string, g manage.Guide, w ask.Wish) ask.Guide {
	out := ask.Guide{Readiness: readiness(product, g.Readiness), First: g.First, Params: []ask.Param{}, Groups: groups(g.Features, w.Choose), Refused: g.Refused,
		Tasks: []ask.Asked{}, Scripts: len(g.Reviews), Undecided: len(plan.Unreviewed(g.Reviews)), Missing: g.Missing, Needs: len(g.Needs) > 0,
		Safety: ask.Safety{Optional: g.Optional, Point: g.Point, Route: append([]string{}, g.Route...), Scripts: g.Scripts}}
	for _, p := range g.Params {
		out.Params = append(out.Params, ask.Param{ID: p.Param, Title: p.Title, Type: p.Type, Now: p.Default, Value: p.Value, Changed: p.Changed, Fixed: p.Fixed, Problem: p.Problem})
	}
	for _, a := range g.People {
		out.Tasks = append(out.Tasks, asked(a))
	}
	return out
}

// led are the stages that have led to a plan, and what was decided there.
func led(ctx context.Context, p prepared, out *ask.Plan) {
	g, features := p.in.Led(ctx, p.Prepared)
	view := guide(p.in.Doc.Product, g, ask.Wish{})
	if features {
		view.Groups = make([]ask.Group, 1)
	}
	out.Stages = stages(view)
	if p.Plan == nil {
		return
	}
	pl := p.Plan
	out.Settings = p.Input.Changes
	for _, v := range view.Params {
		if _, told := pl.Params[v.ID]; told && v.Type != "secret" {
			v.Now = pl.Params[v.ID]
			out.Values = append(out.Values, v)
		}
	}
	for _, f := range pl.Choices {
		if slices.Contains(pl.Added, f) {
			out.Added = append(out.Added, f)
		} else {
			out.Stays = append(out.Stays, f)
		}
	}
	for _, r := range pl.Reviews {
		out.Scripts = append(out.Scripts, reviewed(r))
	}
	for _, a := range view.Tasks {
		if !a.Open {
			out.Word = append(out.Word, a)
		}
	}
	for _, r := range pl.Rights() {
		out.Rights = append(out.Rights, ask.Right{Account: r.Account, Steps: r.Steps, More: r.More})
	}
	out.Edited = edits(pl)
	for _, id := range slices.Sorted(maps.Keys(pl.Waivers)) {
		out.Accepted = append(out.Accepted, id+": "+pl.Waivers[id])
	}
}

// edits lists what comes of files that the site has edited.
func edits(p *plan.Plan) []ask.Edited {
	var out []ask.Edited
	for _, s := range p.Steps {
		if s.Verb != "merge" {
			continue
		}
		params, err := step.Params[plan.MergeParams](s)
		if err != nil {
			continue // the run has read them
		}
		for _, f := range params.Files {
			out = append(out, ask.Edited{Path: f.Path, Of: params.Component + " " + p.Hops[s.Hop-1].To, What: f.Title(), Kept: f.Kept, Diff: strings.Join(f.Diff, "\n")})
		}
	}
	return out
}

// wished opens a quiet installation, and makes of a wish what it is asked.
func (e *Engine) wished(ctx context.Context, w ask.Wish, by string) (*manage.Installation, manage.Request, error) {
	in, err := e.quiet(ctx, w.Installation)
	if err != nil {
		return nil, manage.Request{}, err
	}
	req, err := e.request(w, by)
	return in, req, err
}

func readiness(product string, r manage.Readiness) ask.Readiness {
	out := ask.Readiness{Product: product, Installed: r.Installed, To: r.To, UpToDate: r.UpToDate, Findings: []ask.Finding{}}
	for _, f := range r.Findings {
		one := ask.Finding{ID: f.ID, Level: f.Level, OK: f.OK, Text: f.Text(), Effect: f.Effect, Fix: f.Fix, Waived: f.Waived, Waivable: f.Waivable,
			Reference: f.Reference, Release: f.Release, New: f.New, Fixable: f.Fixable}
		switch {
		case f.Review:
			one.Settled = ask.StageReview
		case f.Person:
			one.Settled = ask.StageTasks
		}
		out.Findings = append(out.Findings, one)
	}
	out.Blocked = r.Blocked()
	return out
}

// stages are those that the wish needs. One is open while nothing after it makes
// sense.
func stages(g ask.Guide) []ask.StageState {
	out := []ask.StageState{}
	add := func(needed bool, s ask.Stage, open bool) {
		if needed {
			out = append(out, ask.StageState{Stage: s, Open: open})
		}
	}
	if g.UpToDate {
		add(true, ask.StageReady, false)
		add(len(g.Groups) > 0, ask.StageChoices, len(g.Refused) > 0)
		return out
	}
	ready, answers := g.Needs, false
	for _, f := range g.Findings {
		ready = ready || !f.OK && f.Level == "blocker" && f.Waived == "" && f.Settled == ""
	}
	wrong, free, tasks := false, false, false
	for _, p := range g.Params {
		wrong, free = wrong || p.Problem != "", free || !p.Fixed
	}
	for _, a := range g.Tasks {
		tasks, answers = tasks || a.Open, answers || a.Open && a.Kind == ask.AskedAnswer
	}
	// what somebody's answer is missing for may look as if it stood in the way
	add(true, ask.StageReady, ready && !answers)
	add(g.Safety.Optional || len(g.Safety.Route) > 2, ask.StageSafety, false)
	add(free || wrong, ask.StageParams, wrong)
	add(len(g.Groups) > 0, ask.StageChoices, len(g.Refused) > 0)
	add(len(g.Tasks) > 0, ask.StageTasks, tasks)
	add(g.Scripts > 0, ask.StageReview, g.Undecided > 0)
	add(true, ask.StagePlan, ready)
	return out
}

// groups are the features as a person chooses them: those that choose themselves
// are not among them.
func groups(states []feature.State, asked []string) []ask.Group {
	out := []ask.Group{}
	for _, f := range states {
		if f.Hidden {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Title != f.Group {
			out = append(out, ask.Group{Title: f.Group})
		}
		g := &out[len(out)-1]
		one := ask.Feature{Path: f.Path, Title: f.Title, Source: f.Source, Below: strings.Count(f.Path, "/"), Alone: f.One, Chosen: f.Chosen, Locked: f.Locked, Why: f.Why}
		for _, name := range asked {
			one.Asked = one.Asked || name == f.Path
		}
		g.One = g.One || f.One
		g.Features = append(g.Features, one)
	}
	return out
}

func asked(a plan.Asked) ask.Asked {
	out := ask.Asked{ID: a.ID, Kind: ask.AskedKind(a.Kind), Text: a.Text, Reference: a.Reference, Privilege: a.Privilege, Want: a.Want, Lacks: a.Lacks, Open: a.Open(), Auto: a.Auto}
	if w := a.Word; w != nil {
		out.By, out.Value, out.Note = w.By, w.Value, w.Note
		out.At, _ = time.Parse(time.RFC3339Nano, w.At) // no moment is shown, otherwise
	}
	return out
}

// Say implements ask.Engine. An answer is kept for a day and for one run, a word
// on a task for one run, as with the terminal.
func (e *Engine) Say(ctx context.Context, by string, s ask.Saying) (struct{}, error) {
	in, req, err := e.wished(ctx, s.Wish, by)
	if err != nil {
		return struct{}{}, err
	}
	people, err := in.Asked(ctx, req)
	if err != nil {
		return struct{}{}, told(err)
	}
	for _, a := range people {
		if a.ID != s.ID || a.Kind != plan.AskedAnswer {
			continue
		}
		if strings.TrimSpace(s.Text) == "" {
			return struct{}{}, &ask.Error{Kind: ask.Invalid, Text: "an answer wants a value; nothing was kept"}
		}
		if in, req, err = e.wished(ctx, s.Wish, by); err != nil {
			return struct{}{}, err
		}
		req.Answers = map[string]string{s.ID: s.Text}
		if _, err = in.Asked(ctx, req); err != nil {
			err = refused(err)
		}
		return struct{}{}, err
	}
	if in, req, err = e.wished(ctx, s.Wish, by); err != nil {
		return struct{}{}, err
	}
	if err := in.DoneBefore(ctx, req, s.ID, plan.Word{By: by, Note: strings.TrimSpace(s.Text)}); err != nil {
		return struct{}{}, refused(err)
	}
	return struct{}{}, nil
}
