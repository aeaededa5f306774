package probe

import (
	"errors"
	"fmt"
)

// What can be wrong with reading a value. That a value is not there, or not
// as wanted, is no error.
var (
	// ErrMalformed marks a probe that cannot be evaluated on any machine.
	ErrMalformed = errors.New("malformed probe")
	// ErrUnreadable marks a value that could not be looked for: permission
	// denied, no answer, no such account. It may be gone at the next try.
	ErrUnreadable = errors.New("unreadable")
)

// Error says which source could not be read, of what, and why. It is
// ErrMalformed or ErrUnreadable, and what it wraps. It holds no secret.
type Error struct {
	Source string
	What   string // the file, address, program …; may be empty
	Kind   error
	Err    error // may be nil
}

func (e *Error) Error() string {
	subject := e.Source
	if e.What != "" {
		subject += " " + e.What
	}
	if e.Err == nil {
		return fmt.Sprintf("cannot read %s: %v", subject, e.Kind)
	}
	return fmt.Sprintf("cannot read %s: %v", subject, e.Err)
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// Permanent reports whether trying again cannot help.
func Permanent(err error) bool {
	var other elsewhere
	return errors.Is(err, ErrMalformed) || errors.As(err, &other)
}

// elsewhere says that a source is one of another operating system.
type elsewhere string

func (e elsewhere) Error() string { return string(e) }

const errLinuxOnly = elsewhere("this is known only of Linux so far")

func malformed(format string, args ...any) error {
	return &Error{Kind: ErrMalformed, Err: fmt.Errorf(format, args...)}
}

func unreadable(what string, err error) error {
	return &Error{What: what, Kind: ErrUnreadable, Err: err}
}
