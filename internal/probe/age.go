package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"upkeep/internal/probe/expect"
)

// readAge: how long ago a file was last written, as a span such as 26h3m4s; with
// a selector how long ago the moment was that it takes out of the file. What lies
// in the future has a negative age.
func readAge(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if q.Select != "" {
		return readMoment(ctx, e, q)
	}
	info, err := e.deps.Files.Stat(q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, cause(err))
	}
	age := e.deps.Now().Sub(info.MTime).Truncate(time.Second)
	return Value{
		Text: age.String(), Present: true,
		Evidence: fmt.Sprintf("%s was written %s", q.arg, info.MTime.UTC().Format(time.RFC3339)),
	}, nil
}

func readMoment(ctx context.Context, e *Evaluator, q query) (Value, error) {
	v, err := readFile(ctx, e, q)
	if err != nil || !v.Present {
		return v, err
	}
	at, err := expect.Moment(strings.TrimSpace(v.Text))
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	return Value{
		Text: e.deps.Now().Sub(at).Truncate(time.Second).String(), Present: true,
		Evidence: fmt.Sprintf("%s says %s", v.Evidence, at.UTC().Format(time.RFC3339)),
	}, nil
}
