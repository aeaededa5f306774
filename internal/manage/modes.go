package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
)

// gateMode is the name of Upkeep's own way to keep users out.
const gateMode = "gate"

// Modes reads which access modes are on: the gate, and those of the product's
// own. From names the releases that describe it, where Upkeep does not know it.
func (in *Installation) Modes(ctx context.Context, from string) (map[string]bool, error) {
	out := map[string]bool{}
	if in.Root {
		st, err := in.gate.State(ctx, in.Doc.ID)
		if err != nil {
			return nil, err
		}
		out[gateMode] = st.Up
	}
	own, err := in.ownModes(ctx, from)
	if err != nil {
		return nil, err
	}
	for _, p := range own {
		if out[p.Name()], err = in.modeOn(ctx, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leftOver gives the access modes that are on though no run is open.
func (in *Installation) leftOver(ctx context.Context) ([]string, error) {
	r, err := in.OpenRun(ctx)
	if err != nil || r != nil {
		return nil, err
	}
	all, err := in.Modes(ctx, "")
	var on []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] {
			on = append(on, name)
		}
	}
	return on, err
}

// ownModes gives the access modes of the product's own: those that the latest
// run enters, which need nothing more to be read, and those that the product
// declares, where its document is known or named by from.
func (in *Installation) ownModes(ctx context.Context, from string) ([]plan.AccessParams, error) {
	var out []plan.AccessParams
	known := false
	if from == "" {
		r, err := in.Run(ctx, "")
		if err != nil && !errors.Is(err, ErrNoJournal) {
			return nil, err
		}
		if known = err == nil; known {
			out = ownOf(r.Plan)
		}
	}
	p, err := in.product(ctx, from)
	if from == "" && errors.Is(err, errNoProduct) {
		return out, nil
	}
	var declared []plan.AccessParams
	if err == nil {
		declared, err = in.declaredModes(ctx, p)
	}
	if err != nil && !known {
		return nil, err
	}
	for _, m := range declared {
		if !slices.ContainsFunc(out, func(o plan.AccessParams) bool { return o.Name() == m.Name() }) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (in *Installation) declaredModes(ctx context.Context, p *manifest.Product) ([]plan.AccessParams, error) {
	s := in.surveyor()
	facts, err := s.Basics(ctx, p, in.Doc)
	if err != nil {
		return nil, err
	}
	r, err := s.Resolver(p, in.Doc, facts)
	if err != nil {
		return nil, err
	}
	return declaredBy(r)
}

// declaredBy resolves every access mode of a product, the innermost first.
func declaredBy(r *plan.Resolver) ([]plan.AccessParams, error) {
	var out []plan.AccessParams
	for _, mode := range []string{"maintenance", "read-only"} {
		a, ok := r.Product.Access[mode]
		if !ok {
			continue
		}
		all, err := r.Access(mode, a)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			out = append(out, *p)
		}
	}
	return out, nil
}

// ownOf gives the modes of the product's own that a plan enters, the innermost
// first.
func ownOf(p *plan.Plan) []plan.AccessParams {
	var out []plan.AccessParams
	for _, m := range accessModes(p) {
		if m.Gate == nil {
			out = append([]plan.AccessParams{m}, out...)
		}
	}
	return out
}

// modeOn tells whether a mode of the product's own is on.
func (in *Installation) modeOn(ctx context.Context, p plan.AccessParams) (bool, error) {
	if p.State != nil {
		v, err := in.states.Check(ctx, *p.State)
		if err != nil {
			return false, fmt.Errorf("cannot tell whether %s mode is on: %w", p.Mode, err)
		}
		return v.OK, nil
	}
	for _, name := range append([]string{p.Marker}, p.Aliases...) {
		_, err := in.FS.Lstat(name)
		if absent(err) != nil {
			return false, fmt.Errorf("cannot tell whether %s mode is on: %w", p.Mode, err)
		}
		if err == nil {
			return true, nil
		}
	}
	return false, nil
}

// EndModes ends every access mode that is on, whoever switched it on, and
// gives their names: the gate, and those of the product's own. A page that is
// parked while its mode is off is parked again, or taken away where it lies
// there already. It is refused while a run is open.
func (in *Installation) EndModes(ctx context.Context, from string) ([]string, error) {
	r, err := in.OpenRun(ctx)
	if err != nil {
		return nil, err
	}
	if r != nil {
		return nil, fmt.Errorf("run %s is open: it switches its modes off itself, on the new version or back on the old one", r.ID)
	}
	on, err := in.Modes(ctx, from)
	if err != nil {
		return nil, err
	}
	own, err := in.ownModes(ctx, from)
	if err != nil || !slices.Contains(slices.Collect(maps.Values(on)), true) {
		return nil, err
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer l.release()
	var ended []string
	h := in.handlers()["access"].(*access.Handler)
	for _, p := range own {
		if !on[p.Name()] {
			continue
		}
		if err := in.endMode(ctx, h, p); err != nil {
			return ended, err
		}
		ended = append(ended, p.Name())
	}
	if on[gateMode] {
		if err := in.gate.Down(ctx, in.Doc.ID); err != nil {
			return ended, err
		}
		ended = append(ended, gateMode)
	}
	return ended, nil
}

// byHand stands for the step that entered a mode which a person ends.
const byHand = "by-hand"

func (in *Installation) endMode(ctx context.Context, h *access.Handler, p plan.AccessParams) error {
	p.Reopen = byHand
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	s := plan.Step{ID: byHand, Verb: "access", Class: plan.Irreversible, As: p.As, Title: "switch " + p.Mode + " off", Params: raw, Deadline: time.Minute}
	env := step.Env{OpID: byHand + "/" + p.Name(), Direction: step.Forward, Dir: in.State, State: in.State, Log: io.Discard,
		Recall: func(string) (step.Memo, error) { return step.Memo("{}"), nil }}
	m, err := h.Prepare(ctx, env, s)
	if err != nil {
		return err
	}
	return h.Do(ctx, env, s, m)
}
