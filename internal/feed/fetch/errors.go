package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
)

// What can go wrong with a source. Each is wrapped in words that name it.
var (
	// ErrUnreachable: the server does not answer, or the medium is not there.
	ErrUnreachable = errors.New("it cannot be reached")
	// ErrBroken: the transfer ended before the file did.
	ErrBroken = errors.New("the transfer broke off")
	// ErrTooSlow: hardly anything came for a while.
	ErrTooSlow = errors.New("it is too slow")
	// ErrTooLong: it sends more than there may be.
	ErrTooLong = errors.New("it is longer than it may be")
	// ErrWrong: it sends something else than what was signed.
	ErrWrong = errors.New("it is not the file that was signed")
	// ErrWhole: it can be read from its beginning only.
	ErrWhole = errors.New("it can be read from its beginning only")
	// ErrRefused: the source asks for something that would not be safe.
	ErrRefused = errors.New("refused")
	// ErrNoRoom: the volume here cannot hold the file.
	ErrNoRoom = errors.New("there is not enough room")
)

// Error says which file of a feed could not be fetched. Its cause names each
// mirror that was asked, and what came of it.
type Error struct {
	Name string
	Err  error
}

func (e *Error) Error() string { return "cannot fetch " + e.Name + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// StatusError is an answer of a server that is no file.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	s := fmt.Sprintf("the server answers %d %s", e.Code, http.StatusText(e.Code))
	switch {
	case e.Code == http.StatusProxyAuthRequired:
		return s + ": give the proxy's account in its address"
	case e.Code == http.StatusUnauthorized:
		return s + ": give the account in the feed's address"
	case e.Code >= 500 || e.Code == http.StatusTooManyRequests:
		return s + ": try again later, or name another mirror"
	}
	return s
}

// Is says that a file is not there: 404 and 410, and 403, which stores of
// objects answer to whoever may not list them.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden:
		return target == fs.ErrNotExist
	}
	return target == ErrUnreachable
}

// errWindow is why a download stops that would not be over in time.
var errWindow = fmt.Errorf("the time that it may take is over: %w", context.DeadlineExceeded)

// several is what each of several mirrors has said.
type several []error

func (s several) err() error {
	if len(s) == 1 {
		return s[0]
	}
	return s
}

func (s several) Error() string {
	said := make([]string, len(s))
	for i, err := range s {
		said[i] = err.Error()
	}
	return strings.Join(said, "; ")
}

// Is passes over mirrors that do not have the file where another one could not
// be asked: then nobody knows that it is not there.
func (s several) Is(target error) bool {
	some, every := false, true
	for _, err := range s {
		is := errors.Is(err, target)
		some, every = some || is, every && is
	}
	if target == fs.ErrNotExist {
		return some && every
	}
	return some
}

// As finds the first error of a type.
func (s several) As(target any) bool {
	return slices.ContainsFunc(s, func(err error) bool { return errors.As(err, target) })
}
