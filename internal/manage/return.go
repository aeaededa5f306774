package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/files"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	stepbackup "upkeep/internal/step/backup"
	"upkeep/internal/survey"
)

// NoReturnError says why the last upgrade cannot be taken back, and what can
// be done instead.
type NoReturnError struct{ Why string }

func (e *NoReturnError) Error() string {
	return fmt.Sprintf("there is no way back: %s; upkeep backup list shows the restore points, upkeep backup restore puts one back", e.Why)
}

// Return is a prepared way back from an upgrade whose run is over.
type Return struct {
	*Prepared
	Run    string    // that is taken back
	Closed time.Time // when users were in again: what they did since is discarded
}

// PrepareReturn makes the plan of a run that takes the last upgrade back, by
// the restore point that it made: the next morning's way back. It changes
// nothing.
func (in *Installation) PrepareReturn(ctx context.Context) (*Return, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, &NoReturnError{Why: "nothing was upgraded with Upkeep yet"}
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	last, err := in.lastChange(ctx, j)
	if err != nil {
		return nil, err
	}
	if last.From == "" {
		return nil, &NoReturnError{Why: fmt.Sprintf("run %s installed it, and nothing was there before", last.ID)}
	}
	params, err := in.returnParams(ctx, last)
	if err != nil {
		return nil, err
	}
	if err := in.backOver(ctx, params); err != nil {
		return nil, err
	}
	kept, err := keptDigest(ctx, j, last.From, last)
	if err != nil {
		return nil, err
	}
	now, before, err := in.documents(ctx, last, kept)
	if err != nil {
		return nil, err
	}
	now, before = parted(last, params, now, before)
	input, err := in.returnInput(ctx, last, kept, now, before, params)
	if err != nil {
		return nil, err
	}
	r := &Return{Run: last.ID, Closed: last.Closed, Prepared: &Prepared{Input: input, Installed: last.Version, To: last.From}}
	if r.Plan, err = plan.Compile(input); err != nil {
		return nil, err
	}
	r.Forecast = plan.Estimate(r.Plan, input)
	r.Forecast.Goes, err = in.wouldGo(ctx, r.Plan)
	return r, err
}

// parted gives the documents without what was not there: after the run, and
// before it.
func parted(r *Run, params *plan.ReturnParams, now, before *manifest.Product) (*manifest.Product, *manifest.Product) {
	added := func(id string) bool {
		return slices.ContainsFunc(params.Gone, func(a plan.Addition) bool { return a.Component == id })
	}
	left := func(id string) bool {
		return slices.ContainsFunc(r.Plan.Instances, func(i plan.Instance) bool { return i.Component == id && (i.Added == 0 || added(id)) })
	}
	if len(now.Features) > 0 {
		p := now
		now = lacking(p, func(id string) bool { return p.Components[id].Kind != "" && !left(id) })
	}
	p := before
	return now, lacking(p, func(id string) bool {
		saved := slices.ContainsFunc(params.Files, func(f plan.FileSource) bool { return plan.ComponentOf(f.Component) == id }) ||
			slices.ContainsFunc(params.Databases, func(d plan.Database) bool { return plan.ComponentOf(d.Component) == id })
		return added(id) || len(p.Features) > 0 && p.Components[id].Kind != "" && !left(id) && !saved
	})
}

// lastChange is the latest run that changed the version and is over.
func (in *Installation) lastChange(ctx context.Context, j *sqlite.Journal) (*Run, error) {
	row, ok, err := j.LastChange(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &NoReturnError{Why: "no run has changed the version"}
	}
	return in.load(ctx, j, row)
}

// returnParams finds what the run saved before it changed anything.
func (in *Installation) returnParams(ctx context.Context, r *Run) (*plan.ReturnParams, error) {
	for _, s := range r.Plan.Steps {
		if s.Verb != "backup" {
			continue
		}
		p, err := step.Params[plan.BackupParams](s)
		if err != nil {
			return nil, err
		}
		out := &plan.ReturnParams{Run: r.ID, Point: stepbackup.PointID(r.ID, p.Key), BackupParams: *p}
		out.Covers, out.Gone = nil, plan.Additions(r.Plan, reached(r))
		if _, err := in.archive().Find(ctx, out.Point); err != nil {
			return nil, &NoReturnError{Why: fmt.Sprintf("restore point %s of run %s is not there any more", out.Point, r.ID)}
		}
		// all of it is read while users work, not in the outage
		if err := in.archive().Verify(ctx, out.Point); err != nil {
			return nil, &NoReturnError{Why: err.Error()}
		}
		return out, nil
	}
	return nil, &NoReturnError{Why: fmt.Sprintf("run %s made no restore point", r.ID)}
}

// reached is the hop that a run came to: the last, unless it stayed at a
// milestone.
func reached(r *Run) int {
	n := len(r.Plan.Hops)
	for n > 1 && r.Plan.Hops[n-1].To != r.Version {
		n--
	}
	return n
}

// documents gives the product documents as of now and as of before the run,
// from the run's own copies of the bundles.
func (in *Installation) documents(ctx context.Context, r *Run, kept string) (now, before *manifest.Product, err error) {
	hops := r.Plan.Hops
	last := reached(r) - 1
	open := func(digest string) (*Release, error) {
		return in.openRelease(ctx, filepath.Join(in.bundlesDir(), digest), "")
	}
	if r.Plan.Trigger == plan.TriggerBack {
		return nil, nil, &NoReturnError{Why: fmt.Sprintf("the last run (%s) took an upgrade back itself", r.ID)}
	}
	target, err := open(hops[last].Bundle)
	if err != nil {
		return nil, nil, err
	}
	first, err := open(hops[0].Bundle)
	if err != nil {
		return nil, nil, err
	}
	was, err := in.keptRelease(ctx, kept)
	if err != nil {
		return nil, nil, err
	}
	if before, err = in.productOf(first.Bundle, r.From, was); err != nil {
		return nil, nil, err
	}
	if before == nil {
		before = first.Product
	}
	return target.Product, before, nil
}

func (in *Installation) returnInput(ctx context.Context, r *Run, kept string, now, before *manifest.Product, params *plan.ReturnParams) (plan.Input, error) {
	// what was installed before is a release without a procedure of its own
	rel := &manifest.Release{Product: now.ID, Version: r.From, Versions: map[string]string{}}
	for _, i := range r.Plan.Instances {
		if i.From != "" {
			rel.Versions[i.Unit()] = i.From
		}
	}
	input := plan.Input{Site: in.Doc, Units: r.Plan.Units, Installed: now, From: r.Version, Trigger: plan.TriggerBack, OnFailure: "origin",
		Hops: []plan.HopInput{{Release: rel, Product: before, Return: params, Bundle: plan.Bundle{Digest: kept}}}}
	var err error
	if input.Hops[0].Ends, err = in.heldBy(r.ID); err != nil {
		return input, err
	}
	s := in.surveyor()
	facts, err := s.Basics(ctx, now, in.Doc)
	if err != nil {
		return input, err
	}
	s.Units = input.Units
	is, err := installedVersion(now, facts)
	if err != nil {
		return input, err
	}
	for _, i := range r.Plan.Instances {
		if v := facts.Instances[i.Unit()].Version; slices.Contains(r.Plan.Units, i.Unit()) && i.To != "" {
			if is = r.Version; v != i.To {
				return input, &NoReturnError{Why: fmt.Sprintf("run %s left %s on %s, but it is on %s now", r.ID, i.Unit(), i.To, v)}
			}
		}
	}
	if is != r.Version {
		return input, &NoReturnError{Why: fmt.Sprintf("run %s left %s, but %s is installed now", r.ID, r.Version, is)}
	}
	if err := s.Details(ctx, &facts, now, in.Doc, []survey.Hop{{Product: before, Release: rel}}, func(string) *files.Tree { return nil }); err != nil {
		return input, err
	}
	ranBefore(r.Plan, facts.Services)
	facts.HookDirs = nil // its hooks are the upgrade's, not the return's
	if err := in.past(ctx, &facts); err != nil {
		return input, err
	}
	input.Facts = facts
	return input, nil
}

// ranBefore sets the services that ran before a run: its return starts them
// again, also where the run left them stopped because they would not start.
func ranBefore(p *plan.Plan, services map[string]bool) {
	for _, s := range p.Steps {
		var params plan.ServiceParams
		if s.Verb == "stop" && json.Unmarshal(s.Params, &params) == nil && params.Inhibit {
			if _, known := services[params.Service.ID]; known {
				services[params.Service.ID] = true
			}
		}
	}
}
