package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
)

// request makes of a wish what the terminal's flags would make of it.
func (e *Engine) request(w ask.Wish, by string) (manage.Request, error) {
	req := manage.Request{From: e.Releases, To: w.To, OnFailure: w.OnFailure, Only: w.Only, Trigger: plan.TriggerCommand, By: by, Waivers: map[string]string{}, Outside: w.Outside}
	if w.OnFailure != "" && w.OnFailure != "origin" && w.OnFailure != "stay" {
		return req, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("a failure leads to origin or stay, not to %q", w.OnFailure)}
	}
	for id, why := range w.Waivers {
		if strings.TrimSpace(why) == "" {
			return req, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("accepting %s wants a reason", id)}
		}
		req.Waivers[id] = by + ": " + why
	}
	req.Params.Given, req.Choose, req.Prove = w.Params, w.Choose, w.Prove
	if w.Rehearse {
		req.Rehearse = "data"
	}
	return req, nil
}

// Check implements ask.Engine.
func (e *Engine) Check(ctx context.Context, by string, w ask.Wish) (ask.Readiness, error) {
	in, err := e.quiet(ctx, w.Installation)
	if err != nil {
		return ask.Readiness{}, err
	}
	req, err := e.request(w, by)
	if err != nil {
		return ask.Readiness{}, err
	}
	r, err := in.Check(ctx, req)
	if err != nil {
		return ask.Readiness{}, told(err)
	}
	return readiness(in.Doc.Product, r), nil
}

// Plan implements ask.Engine.
func (e *Engine) Plan(ctx context.Context, by string, w ask.Wish) (ask.Plan, error) {
	in, err := e.quiet(ctx, w.Installation)
	if err != nil {
		return ask.Plan{}, err
	}
	p, err := e.prepare(ctx, in, w, by)
	if err != nil {
		return ask.Plan{}, err
	}
	defer p.Close()
	out := ask.Plan{Product: in.Doc.Product, UpToDate: p.UpToDate, Installed: p.Installed, To: p.To, Notes: append([]string{}, p.Notes...)}
	led(ctx, p, &out)
	if p.UpToDate {
		return out, nil
	}
	_ = manage.SavePlan(p.Plan) // without it, what has moved since cannot be named
	planView(&out, p.Prepared)
	if p.first != nil {
		return out, nil // nobody is kept out by it: it begins at any time
	}
	if out.Begin, err = begin(in, p.Prepared, time.Now()); err != nil {
		return ask.Plan{}, told(err)
	}
	return out, nil
}

func planView(out *ask.Plan, p *manage.Prepared) {
	pl, f := p.Plan, p.Forecast
	out.Product, out.Digest, out.Vouched, out.Fetch = pl.Subject(), pl.Digest, pl.Vouched(), f.Fetch
	out.Unsigned = pl.Vouch == nil || pl.Vouch.Unsigned != ""
	out.Outage, out.Total, out.First, out.Closed, out.Alone, out.Goes = f.Outage, f.Total, pl.First(), pl.Closed, f.Alone, f.Goes
	_, out.Waived = pl.Waivers["backup"]
	out.Steps = steps(pl, f)
	out.Route, out.Changes, out.Room, out.NoReturn = []string{pl.From}, []ask.Change{}, []ask.Room{}, []string{}
	for _, h := range pl.Hops {
		out.Route = append(out.Route, h.To)
	}
	for _, i := range pl.Instances {
		out.Changes = append(out.Changes, ask.Change{Unit: i.Unit(), From: i.From, To: i.To, At: i.At, Gone: i.Gone})
	}
	for _, n := range f.Space {
		out.Room = append(out.Room, ask.Room{Place: strings.Join(n.Places, ", "), Needs: n.Bytes, Free: n.Free})
	}
	for _, s := range pl.Steps {
		if s.Undo == "none" {
			out.NoReturn = append(out.NoReturn, s.Title)
		}
	}
	for _, a := range pl.Open() {
		out.People = append(out.People, a.Text)
	}
	out.Notes = append([]string{}, pl.Notes...)
}

// prepared is a plan that somebody can say yes to. First: of a first install.
type prepared struct {
	*manage.Prepared
	in    *manage.Installation
	first *manage.First
}

// prepare makes the plan: of an upgrade, or of a first install where nothing is
// installed.
func (e *Engine) prepare(ctx context.Context, in *manage.Installation, w ask.Wish, by string) (prepared, error) {
	req, err := e.request(w, by)
	if err != nil {
		return prepared{}, err
	}
	p, err := in.Prepare(ctx, req)
	var absent *manage.AbsentError
	if !errors.As(err, &absent) {
		return prepared{Prepared: p, in: in}, told(err)
	}
	if in, err = manage.Open(in.Path, e.Exe); err != nil {
		return prepared{}, told(err)
	}
	f, err := in.FirstOf(ctx, req)
	if err != nil {
		return prepared{}, told(err)
	}
	return prepared{f.Prepared, f.In, f}, nil
}

// fetch brings what is missing, and says whether the plan is to be made anew.
func (p prepared) fetch(ctx context.Context) (again bool, err error) {
	if p.first != nil {
		_, err := p.first.Fetch(ctx, nil)
		return false, told(err)
	}
	if p.Missing() == 0 {
		return false, nil
	}
	_, err = p.in.FetchAll(ctx, p.Prepared, nil)
	return true, told(err)
}

func (p prepared) start(ctx context.Context, by string) (string, error) {
	if p.first != nil {
		return p.first.Start(ctx, by)
	}
	return p.in.Start(ctx, p.Prepared, by)
}

// Start implements ask.Engine. The plan is made anew, and must be the one that
// the yes names.
func (e *Engine) Start(ctx context.Context, by string, y ask.Yes) (ask.Started, error) {
	out, err := e.start(ctx, by, y)
	if err != nil {
		// somebody may have been quicker: who, is what one wants to know then
		if _, busy := e.quiet(ctx, y.Installation); ask.KindOf(busy) == ask.Busy {
			return out, busy
		}
	}
	return out, err
}

func (e *Engine) start(ctx context.Context, by string, y ask.Yes) (ask.Started, error) {
	p, err := e.agreedFetched(ctx, by, y)
	if err != nil {
		return ask.Started{}, err
	}
	defer p.Close()
	// from here on nobody who goes away leaves it half done
	id, err := p.start(context.WithoutCancel(ctx), by)
	if err != nil {
		return ask.Started{}, told(err)
	}
	return ask.Started{Run: id}, nil
}

// agreedFetched prepares the plan to which somebody has said yes, and fetches what
// it needs.
func (e *Engine) agreedFetched(ctx context.Context, by string, y ask.Yes) (prepared, error) {
	if len(y.Digest) != 64 {
		return prepared{}, &ask.Error{Kind: ask.Invalid, Text: "a yes names the whole digest of the plan that was shown"}
	}
	in, err := e.quiet(ctx, y.Installation)
	if err != nil {
		return prepared{}, err
	}
	p, err := e.agreed(ctx, in, by, y)
	if err != nil {
		return p, err
	}
	again, err := p.fetch(ctx)
	if again || err != nil {
		p.Close()
	}
	if again && err == nil {
		p, err = e.agreed(ctx, in, by, y)
	}
	return p, err
}

// agreed prepares the plan to which somebody has said yes.
func (e *Engine) agreed(ctx context.Context, in *manage.Installation, by string, y ask.Yes) (prepared, error) {
	p, err := e.prepare(ctx, in, y.Wish, by)
	if err != nil {
		return p, err
	}
	if p.UpToDate {
		p.Close()
		return p, &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("there is nothing to do any more: %s is on %s", in.Doc.Product, p.Installed)}
	}
	if err := manage.SameAs(p.Plan, y.Digest); err != nil {
		p.Close()
		return p, told(err)
	}
	return p, nil
}
