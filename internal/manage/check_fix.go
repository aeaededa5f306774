package manage

import (
	"context"
	"fmt"
	"strings"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// mending says what mends a finding, in one line, and whether Upkeep can carry
// any of it out.
func (in *Installation) mending(input plan.Input, h plan.HopInput, fix []manifest.Step) (text string, fixable bool) {
	r, err := in.surveyor().Resolver(h.Product, in.Doc, input.Facts)
	var all []string
	for _, s := range fix {
		one := s.Tell
		if one == "" {
			one, fixable = s.Title, true
		}
		if one == "" {
			one = strings.Join(append([]string{s.Verb}, s.Args...), " ")
		}
		if err == nil {
			if full, err := r.Scope.Expand(one); err == nil {
				one = full
			}
		}
		all = append(all, one)
	}
	return strings.Join(all, "; or: "), fixable
}

// CheckFix is a look at what stands between an installation and a release, by
// somebody who may mend it: a finding that the vendor has a fix for is a symptom.
func (in *Installation) CheckFix(ctx context.Context, req Request) (*Visit, error) {
	l := look{id: "checks", fine: "the product is ready for the upgrade", at: func(ctx context.Context, c *consultation) ([]Symptom, error) { return c.unready(ctx, req) }}
	c := &consultation{Installation: in, from: req.From}
	found, err := c.unready(ctx, req)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].look = l.id
	}
	return &Visit{Diagnosis{Installation: in.Doc.ID, Product: in.Doc.Product, Fine: []string{}, Symptoms: found}, c, []look{l}}, nil
}

// unready lists the open findings that have a fix.
func (c *consultation) unready(ctx context.Context, req Request) ([]Symptom, error) {
	r, p, err := c.readiness(ctx, req)
	defer p.Close()
	if err != nil {
		return nil, err
	}
	if len(p.Input.Hops) == 0 {
		return nil, nil
	}
	s := c.surveyor()
	s.Units, c.product = p.Input.Units, p.Input.Installed
	if c.resolver, err = s.Resolver(c.product, c.Doc, p.Input.Facts); err != nil {
		return nil, fmt.Errorf("cannot tell what mends the findings: %w", err)
	}
	var out []Symptom
	for _, f := range r.Findings {
		h, check := checkOf(p.Input.Hops, f)
		if f.OK || f.Waived != "" || len(check.Fix) == 0 {
			continue
		}
		all, err := s.Resolver(h.Product, c.Doc, p.Input.Facts)
		if err != nil {
			return nil, fmt.Errorf("cannot tell what mends check %s: %w", f.ID, err)
		}
		for _, fails := range s.Failing(ctx, all, check) {
			one := f
			one.Evidence, one.Error = fails.Text(), fails.Error
			if f.Later { // an earlier hop may have a check of that name, too
				one.ID += " of " + f.Release
			}
			if c.words = all; fails.Unit != "" {
				c.words, one.ID = all.Unit(fails.Unit), one.ID+" of "+fails.Unit
			}
			out = append(out, c.failed(ctx, one, check.Fix))
		}
	}
	return out, nil
}

// failed is a finding as a symptom.
func (c *consultation) failed(ctx context.Context, f Finding, fix []manifest.Step) Symptom {
	s := Symptom{ID: f.ID, Text: f.ID, Evidence: f.Text(), Try: c.steps(ctx, fix), Else: c.support()}
	if f.Effect != "" {
		s.Evidence += "; otherwise: " + f.Effect
	}
	return s
}

// checkOf gives the check that a finding is of, and its hop.
func checkOf(hops []plan.HopInput, f Finding) (plan.HopInput, manifest.Check) {
	for _, h := range hops {
		for _, c := range h.Release.Checks {
			if c.ID == f.ID && h.Release.Version == f.Release {
				return h, c
			}
		}
	}
	return plan.HopInput{}, manifest.Check{}
}
