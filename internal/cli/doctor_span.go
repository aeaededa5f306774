package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// span carries out a remedy's steps while services are stopped for them, and
// starts these again whatever has come of it. A step that fails is the last one.
func (a *App) span(ctx context.Context, v *manage.Visit, s manage.Symptom, r manage.Remedy) error {
	held, err := v.Hold(ctx, s, r, a.person())
	if err != nil {
		return err
	}
	defer func() {
		started, err := held.End(context.WithoutCancel(ctx)) // also where a person has had enough
		if len(started) > 0 {
			a.print("    " + show.Good("started again: "+show.Clean(strings.Join(started, ", "))) + "\n")
		}
		if err != nil {
			a.print("    " + show.Bad(show.CleanLines(err.Error())) + "\n")
		}
	}()
	if len(held.Stopped) > 0 {
		a.print("    " + show.Running("stopped: "+show.Clean(strings.Join(held.Stopped, ", "))) + "\n")
	}
	for _, inner := range r.During {
		a.print(show.Inner(inner, a.command(), a.width()))
		if err := a.within(ctx, v, s, inner); err != nil {
			return err
		}
	}
	return nil
}

// within carries out a step of a span. The yes was given to all of them; an
// upgrade asks by itself, and what a person does only she can say.
func (a *App) within(ctx context.Context, v *manage.Visit, s manage.Symptom, r manage.Remedy) error {
	switch {
	case len(r.Upkeep) > 0:
		if code := a.own(ctx, r.Upkeep); code != ExitDone && code != ExitWork {
			return errors.Join(ctx.Err(), fmt.Errorf("upkeep %s ended with exit code %d", r.Upkeep[0], code))
		}
		return ctx.Err()
	case !r.Carries() && r.Wait == 0:
		done, err := a.ask("    Is it done? [y/N] ")
		if err == nil && !done {
			err = errors.New("it was not done")
		}
		return err
	}
	return a.carry(ctx, v, s, r)
}

// own carries out a command of this program, in this process, and gives its exit
// code. What it has to say it says itself.
func (a *App) own(ctx context.Context, command []string) int {
	args := slices.Clone(command)
	if a.installation != "" {
		args = append([]string{"--installation", a.installation}, args...)
	}
	return (&App{In: a.In, Out: a.Out, Err: a.Err, Getenv: a.Getenv, Exe: a.Exe, keyboard: a.lines()}).Run(ctx, args)
}
