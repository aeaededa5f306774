package database

import (
	"errors"
	"fmt"
)

// What can be wrong, told apart because the cure differs. Errors of this
// package wrap at most one of them; use errors.Is.
var (
	ErrUnreachable = errors.New("the database server does not answer")
	ErrAuth        = errors.New("the database server refuses the account or its password")
	ErrNoDatabase  = errors.New("the database does not exist")
	ErrRecovery    = errors.New("the database server is starting, stopping or a read-only standby")
	ErrBusy        = errors.New("the database server has no free connection")
	ErrDiskFull    = errors.New("the disk is full")
	ErrPermission  = errors.New("the account may not do this")
	ErrInUse       = errors.New("the database is in use")
	ErrDamaged     = errors.New("the content is damaged")
	ErrToolMissing = errors.New("a program is missing")
	ErrNoRow       = errors.New("the query gave no value")
	ErrScript      = errors.New("the script cannot run in one transaction")
	ErrAddress     = errors.New("the database address cannot be used")
)

// LineError is what a server says of a statement of a script, with the line of
// the script that it complains about.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }
