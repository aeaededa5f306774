// Package notify sends messages to people and programs: by mail, and by posting
// signed JSON. What is said is in its messages already; how often and for how long
// it is tried is bounded. It may import the standard library and the library of mail.
package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Message is what is told.
type Message struct {
	ID           string        `json:"id"`    // one each, the same in all tries
	Event        string        `json:"event"` // planned, started, …
	For          string        `json:"for"`   // administrators, users
	At           time.Time     `json:"at"`    // when it was made
	Title        string        `json:"title"` // one line
	Text         string        `json:"text"`
	Product      string        `json:"product,omitempty"`
	Installation string        `json:"installation"`
	Host         string        `json:"host,omitempty"`
	Run          string        `json:"run,omitempty"`
	From         string        `json:"from,omitempty"` // version
	To           string        `json:"to,omitempty"`
	Begins       time.Time     `json:"begins,omitzero"`
	Ends         time.Time     `json:"ends,omitzero"`      // as forecast
	Outage       time.Duration `json:"-"`                  // as forecast, or as it was
	Seconds      int64         `json:"outage,omitempty"`   // the same, in seconds
	Affected     []string      `json:"affected,omitempty"` // what users know of the product
	Why          string        `json:"why,omitempty"`
}

// Channel is a way to tell somebody. Send tries once.
type Channel interface {
	Send(ctx context.Context, m Message) error
}

// PermanentError says that another try would fail likewise.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap gives what failed.
func (e *PermanentError) Unwrap() error { return e.Err }

// Bounds are how often, and for how long.
type Bounds struct {
	Pauses []time.Duration // before each further try
	Each   time.Duration   // of one try
}

// Usual bounds: three tries within a minute and a half.
func Usual() Bounds {
	return Bounds{Pauses: []time.Duration{2 * time.Second, 10 * time.Second}, Each: 25 * time.Second}
}

// Deliver tries until it is told, and says how often it tried.
func (b Bounds) Deliver(ctx context.Context, c Channel, m Message) (tries int, err error) {
	for {
		tries++
		err = b.once(ctx, c, m)
		var never *PermanentError
		if err == nil || errors.As(err, &never) || tries > len(b.Pauses) {
			return tries, err
		}
		pause := time.NewTimer(b.Pauses[tries-1])
		select {
		case <-ctx.Done():
			pause.Stop()
			return tries, fmt.Errorf("%w; there was no time to try again", err)
		case <-pause.C:
		}
	}
}

func (b Bounds) once(ctx context.Context, c Channel, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, b.Each)
	defer cancel()
	return c.Send(ctx, m)
}

// Line makes one line of a text that may come from elsewhere: names of products and
// errors are no place for line ends and escapes.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return strings.Join(strings.Fields(text), " ")
}
