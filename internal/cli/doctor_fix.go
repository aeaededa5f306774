package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/manage"
)

// mend goes through what the doctor has found, and says what is left.
func (a *App) mend(ctx context.Context, v *manage.Visit, yes bool) error {
	left, err := a.goThrough(ctx, v, yes)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		text := "nothing is wrong that can be seen from here"
		if len(v.Symptoms) > 0 {
			text = "everything that was wrong is mended"
		}
		a.print(show.Good(text) + "\n")
		return nil
	}
	a.print(show.Careful(fmt.Sprintf("%d of %d are still there", len(left), len(v.Symptoms))) + "\n")
	a.print(show.Remedy(manage.Remedy{Upkeep: []string{"support-bundle"}, Text: "one file for whoever helps, without secrets"}, a.command(), true, a.width()))
	return exit(found(left))
}

// goThrough takes one symptom after the other: each remedy is offered, shown and
// done, and then it is looked again. What has gone meanwhile needs no remedy. It
// gives what is still there.
func (a *App) goThrough(ctx context.Context, v *manage.Visit, yes bool) (left []manage.Symptom, err error) {
	a.print(show.Bold(show.Clean(v.Product)) + "  " + show.Faint(show.Clean(v.Installation)) + "\n\n")
	for i, s := range v.Symptoms {
		there := true
		if i > 0 && s.Error == "" {
			if s, there, err = v.Again(ctx, s); err != nil {
				return nil, a.broken(ctx, err)
			}
		}
		a.print(show.SymptomHead(s, a.width()))
		switch {
		case !there:
			a.print("  " + show.Good("it has gone by what was done before") + "\n\n")
			continue
		case s.Error == "":
			if there, err = a.heal(ctx, v, s, yes); err != nil {
				return nil, a.broken(ctx, err)
			}
		default:
			for _, r := range s.Try {
				a.print(show.Remedy(r, a.command(), true, a.width()))
			}
		}
		if there {
			a.print(show.Otherwise(s, a.width()))
			left = append(left, s)
		}
		a.print("\n")
	}
	return left, nil
}

// broken ends a visit that was interrupted, or that cannot go on.
func (a *App) broken(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	a.print("\n" + show.Careful("interrupted: nothing more was done") + "\n")
	return exit(ExitDeclined)
}

// heal tries one symptom's remedies in their order, and says whether it is
// still there.
func (a *App) heal(ctx context.Context, v *manage.Visit, s manage.Symptom, yes bool) (bool, error) {
	for _, r := range s.Try {
		a.print(show.Remedy(r, a.command(), true, a.width()))
		agreed, err := a.agreed(r, yes)
		if err != nil {
			return true, err
		}
		if !agreed {
			continue
		}
		for try := 0; ; try++ {
			if err := a.carry(ctx, v, s, r); err != nil {
				if ctx.Err() != nil {
					return true, err
				}
				a.print("    " + show.Bad(show.CleanLines(err.Error())) + "\n")
			}
			now, there, err := v.Again(ctx, s)
			if err == nil && !there && r.Service != "" { // it may run for a moment only
				select {
				case <-ctx.Done():
				case <-time.After(staysUp):
				}
				now, there, err = v.Again(ctx, s)
			}
			if err != nil {
				return true, err
			}
			if !there {
				a.print("  " + show.Good("gone: "+show.Clean(s.Text)) + "\n")
				return false, nil
			}
			if try == r.Retry {
				a.print("    " + show.Careful("it is still there: "+show.Clean(cmp.Or(now.Evidence, now.Text))) + "\n")
				break
			}
			gone := a.countdown(ctx, v, s, r.Every, fmt.Sprintf("it is still there; try %d of %d in", try+2, r.Retry+1))
			if ctx.Err() != nil {
				return true, ctx.Err()
			}
			if gone {
				a.print("  " + show.Good("gone: "+show.Clean(s.Text)) + "\n")
				return false, nil
			}
		}
	}
	return true, nil
}

// agreed asks whether a remedy shall be carried out, or whether a person has
// done what only a person can. What only shows something is nobody's to agree to.
func (a *App) agreed(r manage.Remedy, yes bool) (bool, error) {
	switch carries := r.Carries() || r.Wait > 0; {
	case r.Shows:
		return false, nil
	case yes && carries:
		return !r.Choice, nil
	case yes:
		return false, nil
	case carries:
		return a.ask("    Do this? [y/N] ")
	}
	return a.ask("    Is it done? [y/N] ")
}

// carry carries a remedy out.
func (a *App) carry(ctx context.Context, v *manage.Visit, s manage.Symptom, r manage.Remedy) error {
	switch {
	case r.Wait > 0:
		a.countdown(ctx, v, s, r.Wait, "waiting")
		return ctx.Err()
	case len(r.During) > 0:
		return a.span(ctx, v, s, r)
	case len(r.Upkeep) > 0:
		a.own(ctx, r.Upkeep) // the next look shows what came of it
		return ctx.Err()
	case r.Carries():
		return v.Carry(ctx, r, a.person(), said{a.writer(a.Out)})
	}
	return nil // a person did it
}

// said writes the lines of a command, set off from Upkeep's own. Of a line that
// was written over, what stood there last.
type said struct{ to io.Writer }

func (w said) Write(line []byte) (int, error) {
	text := bytes.TrimRight(line, "\r\n")
	text = text[bytes.LastIndexByte(text, '\r')+1:]
	fmt.Fprintln(w.to, show.Faint("    | "+show.Clean(string(text))))
	return len(line), nil
}

// staysUp is after what time a service that was started is looked at again.
const staysUp = time.Second

// How often a wait looks whether the symptom has gone.
const (
	waitLooks = 10
	waitLeast = 200 * time.Millisecond
	waitMost  = 10 * time.Second
)

// countdown waits, and looks meanwhile whether the symptom has gone: then it
// has waited enough.
func (a *App) countdown(ctx context.Context, v *manage.Visit, s manage.Symptom, d time.Duration, what string) (gone bool) {
	end := time.Now().Add(d)
	pause := min(max(d/waitLooks, waitLeast), waitMost)
	if !a.tty() {
		a.print("    " + what + ": " + show.Duration(d) + "\n")
	}
	for next := time.Now().Add(pause); ; {
		rest := time.Until(end)
		if a.tty() {
			a.print("\r\x1b[K    " + show.Faint(what+": "+show.Duration(max(rest, 0).Round(time.Second))))
		}
		if rest <= 0 {
			break
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(rest, waitLeast)):
		}
		if time.Now().After(next) && time.Until(end) > 0 {
			if _, there, err := v.Again(ctx, s); err == nil && !there {
				gone = true
				break
			}
			next = time.Now().Add(pause)
		}
	}
	if a.tty() {
		a.print("\r\x1b[K")
	}
	return gone
}
