package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
)

// StartScheduled starts the scheduled upgrade, if its time has come and all is as it
// was when somebody said yes to it; otherwise it is not started, and that is told.
// It gives the run that has begun, or what there is to say. It is what the timer
// asks for; before the time, people are told what is to come.
func (in *Installation) StartScheduled(ctx context.Context, now time.Time) (run, say string, err error) {
	release, err := in.lockScheduled(ctx)
	if err != nil {
		return "", "", err
	}
	defer release()
	s, err := in.Scheduled()
	switch {
	case err != nil:
		return "", "", err
	case s == nil:
		return "", "no upgrade is scheduled", nil
	case !s.Pending():
		return "", fmt.Sprintf("the upgrade of %s was not started: %s", s.At.Format(timeForm), s.Why), nil
	case !s.Started.IsZero():
		return in.startedBefore(ctx, s, now)
	case now.Before(s.At.Add(-earlyMost)):
		in.announce(ctx, s, now)
		return "", "the upgrade begins on " + s.At.Format(timeForm), nil
	}
	late := now.Sub(s.At)
	if late > lateMost {
		return "", "", in.miss(ctx, s, now, fmt.Sprintf("it was to begin on %s, and that is %s ago: the computer was off, or its timer did not run", s.At.Format(timeForm), span(late)))
	}
	p, err := in.asScheduled(ctx, s)
	if err != nil {
		if ctx.Err() != nil {
			return "", "", err
		}
		return "", "", in.miss(ctx, s, now, plainly(err))
	}
	defer p.Close()
	if err := in.mayBegin(p, now); err != nil {
		return "", "", in.miss(ctx, s, now, plainly(err))
	}
	// a start that is interrupted from here on has begun a run, or has not: the runs tell
	s.Started = now.UTC().Round(time.Second)
	if err := in.keepScheduled(s); err != nil {
		return "", "", err
	}
	run, err = in.Start(context.WithoutCancel(ctx), p, s.By+", scheduled")
	if err != nil {
		if id := in.begunBy(ctx, s); id != "" {
			return id, "", errors.Join(err, in.dropScheduled())
		}
		return "", "", in.miss(ctx, s, now, plainly(err))
	}
	return run, "", errors.Join(in.dropScheduled(), in.endStartTimer(ctx, s))
}

// asScheduled makes the plan anew, which must be the one of the yes.
func (in *Installation) asScheduled(ctx context.Context, s *Scheduled) (*Prepared, error) {
	st, err := in.Status(ctx)
	switch {
	case err != nil:
		return nil, err
	case st.Open != nil:
		return nil, fmt.Errorf("run %s was open", st.Open.ID)
	case st.Restoring != nil:
		return nil, st.Restoring
	}
	for first := true; ; first = false {
		p, err := in.Prepare(ctx, s.Wish.request(s.By))
		if err != nil {
			return nil, err
		}
		why := error(nil)
		switch {
		case p.UpToDate:
			why = fmt.Errorf("%s is on %s already", in.Doc.Product, p.Installed)
		case p.Plan.Digest != s.Plan:
			why = SameAs(p.Plan, s.Plan)
		case PersonNeeded(p.Plan) != "":
			why = errors.New(PersonNeeded(p.Plan))
		case p.Missing() > 0 && !first:
			why = errors.New("the releases are not fetched whole")
		case p.Missing() == 0:
			return p, nil
		}
		if why == nil {
			_, why = in.FetchAll(ctx, p, nil)
		}
		p.Close()
		if why != nil {
			return nil, why
		}
	}
}

// startedBefore is for a start that was interrupted.
func (in *Installation) startedBefore(ctx context.Context, s *Scheduled, now time.Time) (string, string, error) {
	if id := in.begunBy(ctx, s); id != "" {
		return "", fmt.Sprintf("run %s has begun", id), errors.Join(in.dropScheduled(), in.endStartTimer(ctx, s))
	}
	return "", "", in.miss(ctx, s, now, "its start was interrupted before anything was changed")
}

// begunBy gives the run that a start has begun; empty when it has begun none.
func (in *Installation) begunBy(ctx context.Context, s *Scheduled) string {
	rows, err := in.Runs(ctx)
	if err != nil {
		return ""
	}
	return s.begunAmong(rows)
}

func (s *Scheduled) begunAmong(rows []journal.Run) string {
	for _, r := range rows {
		if r.Plan == s.Plan && !r.Opened.Before(s.Started.Add(-time.Second)) {
			return r.ID
		}
	}
	return ""
}

// NotStartedError says why a scheduled upgrade was not started.
type NotStartedError struct {
	At  time.Time
	Why string
}

func (e *NotStartedError) Error() string {
	return fmt.Sprintf("the upgrade scheduled for %s was not started: %s; nothing was changed; give the upgrade again", e.At.Format(timeForm), e.Why)
}

// miss keeps that it was not started, and tells people.
func (in *Installation) miss(ctx context.Context, s *Scheduled, now time.Time, why string) error {
	s.Missed, s.Why = now.UTC().Round(time.Second), why
	err := in.keepScheduled(s)
	in.tellOff(ctx, s, why)
	return errors.Join(&NotStartedError{s.At, why}, err, in.endStartTimer(ctx, s))
}

// plainly says an error with all its reasons in one line.
func plainly(err error) string {
	var refused *RefusedError
	var refusal *plan.Refusal
	var moved *Moved
	switch {
	case errors.As(err, &refused):
		return strings.Join(refused.Reasons, "; ")
	case errors.As(err, &refusal):
		var all []string
		for _, r := range refusal.Reasons {
			all = append(all, fmt.Sprint(r))
		}
		return strings.Join(all, "; ")
	case errors.As(err, &moved):
		text := "the plan is another one than the one that was agreed to"
		if len(moved.Changes) > 0 {
			text += ": " + strings.Join(moved.Changes, "; ")
		}
		return text
	}
	return err.Error()
}
