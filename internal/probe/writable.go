package probe

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// readWritable: "writable" when the account that the probe names (else the one
// that Upkeep runs as) may write the file, or make files in the folder. The
// kernel is asked with that account's credentials; nothing is written.
func readWritable(_ context.Context, e *Evaluator, q query) (Value, error) {
	who := ""
	if q.As != "" {
		who = " by " + q.As
	}
	info, err := e.deps.Files.Stat(q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case errors.Is(err, fs.ErrPermission):
		return Value{Evidence: q.arg + " cannot be reached: " + cause(err).Error()}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, cause(err))
	}
	err = mayWrite(q.arg, info.IsDir(), q.As)
	switch {
	case err == nil:
		return Value{Text: "writable", Present: true, Evidence: q.arg + " can be written" + who}, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " cannot be written" + who + ": " + cause(err).Error()}, nil
	}
	return Value{}, unreadable(q.arg, err)
}
