package probe

import (
	"context"
	"fmt"
	"time"
)

// readAnswer: what a person answered before the plan was made. The answer is
// part of the probe, so that nobody is asked in the middle of a run.
func readAnswer(_ context.Context, _ *Evaluator, q query) (Value, error) {
	text, by := q.Params["answer"], q.Params["by"]
	if text == "" {
		return Value{Evidence: fmt.Sprintf("nobody has answered: %s", q.arg)}, nil
	}
	when := ""
	if at, err := time.Parse(time.RFC3339, q.Params["at"]); err == nil {
		when = " at " + at.UTC().Format("2006-01-02 15:04 UTC")
	}
	return Value{Text: text, Present: true, Evidence: fmt.Sprintf("%s answered %q%s: %s", by, text, when, q.arg)}, nil
}
