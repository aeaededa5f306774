package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// span is a fix that holds services stopped while its own steps are carried out.
// Those of them that do not run are not touched.
func (c *consultation) span(ctx context.Context, r Remedy, s manifest.Step) Remedy {
	var all []plan.Service
	if id := s.Map["pools"]; id != "" {
		all, r.open = c.resolver.Pools(c.text(id))
	} else {
		var one *plan.Service
		if one, r.open = c.resolver.ServiceByID(c.text(s.Map["service"])); r.open == nil {
			all = []plan.Service{*one}
		}
	}
	for _, sv := range all {
		switch runs, _, err := c.services.Running(ctx, sv); {
		case err != nil:
			r.open = err
		case runs:
			r.Stops = append(r.Stops, sv.ID)
		default:
			r.Idle = append(r.Idle, sv.ID)
		}
	}
	for _, inner := range c.steps(ctx, s.During) {
		r.Choice, r.Shows = r.Choice || inner.Choice, r.Shows || inner.Shows
		if r.open == nil {
			r.open = inner.open
		}
		r.During = append(r.During, inner)
	}
	return r
}

// Span is the time in which the doctor has services stopped.
type Span struct {
	in       *Installation
	from, by string
	lock     *lock
	Stopped  []string // the services that it has stopped
}

// Hold stops those of a remedy's services that run, and says in the state folder
// before that it does. End starts exactly these again, whatever happens in
// between; where the process is killed, the next look of the doctor finds them.
// The installation's lock is free while they are stopped: an upgrade may be what
// is done meanwhile.
func (v *Visit) Hold(ctx context.Context, s Symptom, r Remedy, by string) (*Span, error) {
	in := v.c.Installation
	if r.open != nil {
		return nil, r.open
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the state folder: %w", err)
	}
	own, held, err := takeLock(in.doctorLockPath())
	if err != nil {
		return nil, err
	}
	if held != 0 {
		return nil, fmt.Errorf("another doctor (process %d) has services stopped: wait until it has ended, then try again", held)
	}
	span := &Span{in: in, from: v.c.from, by: by, lock: own}
	if err := span.begin(ctx, v.c, s, r); err != nil {
		own.release()
		return nil, err
	}
	return span, nil
}

func (sp *Span) begin(ctx context.Context, c *consultation, s Symptom, r Remedy) error {
	in := sp.in
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	if left, err := in.stopped(ctx); err != nil {
		return err
	} else if left != nil {
		return fmt.Errorf("the doctor was interrupted before, and %s still stopped: start that first, so that what ran is not forgotten", are(left.IDs()))
	}
	what := Stopped{For: s.Text, By: sp.by, At: time.Now().UTC().Truncate(time.Second)}
	for _, id := range r.Stops {
		sv, err := c.resolver.ServiceByID(id)
		if err != nil {
			return err
		}
		runs, _, err := c.services.Running(ctx, *sv)
		if err != nil {
			return err
		}
		if runs { // it may have ended since it was shown
			what.Services = append(what.Services, *sv)
		}
	}
	if err := in.register(&what); err != nil {
		return err
	}
	sp.Stopped = what.IDs()
	for _, sv := range slices.Backward(what.Services) {
		control, env := in.hands(sv)
		in.noteDoctor(sp.by, "stop "+sv.ID, "begun")
		if err := control.Stop(ctx, env, sv, ""); err != nil {
			in.noteDoctor(sp.by, "stop "+sv.ID, "failed: "+err.Error())
			if _, again := in.startAgain(context.WithoutCancel(ctx), sp.from, sp.by); again != nil {
				err = fmt.Errorf("%w; and what was stopped before it does not start again: %w", err, again)
			}
			return err
		}
		in.noteDoctor(sp.by, "stop "+sv.ID, "done")
	}
	return nil
}

// End starts again what was stopped, and gives what runs again. Where a run is
// open meanwhile it starts nothing: the run needs what it found, and its engine
// starts it when the run is over.
func (sp *Span) End(ctx context.Context) ([]string, error) {
	defer sp.lock.release()
	if len(sp.Stopped) == 0 {
		return nil, nil
	}
	in := sp.in
	r, err := in.OpenRun(ctx)
	if err == nil && r != nil {
		s, err := in.leftStopped()
		if s == nil || err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("run %s is open: %s stopped until it is over, and started then", r.ID, strings.Replace(are(s.IDs()), " is", " stays", 1))
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer l.release()
	return in.startAgain(ctx, sp.from, sp.by)
}
