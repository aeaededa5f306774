package probe

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// readExists: "file", "folder" or "other"; none where there is nothing. A link
// counts as what it leads to.
func readExists(_ context.Context, e *Evaluator, q query) (Value, error) {
	info, err := e.deps.Files.Stat(q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, cause(err))
	}
	kind := "other"
	switch {
	case info.IsDir():
		kind = "folder"
	case info.IsRegular():
		kind = "file"
	}
	return Value{Text: kind, Present: true, Evidence: q.arg + " is a " + kind}, nil
}
