package ask

import (
	"errors"
	"net/http"
)

// Kind tells errors apart.
type Kind string

// The kinds of errors.
const (
	Unknown   Kind = "unknown"   // there is no such installation, run or question
	Denied    Kind = "denied"    // no session, or one that has ended
	Forbidden Kind = "forbidden" // whoever asks has not the role for it
	Refused   Kind = "refused"   // a promise could break; Reasons say why
	Busy      Kind = "busy"      // a run is open; Reasons name who
	Moved     Kind = "moved"     // the plan is not the one that was shown any more
	Invalid   Kind = "invalid"   // the question is wrong
	Gone      Kind = "gone"      // the engine side cannot be reached
	Broken    Kind = "broken"    // whatever else went wrong
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{Unknown, Denied, Forbidden, Refused, Busy, Moved, Invalid, Gone, Broken}
}

// Error is an error as the engine side tells it.
type Error struct {
	Kind    Kind     `json:"kind"`
	Text    string   `json:"text"`
	Reasons []string `json:"reasons,omitempty"`
}

func (e *Error) Error() string { return e.Text }

// KindOf gives the kind of an error; Broken where it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Broken
}

// Status is the HTTP status of a kind.
func (k Kind) Status() int {
	switch k {
	case Unknown:
		return http.StatusNotFound
	case Denied:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case Refused, Moved, Busy:
		return http.StatusConflict
	case Invalid:
		return http.StatusBadRequest
	case Gone:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
