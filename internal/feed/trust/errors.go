package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Kind tells why a feed is not believed.
type Kind string

const (
	// Unreachable: a file could not be fetched. Nothing is known to be wrong.
	Unreachable Kind = "unreachable"
	// NotThere: the feed has no such file, role or target.
	NotThere Kind = "not there"
	// Expired: nobody has vouched for it for too long. Only what needs news
	// of the feed is blocked by that.
	Expired Kind = "expired"
	// RolledBack: it is older than what was believed before.
	RolledBack Kind = "rolled back"
	// WrongSignature: too few of those who may sign it have signed it.
	WrongSignature Kind = "wrong signatures"
	// MixUp: the file is not the one that another file of the feed names.
	MixUp Kind = "mixed up"
	// TooLong: the file is longer than it may be.
	TooLong Kind = "too long"
	// Damaged: the file says what no vendor can mean.
	Damaged Kind = "damaged"
	// ClockBack: the clock of this computer is behind what was seen before.
	ClockBack Kind = "clock set back"
	// NotPinned: there is no root to begin with.
	NotPinned Kind = "not pinned"
	// OtherRoot: another root is pinned.
	OtherRoot Kind = "another root"
	// Incomplete: no feed was ever verified to its end.
	Incomplete Kind = "incomplete"
	// Busy: another process is refreshing.
	Busy Kind = "busy"
)

// Error says why a feed, or a file of it, is not believed. Its text says what
// happened, to which file of which feed, why, and what to do now.
type Error struct {
	Kind Kind
	Feed string    // as the caller has named it
	File string    // of the feed, or of the folder: metadata/5.snapshot.json
	At   time.Time // Expired: when it has. ClockBack: what was seen before
	Err  error     // the cause; may be nil
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var b strings.Builder
	feed := "the feed"
	if e.Feed != "" {
		feed += " " + e.Feed
	}
	if e.Kind == Unreachable {
		fmt.Fprintf(&b, "cannot reach %s", feed)
	} else {
		fmt.Fprintf(&b, "cannot believe %s", feed)
	}
	b.WriteString(": ")
	if e.File != "" {
		b.WriteString(e.File + " ")
	}
	b.WriteString(e.what())
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", plain(e.Err))
	}
	if do := e.Do(); do != "" {
		b.WriteString("; " + do)
	}
	return b.String()
}

// what goes on from the name of the file.
func (e *Error) what() string {
	switch e.Kind {
	case Unreachable:
		return "could not be fetched"
	case NotThere:
		return "is not there"
	case Expired:
		return "has expired at " + stamp(e.At)
	case RolledBack:
		return "is older than what was believed before"
	case WrongSignature:
		return "is not signed by enough of those who may sign it"
	case MixUp:
		return "does not belong to the rest of the feed"
	case TooLong:
		return "is longer than it may be"
	case Damaged:
		return "is damaged"
	case ClockBack:
		return "says that metadata was believed at " + stamp(e.At) + ", and the clock of this computer is before that"
	case NotPinned:
		return "holds no root to begin with"
	case OtherRoot:
		return "is another root than the one that is pinned"
	case Incomplete:
		return "was never there as a whole"
	case Busy:
		return "is held by another process that looks at the same feed"
	}
	return string(e.Kind)
}

// Do is what a person can do now.
func (e *Error) Do() string {
	switch e.Kind {
	case Unreachable:
		return "see whether the address is right and the network is there, then try again. What is installed goes on working"
	case NotThere:
		return "see whether the address of the feed is right, or tell its vendor"
	case Expired:
		return "see whether the clock of this computer is right. If it is, its vendor has to sign the feed anew: only upgrades wait for that"
	case RolledBack, MixUp:
		return "try again in some minutes, for it may be in the middle of being published. If it stays, somebody may be replaying old files: tell its vendor"
	case WrongSignature:
		return "do not install from it. Somebody may stand between you and the vendor: ask the vendor by another way"
	case TooLong, Damaged:
		return "try another mirror, and tell its vendor"
	case ClockBack:
		return "set the clock. If it is right now and was ahead before, the feed is believed again from that time on"
	case NotPinned:
		return "name the vendor's root in the installation document"
	case OtherRoot:
		return "ask the vendor by another way which root is theirs. To begin anew with another root, remove the folder of the feed"
	case Incomplete:
		return "refresh the feed first"
	case Busy:
		return "wait for it, then try again"
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// plain says an error of the library in other words.
func plain(err error) string {
	s := err.Error()
	var unsigned *metadata.ErrUnsignedMetadata
	if errors.As(err, &unsigned) {
		if _, count, ok := strings.Cut(s, ", got "); ok {
			if got, want, ok := strings.Cut(count, ", want "); ok {
				return got + " of the " + want + " signatures that it needs are good"
			}
		}
	}
	for _, p := range []string{"repository error: ", "unsigned metadata error: ", "bad version number error: ", "expired metadata error: ",
		"length/hash verification error: ", "value error: ", "type error: ", "runtime error: "} {
		s = strings.TrimPrefix(s, p)
	}
	return s
}

// Is says whether err is an Error of one of the kinds.
func Is(err error, kinds ...Kind) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	for _, k := range kinds {
		if e.Kind == k {
			return true
		}
	}
	return false
}

// fail makes an Error of what the library says of a file. A version that is
// wrong is a rollback, or for files that others name a mix-up.
func (c *Client) fail(file string, err error, version Kind) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return c.err(Unreachable, file, err)
	}
	kind := Damaged
	var (
		unsigned *metadata.ErrUnsignedMetadata
		number   *metadata.ErrBadVersionNumber
		expired  *metadata.ErrExpiredMetadata
		length   *metadata.ErrLengthOrHashMismatch
		missing  *metadata.ErrRepository
	)
	switch {
	case errors.As(err, &unsigned):
		kind = WrongSignature
	case errors.As(err, &number):
		kind = version
	case errors.As(err, &expired):
		kind = Expired
	case errors.As(err, &length):
		kind = MixUp
	case errors.As(err, &missing):
		kind = version
	}
	return c.err(kind, file, err)
}

func (c *Client) err(kind Kind, file string, err error) *Error {
	return &Error{Kind: kind, Feed: c.opt.Feed, File: file, Err: err}
}

// fetched makes an Error of what a getter says.
func (c *Client) fetched(file string, err error) error {
	var long interface{ TooLong() bool }
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.err(NotThere, file, nil)
	case errors.As(err, &long) && long.TooLong():
		return c.err(TooLong, file, err)
	}
	return c.err(Unreachable, file, err)
}
