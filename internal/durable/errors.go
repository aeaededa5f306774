package durable

import (
	"errors"
	"io/fs"
	"os"
)

var (
	// ErrExchangeUnsupported: the volume or platform cannot swap two names at once; use SwapLink.
	ErrExchangeUnsupported = errors.New("the volume cannot exchange two names atomically")
	// ErrNotDurable: a sync failed, so nobody knows what is on the disk. Never retry in the same process: a second sync may
	// report success for pages that were lost.
	ErrNotDurable = errors.New("not durable")
	// ErrRefused: the call was refused before anything was done, because it could do harm.
	ErrRefused = errors.New("refused")
	// ErrUnsupported: the platform or the volume has no such thing.
	ErrUnsupported = errors.New("not supported here")
)

// Error says which operation failed on which path.
type Error struct {
	Op    string // what was to be done, as in "cannot OP PATH"
	Path  string
	Other string // the second path of rename, exchange, link
	Err   error
}

func (e *Error) Error() string {
	s := "cannot " + e.Op + " " + e.Path
	if e.Other != "" {
		s += " and " + e.Other
	}
	return s + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// fail wraps err for an operation on a path, without repeating what os already put around the cause.
func fail(op, path string, err error) error { return fail2(op, path, "", err) }

func fail2(op, path, other string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	var p *fs.PathError
	var l *os.LinkError
	var s *os.SyscallError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	case errors.As(err, &s):
		err = s.Err
	}
	return &Error{Op: op, Path: path, Other: other, Err: err}
}

// notDurable marks a failed sync.
type notDurable struct{ err error }

func (n notDurable) Error() string   { return ErrNotDurable.Error() + ": " + n.err.Error() }
func (n notDurable) Unwrap() []error { return []error{ErrNotDurable, n.err} }

func failSync(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return &Error{Op: op, Path: path, Err: notDurable{err}}
}

type refused struct{ why string }

func (r refused) Error() string { return "refused: " + r.why }
func (refused) Unwrap() error   { return ErrRefused }
