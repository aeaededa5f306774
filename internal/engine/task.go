package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// undone commits that a person's task is not done: nothing has failed, and
// nothing is taken back for it; a person decides.
func (e *Engine) undone(ctx context.Context, s plan.Step, task *plan.Task, dir run.Direction, began time.Time, obs step.Observation, err error) error {
	var late *overdue
	if errors.As(err, &late) {
		why := obs.Evidence
		if why == "" {
			why = "it could not be told whether it is done"
		}
		err = fmt.Errorf("this was to be done by a person within %s, and is not: %s (%s)", s.Deadline, task.Text, why)
	}
	obs.State = step.Unknown
	return e.unclear(ctx, s, dir, began, obs, &step.UserError{Msg: err.Error(), Now: "do it, and then say upkeep done " + s.ID + "; or decide"})
}

// overdue says that something did not end in its time.
type overdue struct{ limit time.Duration }

func (o *overdue) Error() string {
	return fmt.Sprintf("it did not end within its deadline of %s", o.limit)
}

// limit is the time that an effect has. That of a person counts from when she
// was asked, whatever became of the engine meanwhile.
func (e *Engine) limit(s plan.Step, dir run.Direction) time.Duration {
	asked := e.state.Step(s.ID).Asked
	if s.TaskOf(dir == run.Undo) == nil || asked.IsZero() {
		return s.Deadline
	}
	return min(s.Deadline, max(0, s.Deadline-time.Since(asked)))
}

// said gives what a person says of a step's task.
func said(st *run.StepState) *step.Said {
	if st.Said == nil {
		return nil
	}
	return &step.Said{By: st.Said.By, Note: st.Said.Note, At: st.Said.At}
}
