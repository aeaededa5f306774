package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/manifest"
)

func (b *builder) holdStep(ph manifest.Phase, s manifest.Step) {
	p := &HoldParams{To: s.To, Until: s.Until}
	switch {
	case s.Map["service"] != "":
		svc, err := b.res.ServiceByID(s.Map["service"])
		if errors.As(err, new(*noServiceError)) { // a service of the system, such as a supervisor
			svc, err = b.machineService(s.Map["service"])
		}
		if err != nil {
			b.refuse("hold at %s: %v", s.Pos, err)
			return
		}
		if s.To != "stopped" {
			b.refuse("hold at %s: a service can be held to: stopped", s.Pos)
			return
		}
		p.Service = svc
	case s.Map["start-type"] != "":
		svc, ok := b.startType(s)
		if !ok {
			return
		}
		p.StartType = svc
	case s.Map["setting"] != "" && byHand(b.res.Product.Settings[s.Map["setting"]]):
		if s.Lasting != nil {
			b.notYet(s, "a hold that outlives the run, on a setting that a person reads or sets")
		} else if b.endsInPlan(s) {
			b.toldHold(ph, s, s.Map["setting"], b.res.Product.Settings[s.Map["setting"]])
		}
		return
	case s.Map["setting"] != "":
		set, err := b.setting(s.Map["setting"])
		if err != nil {
			b.refuse("hold at %s: %v", s.Pos, err)
			return
		}
		p.Setting = set
	default:
		b.notYet(s, "this kind of hold")
		return
	}
	if s.Lasting != nil {
		b.keep(ph, s, p)
		return
	}
	if !b.endsInPlan(s) {
		return
	}
	if _, ok := b.keptAt(p.Target()); ok {
		b.refuse("hold at %s: another step holds %s for longer than the run, and this one would end that: hold it before, until an earlier phase", s.Pos, p.What())
		return
	}
	st := Step{ID: "hold." + b.nameOf(p), Verb: "hold", Phase: string(ph), Class: Reversible,
		Title: fmt.Sprintf("hold %s %s until %s", p.What(), s.To, s.Until)}
	d := b.add(st, p)
	b.held = append(b.held, heldStep{step: d.ID, until: p.Until, params: p, node: d.Node, pos: s.Pos})
}

// endsInPlan says whether a hold ends at a phase of the plan.
func (b *builder) endsInPlan(s manifest.Step) bool {
	if slices.Contains(manifest.Phases(), manifest.Phase(s.Until)) {
		return true
	}
	b.notYet(s, fmt.Sprintf("a hold until %q, which outlives the run", s.Until))
	return false
}

// release ends the holds whose phase this is, last first. A phase that every
// hop passes ends them in the last hop, or in a landing.
func (b *builder) release(ph manifest.Phase) {
	if b.n > 0 && b.n < len(b.in.Hops) && !b.landing {
		return
	}
	for i := len(b.held) - 1; i >= 0; i-- {
		h := b.held[i]
		if h.until != string(ph) {
			continue
		}
		p := *h.params
		p.Release = h.step
		st := Step{ID: "release." + strings.TrimPrefix(h.step, "hold."), Verb: "hold", Phase: string(ph), Class: Reversible,
			Title: "end " + h.step + ": back to the value it had", Task: h.back, TaskBack: h.task}
		if h.back != nil {
			st.Deadline, st.Title = deadline("tell"), "a person ends "+h.step+": "+h.back.Text
		}
		b.add(st, &p)
		b.held = slices.Delete(b.held, i, i+1)
	}
}

// endless refuses holds that no phase ended.
func (b *builder) endless() {
	for _, h := range b.held {
		b.refuse("hold at %s: until: %s is past when it begins, so that it would never end", h.pos, h.until)
	}
	b.held = nil
}

// accessSpan enters a mode for the span of some steps, then goes back to the
// outer one.
func (b *builder) accessSpan(ph manifest.Phase, s manifest.Step, h HopInput) {
	if len(s.Args) != 1 {
		b.refuse("access at %s: name one mode", s.Pos)
		return
	}
	mode := s.Args[0]
	a, ok := b.res.Product.Access[mode]
	if !ok {
		b.refuse("access at %s: the product declares no mode %q", s.Pos, mode)
		return
	}
	n := len(b.entered)
	if !b.in.First { // nobody is there to be kept out
		b.enter(mode, a, ph)
	}
	for _, inner := range s.During {
		b.vendorStep(ph, inner, h)
	}
	if len(b.entered) == n || len(s.During) == 0 {
		return
	}
	own := slices.Clone(b.entered[n:])
	b.entered = b.entered[:n]
	for _, e := range slices.Backward(own) {
		p := *e.params
		p.Reopen = e.step
		b.add(Step{ID: "leave." + strings.TrimPrefix(e.step, b.prefix), Verb: "access", Phase: string(ph), As: p.As, Class: Reversible,
			Title: "leave " + p.Name() + ", back to the outer mode"}, &p)
	}
}
