package crashfs

import (
	"errors"
	"path/filepath"

	"upkeep/internal/durable"
)

// These are the errors of durable whose constructors are not exported, word for word.

var (
	errNotReadable = errors.New("neither a regular file nor a directory")
	errNotRegular  = errors.New("no regular file")
)

func fail(op, path string, err error) error { return fail2(op, path, "", err) }

func fail2(op, path, other string, err error) error {
	if err == nil {
		return nil
	}
	var own *durable.Error
	if errors.As(err, &own) {
		return err
	}
	return &durable.Error{Op: op, Path: path, Other: other, Err: err}
}

func failSync(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &durable.Error{Op: op, Path: path, Err: notDurable{err}}
}

type notDurable struct{ err error }

func (n notDurable) Error() string   { return durable.ErrNotDurable.Error() + ": " + n.err.Error() }
func (n notDurable) Unwrap() []error { return []error{durable.ErrNotDurable, n.err} }

type refused struct{ why string }

func (r refused) Error() string { return "refused: " + r.why }
func (refused) Unwrap() error   { return durable.ErrRefused }

func absolute(op, path string) error {
	if !filepath.IsAbs(path) {
		return fail(op, quoteEmpty(path), refused{"the path is not absolute"})
	}
	return nil
}

func quoteEmpty(p string) string {
	if p == "" {
		return `""`
	}
	return p
}
