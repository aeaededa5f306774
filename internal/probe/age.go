package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// readAge: how long ago a file was last written, as a span such as 26h3m4s.
// A file from the future has a negative age.
func readAge(_ context.Context, e *Evaluator, q query) (Value, error) {
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
