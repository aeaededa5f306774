package probe

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/plan"
)

// NotReached says that a probe did not hold often enough in time.
type NotReached struct {
	Probe       plan.Probe
	Consecutive int           // successes in a row that were wanted
	Tries       int           // how often it was read
	Best        int           // most successes in a row
	Waited      time.Duration // until giving up
	Last        Verdict       // the last failure; zero when there was none
	Err         error         // why the last failure could not even be read; may be nil
}

func (e *NotReached) Error() string {
	s := fmt.Sprintf("%s %s did not hold within %s", e.Probe.Source, subject(e.Probe), e.Waited.Round(time.Millisecond))
	switch {
	case e.Err != nil:
		return s + ": " + e.Err.Error()
	case e.Last.Want != "":
		s += fmt.Sprintf(": got %s, want %s", e.Last.Got, e.Last.Want)
		if e.Last.Evidence != "" {
			s += " (" + e.Last.Evidence + ")"
		}
		return s
	case e.Tries == 0:
		return s + ": there was no time for a single try"
	}
	return s + fmt.Sprintf(": it held %d times in a row, %d are needed", e.Best, e.Consecutive)
}

func (e *NotReached) Unwrap() error { return e.Err }

// Until reads the probe again and again until it holds consecutive times in a
// row, so that one blip is no verdict; every is the pause between tries,
// deadline the time for all of it. A failure in between starts the count anew.
//
// The verdict is the last one. The error is *NotReached when the time has
// passed, *Error when trying again cannot help (see Permanent), else the
// context's.
func (e *Evaluator) Until(ctx context.Context, p plan.Probe, consecutive int, every, deadline time.Duration) (Verdict, error) {
	if consecutive < 1 {
		consecutive = 1
	}
	if every < time.Millisecond {
		every = time.Millisecond
	}
	began := time.Now()
	missed := &NotReached{Probe: p, Consecutive: consecutive}
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	last, row := Verdict{}, 0
	for {
		select {
		case <-pause.C:
		case <-limited.Done():
			if ctx.Err() != nil {
				return last, fmt.Errorf("cannot wait for %s %s: %w", p.Source, subject(p), ctx.Err())
			}
			missed.Waited = time.Since(began)
			return last, missed
		}
		verdict, err := e.Check(limited, p)
		if err != nil && Permanent(err) {
			return verdict, err
		}
		if limited.Err() != nil && err != nil {
			// Cut off by the deadline: what was seen before says more.
			if missed.Tries > 0 || ctx.Err() != nil {
				continue
			}
		}
		last = verdict
		missed.Tries++
		if verdict.OK {
			if row++; row >= consecutive {
				return verdict, nil
			}
			missed.Best = max(missed.Best, row)
		} else {
			row, missed.Last, missed.Err = 0, verdict, err
		}
		pause.Reset(every)
	}
}
