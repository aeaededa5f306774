package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// Resume implements ask.Engine.
func (e *Engine) Resume(ctx context.Context, by string, q ask.RunQuery) (ask.Started, error) {
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		return ask.Started{}, err
	}
	if !r.Interrupted() {
		return ask.Started{}, &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("run %s is not interrupted any more", r.ID)}
	}
	return carryOn(ctx, in, r.ID)
}

// Decide implements ask.Engine. A choice is for the step that it was shown for.
func (e *Engine) Decide(ctx context.Context, by string, d ask.Decision) (ask.Started, error) {
	in, r, err := e.undecided(ctx, d.RunQuery)
	if err != nil {
		return ask.Started{}, err
	}
	if w := r.Waiting; d.Step != "" && (w == nil || w.Step.ID != d.Step) {
		return ask.Started{}, &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("run %s does not wait at step %s any more; nothing was decided", r.ID, d.Step)}
	}
	if d.Step == "" && d.Choice != ask.ChooseBack {
		return ask.Started{}, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("the choice %q is for a step, and none is named", d.Choice)}
	}
	why := d.Why
	if d.Choice == ask.ChooseBack {
		why = cmp.Or(why, "cancelled")
	}
	if _, err := in.Decide(ctx, run.Decided{Choice: run.Choice(d.Choice), Step: d.Step, By: by, Why: why}); err != nil {
		return ask.Started{}, refused(err)
	}
	return carryOn(ctx, in, r.ID)
}

// Done implements ask.Engine.
func (e *Engine) Done(ctx context.Context, by string, w ask.Word) (ask.Started, error) {
	in, r, err := e.undecided(ctx, w.RunQuery)
	if err != nil {
		return ask.Started{}, err
	}
	if _, err := in.Done(ctx, w.Step, run.Said{By: by}); err != nil {
		return ask.Started{}, refused(err)
	}
	return carryOn(ctx, in, r.ID)
}

// undecided finds the run that a person decides on, which must be the open one.
func (e *Engine) undecided(ctx context.Context, q ask.RunQuery) (*manage.Installation, *manage.Run, error) {
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err == nil && !r.Closed.IsZero() {
		err = &ask.Error{Kind: ask.Moved, Text: fmt.Sprintf("run %s is closed already", r.ID)}
	}
	return in, r, err
}

// refused is for what the run does not admit now.
func refused(err error) error {
	e := told(err).(*ask.Error) // told makes every error one
	if e.Kind == ask.Broken && !errors.Is(err, context.Canceled) {
		e.Kind = ask.Refused
	}
	return e
}

// carryOn has an engine take the run, if none has it.
func carryOn(ctx context.Context, in *manage.Installation, id string) (ask.Started, error) {
	// nobody who goes away leaves it half done
	if err := in.Launch(context.WithoutCancel(ctx), id); err != nil {
		return ask.Started{}, told(err)
	}
	return ask.Started{Run: id}, nil
}
