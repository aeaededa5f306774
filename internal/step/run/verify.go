package run

import (
	"context"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// settling is how long an effect may take to show after its command has ended.
const settling = time.Second

// Settle gives the effect of a command that takes a step back a moment to show.
func (e Effect) Settle(ctx context.Context, env step.Env, s plan.Step, verify []plan.Probe) error {
	why, err := e.settled(ctx, env, verify, settling)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		why = err.Error()
	case why == "":
		return nil
	}
	return &step.UserError{Msg: "cannot " + s.Title + ": it ended without an error, but its effect is not there: " + why,
		Now: "look into the run's log for what it did"}
}

// settled is verify again and again, until all holds or patience has passed.
func (e Effect) settled(ctx context.Context, env step.Env, verify []plan.Probe, patience time.Duration) (why string, err error) {
	for end := time.Now().Add(patience); ; {
		why, err = e.verify(ctx, env, verify)
		if err == nil && why == "" || !time.Now().Before(end) {
			return why, err
		}
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return why, context.Cause(ctx)
		case <-pause.C:
		}
	}
}

// verify says what does not hold; empty when all does.
func (e Effect) verify(ctx context.Context, env step.Env, probes []plan.Probe) (string, error) {
	if len(probes) == 0 {
		return "", nil
	}
	reader := e.Probes.For(env.OpID)
	for _, p := range probes {
		v, err := reader.Check(ctx, p)
		if err != nil {
			return "", err
		}
		if !v.OK {
			return missing(v), nil
		}
	}
	return "", nil
}
