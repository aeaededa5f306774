package run

import (
	"context"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// settling is how long an effect may take to show after its command has ended.
const settling = time.Second

// Settle gives the effect a moment to show. Whether it is there is then said
// by Observe.
func (e Effect) Settle(ctx context.Context, env step.Env, s plan.Step, verify []plan.Probe) error {
	if len(verify) == 0 {
		return nil
	}
	why := ""
	for end := time.Now().Add(settling); ; {
		var err error
		if why, err = e.verify(ctx, env, verify); err == nil && why == "" {
			return nil
		}
		if err != nil {
			why = err.Error()
		}
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
		if time.Now().After(end) {
			return &step.UserError{Msg: "cannot " + s.Title + ": it ended without an error, but its effect is not there: " + why,
				Now: "look into the run's log for what it did"}
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
