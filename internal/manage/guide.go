package manage

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"upkeep/internal/feature"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// Guide is what lies between a wish for an upgrade and its plan: what somebody
// who is led there step by step looks at, sets, chooses and does.
type Guide struct {
	Readiness
	First    bool // nothing is installed: it would be a first install
	Params   []Parameter
	Features []feature.State
	Refused  []string // why what is to be chosen cannot be had
	// Optional says that the restore point may be left out, with the waiver
	// "backup"; Point is the step that makes it, where there is a plan.
	Optional bool
	Point    string
	Route    []string // versions, the installed one first
	Scripts  bool     // databases are migrated by scripts, which can be rehearsed
	People   []plan.Asked
	Reviews  []plan.Reviewed
	Missing  int64    // bytes of payloads that are not here
	Needs    []string // releases without whose payloads no plan can be made
}

// Parameter is a parameter of the product in an upgrade.
type Parameter struct {
	Question
	Fixed   bool   // it is only shown
	Value   string // what is wanted; empty: as it is
	Changed bool
}

// Guide looks at everything that a plan of the request would need. What is
// wrong with a parameter or a choice is told with it, and what comes after is shown
// without it. It changes nothing.
func (in *Installation) Guide(ctx context.Context, req Request) (*Guide, error) {
	p, err := in.unpacking()
	if err != nil {
		return nil, err
	}
	defer p.Close()
	o, err := in.offer(ctx, req, p.temp.Path)
	if err != nil {
		return nil, err
	}
	target, _, err := in.choose(o.releases, req.To)
	if err != nil {
		return nil, err
	}
	if err := in.fits(target.Product); err != nil {
		return nil, err
	}
	if len(in.nothing(target.Product)) > 0 {
		return in.guideFirst(ctx, req, target)
	}
	g := &Guide{}
	if err := knownParams(target.Product, req.Params.Given); err != nil {
		return nil, err
	}
	given := map[string]string{}
	g.Params = in.parameters(ctx, target.Product, req.Params.Given)
	for _, q := range g.Params {
		if q.Changed && q.Problem == "" {
			given[q.Param] = q.Value
		}
	}
	req.Params = Answers{Given: given}
	if len(target.Product.Features) > 0 {
		if g.Features, g.Refused, err = in.featuresOf(ctx, target, req.Choose); err != nil {
			return nil, err
		}
	}
	if len(g.Refused) > 0 {
		req.Choose = nil
	}
	err = p.needsPayload(in.prepareOf(ctx, req, p, o))
	g.Missing = p.missing()
	var needs *NeedsPayloadError
	if errors.As(err, &needs) {
		g.Needs, g.Installed, g.To = needs.Versions, p.Installed, p.To
		g.Findings = []Finding{}
		return g, nil
	}
	readiness, ferr := in.findings(ctx, req, p, err)
	if ferr != nil {
		return nil, ferr
	}
	g.Readiness = readiness
	g.later(p, err)
	return g, nil
}

// later takes over what a survey has found for the stages after readiness. What
// only somebody's answer lets be checked is hers to settle.
func (g *Guide) later(p *Prepared, err error) {
	var refusal *plan.Refusal
	switch {
	case errors.As(err, &refusal):
		g.People, g.Reviews = refusal.People, refusal.Reviews
	case p.Plan != nil:
		g.People, g.Reviews = p.Plan.People, p.Plan.Reviews
		if i := slices.IndexFunc(p.Plan.Steps, func(s plan.Step) bool { return s.Verb == "backup" }); i >= 0 {
			g.Point = p.Plan.Steps[i].Title
		}
	}
	g.answered()
	if len(p.Input.Hops) == 0 {
		return
	}
	g.Route = []string{p.Installed}
	for _, h := range p.Input.Hops {
		g.Route = append(g.Route, h.Release.Version)
		g.Scripts = g.Scripts || len(h.Bundle.Scripts) > 0
		for _, s := range h.Release.Procedure.Phases[manifest.BackupPhase].Steps {
			g.Optional = g.Optional || s.Verb == "backup" && s.Optional
		}
		for _, b := range h.Product.Backups {
			g.Optional = g.Optional || b.Optional
		}
	}
}

// answered has a question that a check rests on stay open until its answer is one
// with which the upgrade can begin.
func (g *Guide) answered() {
	g.People = slices.Clone(g.People)
	for i, a := range g.People {
		if a.Kind != plan.AskedAnswer {
			continue
		}
		for n, f := range g.Findings {
			if f.ID != a.ID {
				continue
			}
			if len(a.Want) == 0 {
				g.People[i].Want = []string{"yes"}
			}
			if f.OK || f.Waived != "" {
				continue
			}
			g.Findings[n].Person = true
			if a.Word != nil && f.Level == "blocker" {
				g.People[i].Lacks = f.Evidence
			}
		}
	}
}

// parameters lists them as an upgrade has them, with what is wanted instead.
func (in *Installation) parameters(ctx context.Context, p *manifest.Product, given map[string]string) []Parameter {
	var out []Parameter
	for _, id := range paramOrder(p) {
		param := p.Params[id]
		q := Parameter{Question: Question{Param: id, Title: param.Title, Type: cmp.Or(param.Type, "string"), Default: in.valueNow(ctx, p, id)}}
		q.Fixed = param.Ask != "always" || param.Secret()
		text, wanted := given[id]
		switch {
		case q.Fixed && wanted:
			q.Problem = "it is not asked in an upgrade: change it in " + in.Path
		case wanted && text != q.Default:
			q.Value, q.Changed = text, true
			if err := in.tried(ctx, p, id, text); err != nil {
				q.Problem = err.Error()
			}
		}
		out = append(out, q)
	}
	return out
}

// Led gives what leads to a plan that could be made: its parameters as they are,
// and whether there are features.
func (in *Installation) Led(ctx context.Context, p *Prepared) (g Guide, features bool) {
	g.Installed, g.To, g.UpToDate = p.Installed, p.To, p.UpToDate
	g.later(p, nil)
	if len(p.Input.Hops) > 0 {
		product := p.Input.Hops[len(p.Input.Hops)-1].Product
		g.Params = in.parameters(ctx, product, nil)
		features = len(product.Features) > 0
		if g.First = p.Input.First; g.First {
			g.Optional, g.Scripts, g.Route = false, false, nil
			for i := range g.Params {
				g.Params[i].Fixed = true
			}
		}
	}
	return g, features
}
