package probe

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// readLock: "free" or "held", of a lock on a file (flock, fcntl, OFD). A file
// that does not exist is not locked.
func readLock(_ context.Context, e *Evaluator, q query) (Value, error) {
	if !filepath.IsAbs(q.arg) {
		return Value{}, malformed("%q is no path of a lock file", oneLine(q.arg, 80))
	}
	held, evidence, err := lockState(q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Text: "free", Present: true, Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, cause(err))
	case held:
		return Value{Text: "held", Present: true, Evidence: q.arg + " is locked" + evidence}, nil
	}
	return Value{Text: "free", Present: true, Evidence: q.arg + " is not locked" + evidence}, nil
}
