package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
)

// Lasting is the end of a hold that outlives its run. One of the first three is
// there.
type Lasting struct {
	For   time.Duration `json:"for,omitempty"`   // nanoseconds after the run's end
	On    string        `json:"on,omitempty"`    // the last day, ISO
	Probe *Probe        `json:"probe,omitempty"` // it holds
	Text  string        `json:"text"`            // in words
}

// Target names what a hold holds, as the register of holds does.
func (p HoldParams) Target() string {
	switch {
	case p.Service != nil:
		return "service." + p.Service.ID
	case p.StartType != nil:
		return "start-type." + p.StartType.ID
	case p.Setting != nil:
		return "setting." + p.Setting.ID
	}
	return ""
}

// What says what a hold holds in words.
func (p HoldParams) What() string { return strings.Replace(p.Target(), ".", " ", 1) }

// Ending is a hold of an earlier run that a return ends.
type Ending struct {
	HoldParams
	Run string // that registered it
	Was string // what it gets back, in words
}

// lastingHold is a hold that outlives the run.
type lastingHold struct{ target, to string }

func (b *builder) keptAt(target string) (to string, ok bool) {
	i := slices.IndexFunc(b.lasts, func(k lastingHold) bool { return k.target == target })
	if i < 0 {
		return "", false
	}
	return b.lasts[i].to, true
}

// keepsStopped says that a service of the product is stopped for longer than
// the run, or that the run ends such a hold: nothing else of the run stops or
// starts it.
func (b *builder) keepsStopped(id string) bool {
	_, ok := b.keptAt("service." + id)
	return ok || slices.ContainsFunc(b.first().Ends, func(e Ending) bool { return e.Service != nil && e.Service.ID == id })
}

// keep adds a hold that outlives the run. The register has its end.
func (b *builder) keep(ph manifest.Phase, s manifest.Step, p *HoldParams) {
	var err error
	if p.Lasts, err = b.lasting(s.Lasting); !b.check(err) {
		return
	}
	p.Until = ""
	if slices.ContainsFunc(b.held, func(h heldStep) bool { return h.params.Target() == p.Target() }) {
		b.refuse("hold at %s: %s is held by another step at that time, whose end would end this hold too: end that one in an earlier phase", s.Pos, p.What())
		return
	}
	if to, ok := b.keptAt(p.Target()); ok && to != p.To {
		b.refuse("hold at %s: another step holds %s at %s after the run, this one at %s", s.Pos, p.What(), to, p.To)
		return
	}
	if p.Service != nil && b.isDown(p.Service.ID) {
		b.refuse("hold at %s: the run itself has stopped service %s by then: hold it before the phase stop, or in start or later", s.Pos, p.Service.ID)
		return
	}
	b.add(Step{ID: "hold." + b.nameOf(p), Verb: "hold", Phase: string(ph), Class: Reversible,
		Title: fmt.Sprintf("hold %s %s until %s", p.What(), p.To, p.Lasts.Text)}, p)
	b.lasts = append(b.lasts, lastingHold{p.Target(), p.To})
	b.noteOnce("%s stays %s after the run, until %s. Nothing ends that by itself: upkeep holds end %s gives it back what it had, and upkeep holds end --due does so with all that are due",
		p.What(), p.To, p.Lasts.Text, p.Target())
}

// nameOf is what a hold's step is called by.
func (b *builder) nameOf(p *HoldParams) string { return strings.Fields(p.What())[1] }

// lasting resolves the end of a hold that outlives the run.
func (b *builder) lasting(l *manifest.Lasting) (*Lasting, error) {
	switch {
	case l.Probe != nil:
		pr, err := b.res.Probe(*l.Probe)
		if err != nil {
			return nil, fmt.Errorf("the end of a hold: %w", err)
		}
		if pr.Source == "ask" {
			return nil, fmt.Errorf("the end of a hold at %s: nobody is asked after the run: use a probe that a program can read", l.Probe.Pos)
		}
		return &Lasting{Probe: pr, Text: pr.Wants()}, nil
	case l.On != "":
		return &Lasting{On: l.On, Text: l.On}, nil
	}
	return &Lasting{For: l.For, Text: span(l.For) + " after the run"}, nil
}

// span writes a span of time in days where it is one of days.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// isDown says that the plan has stopped a service, and not started it again.
func (b *builder) isDown(id string) bool {
	for _, d := range slices.Backward(*b.into) {
		if p, ok := d.params.(*ServiceParams); ok && p.Service.ID == id {
			return d.Verb == "stop"
		}
	}
	return false
}

// endHolds ends what an earlier run holds, in the run that takes it back:
// settings in the version in which they are held, before its restore point is
// made; services when what they belong to is back.
func (b *builder) endHolds(ph manifest.Phase, services bool) {
	for _, e := range slices.Backward(b.first().Ends) {
		if (e.Service != nil) != services {
			continue
		}
		p := e.HoldParams
		p.End, p.Of = p.Target(), e.Run
		b.add(Step{ID: "end." + b.nameOf(&p), Verb: "hold", Phase: string(ph), Class: Reversible,
			Title: fmt.Sprintf("end what run %s holds: %s, back to %s", e.Run, p.What(), e.Was)}, &p)
	}
}
