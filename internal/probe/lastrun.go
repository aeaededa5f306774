package probe

import (
	"context"
	"errors"
)

// failedAt is what is asked of the last run.
const failedAt = "failed-at"

// readLastRun: the step whose failure took the last run back, or what a selector
// takes out of its name; no value when the last run went through, or a person
// has cancelled it.
func readLastRun(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Failure == nil {
		return Value{}, unreadable(q.arg, errors.New("runs cannot be looked at here"))
	}
	step, evidence, err := e.deps.Failure(ctx)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	v, err := q.pick([]byte(step), false)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	v.Evidence = evidence
	return v, nil
}
