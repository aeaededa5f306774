package probe

import (
	"context"
	"errors"
	"strings"
)

// leftOver is what is asked of access modes.
const leftOver = "left-over"

// readAccess: the access modes that are on though no run is open, with commas
// between them; none when users are let in, or a run keeps them out.
func readAccess(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.LeftOver == nil {
		return Value{}, unreadable(q.arg, errors.New("access modes cannot be looked at here"))
	}
	on, err := e.deps.LeftOver(ctx)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	if len(on) == 0 {
		return Value{Evidence: "no access mode is on without a run"}, nil
	}
	list := strings.Join(on, ", ")
	return Value{Text: list, Present: true, Evidence: list + " is on, though no run is open"}, nil
}
