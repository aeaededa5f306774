package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/document/nearest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hold"
	holds "upkeep/internal/step/hold/register"
)

// NoHoldError says that the register has no such hold.
type NoHoldError struct {
	ID    string
	Known []string
}

func (e *NoHoldError) Error() string {
	msg := fmt.Sprintf("there is no hold %q", e.ID)
	near := nearest.Word(e.ID, e.Known)
	switch {
	case len(e.Known) == 0:
		return msg + ": nothing is held"
	case near != "":
		return msg + fmt.Sprintf(": did you mean %s?", near)
	}
	return msg + ": known: " + strings.Join(e.Known, ", ")
}

// EndHold gives what is held the value back that it had, reads that back, and
// takes the hold out of the register. With keep it only does the last. It is
// refused while a run is open, and where somebody has given it another value.
// Killed in between it leaves the hold registered, and is given again.
func (in *Installation) EndHold(ctx context.Context, id string, keep bool, by string) (Hold, error) {
	h, err := in.holdOf(ctx, id)
	if err != nil {
		return h, err
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return h, err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return h, err
	}
	if h, err = in.holdOf(ctx, id); err != nil { // as it is now that nobody else is at work
		return h, err
	}
	what := "end " + id
	if keep {
		what = "keep " + id
	}
	in.note(in.holdsLog(), by, what, fmt.Sprintf("begun: %s is held at %s by run %s, and was %s", h.What, h.To, h.Run, h.Was))
	switch {
	case keep:
		err = holds.Put(in.FS, in.State, id, nil)
	case h.entry.ID == "":
		err = errors.New(h.Error)
	default:
		err = in.giveBack(ctx, h)
	}
	if err != nil {
		in.note(in.holdsLog(), by, what, "failed: "+err.Error())
		return h, err
	}
	in.note(in.holdsLog(), by, what, "done")
	return h, nil
}

// holdOf finds a hold of the register. Its probe is not asked.
func (in *Installation) holdOf(ctx context.Context, id string) (Hold, error) {
	rows, err := in.Runs(ctx)
	if err != nil {
		return Hold{}, err
	}
	list, err := in.registered(rows, time.Now())
	if err != nil {
		return Hold{}, err
	}
	e := &NoHoldError{ID: id}
	for _, h := range list {
		if h.ID == id {
			return h, nil
		}
		e.Known = append(e.Known, h.ID)
	}
	return Hold{ID: id}, e
}

// giveBack ends a hold by the step that a run would end it by. The lock is held.
func (in *Installation) giveBack(ctx context.Context, h Hold) error {
	e := h.entry
	handler := in.handlers()["hold"].(*hold.Handler)
	p := e.Hold
	p.End = e.ID
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	s := plan.Step{ID: "end." + e.ID, Verb: "hold", Class: plan.Irreversible, Title: "give " + h.What + " back what it had", Params: raw, Deadline: carryWithin}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Deadline, fmt.Errorf("it took longer than %s", s.Deadline))
	defer cancel()
	env := step.Env{Run: e.Run, OpID: fmt.Sprintf("holds/%d-%d", os.Getpid(), time.Now().UnixNano()), Direction: step.Forward, Dir: in.State, State: in.State,
		Log: io.Discard, Opened: e.Since}
	held, free, now, err := handler.Standing(ctx, env, e)
	if err != nil {
		return unended(err)
	}
	if !held && !free {
		return &RefusedError{What: "the hold " + e.ID + " is not ended", Reasons: []string{
			fmt.Sprintf("%s is %s now: neither %s, at which run %s holds it, nor %s, which it was before; somebody has changed it since", h.What, now, h.To, h.Run, h.Was),
			fmt.Sprintf("to leave it as it is now: upkeep holds end --keep %s", e.ID),
			fmt.Sprintf("to have it %s again: make it so by hand, then upkeep holds end %s", h.Was, e.ID)}}
	}
	m, err := handler.Prepare(ctx, env, s)
	if err == nil {
		err = handler.Do(ctx, env, s, m)
	}
	if err != nil {
		return unended(err)
	}
	o, err := handler.Observe(ctx, env, s, m)
	if err == nil && o.State != step.New {
		err = &step.UserError{Msg: fmt.Sprintf("cannot end the hold %s: nothing failed, but it reads otherwise: %s", e.ID, o.Evidence)}
	}
	return unended(err)
}

// unended says what to do now where a hold could not be ended.
func unended(err error) error {
	var u *step.UserError
	if !errors.As(err, &u) {
		return err
	}
	return &step.UserError{Msg: u.Msg, Err: u.Err, Now: "mend that, then give the same command again; until then the hold stays in the register"}
}

// EndDue ends every hold whose end has come. One that cannot be ended, or of
// which it cannot be told, keeps no other from its end.
func (in *Installation) EndDue(ctx context.Context, by string) (done []Hold, failed []error, err error) {
	list, err := in.Holds(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range list {
		switch {
		case h.Error != "":
			failed = append(failed, fmt.Errorf("hold %s: %s", h.ID, h.Error))
		case h.Due:
			if _, err := in.EndHold(ctx, h.ID, false, by); err != nil {
				failed = append(failed, err)
				continue
			}
			done = append(done, h)
		}
	}
	return done, failed, ctx.Err()
}

func (in *Installation) holdsLog() string { return filepath.Join(in.State, "holds.log") }
