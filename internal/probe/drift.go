package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// readDrift: the objects of a database that are not as its vendor made them, one
// a line; none where all are. Where that cannot be told (missing rights, nothing
// to compare with) it is an error, never none.
func readDrift(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Drift == nil {
		return Value{}, unreadable("", errors.New("databases cannot be compared here"))
	}
	c, err := e.deps.Drift(ctx, *q.DB, q.Standard)
	switch {
	case err != nil:
		return Value{}, unreadable("", err)
	case c.Unknown != "":
		return Value{}, unreadable("", errors.New(strings.Join(append([]string{c.Unknown}, c.Notes...), "; ")))
	case c.Recorded && len(c.Differences) == 0:
		return Value{}, unreadable("", fmt.Errorf("%s: the release brings no standard of its own, so what was customised before that is not known", strings.Join(append([]string{"nothing has changed since " + c.Standard}, c.Notes...), "; ")))
	case len(c.Differences) == 0:
		return Value{Evidence: fmt.Sprintf("database %s is as %s has it", q.DB.Component, c.Standard)}, nil
	}
	lines := make([]string, len(c.Differences))
	for i, d := range c.Differences {
		lines[i] = d.String()
	}
	what := "object differs"
	if len(lines) > 1 {
		what = "objects differ"
	}
	return Value{Text: strings.Join(lines, "\n"), Present: true, Evidence: fmt.Sprintf("%d %s in database %s from %s", len(lines), what, q.DB.Component, c.Standard)}, nil
}

func checkDrift(q query) error {
	if q.DB == nil {
		return malformed("it names no database")
	}
	return nil
}
