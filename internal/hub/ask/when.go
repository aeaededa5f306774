package ask

import (
	"context"
	"time"
)

// Times is what can be seen of when upgrades begin and who is told.
type Times interface {
	// Windows gives when upgrades may begin, the scheduled one, and who is told.
	Windows(ctx context.Context, q Of) (Windows, error)
}

// Timing changes when upgrades begin, as the engine side serves it.
type Timing interface {
	// Schedule keeps a yes for later.
	Schedule(ctx context.Context, by string, l Later) (Scheduled, error)
	// Unschedule has the scheduled upgrade not begin.
	Unschedule(ctx context.Context, by string, q Of) (struct{}, error)
	// TryNotifications tells people that this is a test.
	TryNotifications(ctx context.Context, by string, q Try) (Tried, error)
}

// AskingTiming is Timing as somebody with a session sees it.
type AskingTiming interface {
	Schedule(ctx context.Context, l Later) (Scheduled, error)
	Unschedule(ctx context.Context, q Of) (struct{}, error)
	TryNotifications(ctx context.Context, q Try) (Tried, error)
}

// Later is a yes to a plan that begins at another time: next for the next window,
// or 2026-12-01T02:00 in the time zone of the windows.
type Later struct {
	Yes
	At string `json:"at"`
}

// Try names a notification; without an id it is all of them.
type Try struct {
	Installation string `json:"installation"`
	ID           string `json:"id,omitempty"`
}

// Tried is what came of it.
type Tried struct {
	Deliveries []Delivery `json:"deliveries"`
}

// Begin says whether the upgrade of a plan may begin now, and when else.
type Begin struct {
	Why       []string   `json:"why,omitempty"`      // it may not begin now
	Next      time.Time  `json:"next,omitzero"`      // when the next window that is long enough opens; zero: there are no windows, or there is none
	Zone      string     `json:"zone"`               // of times that people write
	Propose   string     `json:"propose"`            // a time to write, as Later takes it
	NotLater  string     `json:"notLater,omitempty"` // why it cannot begin by itself
	Scheduled *Scheduled `json:"scheduled,omitempty"`
}

// Scheduled is an upgrade that begins by itself, or that was not started at its time.
type Scheduled struct {
	At      time.Time     `json:"at"`
	When    string        `json:"when"` // the same in the time zone of the windows, for people
	By      string        `json:"by"`
	Plan    string        `json:"plan"` // digest
	From    string        `json:"from"`
	To      string        `json:"to"`
	Outage  time.Duration `json:"outage"`
	Ends    time.Time     `json:"ends,omitzero"`
	NoTimer bool          `json:"noTimer,omitempty"`
	Missed  time.Time     `json:"missed,omitzero"` // when it was not started; otherwise it is still to begin
	Why     string        `json:"why,omitempty"`
	Told    []string      `json:"told,omitempty"`
}

// Windows is when upgrades may begin, and who is told.
type Windows struct {
	Product    string      `json:"product"`
	Document   string      `json:"document"`
	Text       string      `json:"text"`
	Zone       string      `json:"zone"`
	Bound      bool        `json:"bound,omitempty"`
	Open       bool        `json:"open"`
	Until      time.Time   `json:"until,omitzero"`
	Next       time.Time   `json:"next,omitzero"`
	Frozen     string      `json:"frozen,omitempty"`
	Freezes    []Freeze    `json:"freezes"`
	Automatic  string      `json:"automatic,omitempty"` // when upgrades begin that nobody asks for
	Scheduled  *Scheduled  `json:"scheduled,omitempty"`
	Recipients []Recipient `json:"recipients"`
	Deliveries []Delivery  `json:"deliveries"` // the latest first
}

// Freeze is a time in which no upgrade begins.
type Freeze struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// Recipient is somebody who is told.
type Recipient struct {
	ID     string   `json:"id"`
	For    string   `json:"for"` // users, administrators
	How    string   `json:"how"`
	Events []string `json:"events"`
	Before []string `json:"before,omitempty"`
}

// Delivery is what came of telling somebody.
type Delivery struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	How     string    `json:"how"`
	Title   string    `json:"title"`
	Tries   int       `json:"tries"`
	Problem string    `json:"problem,omitempty"`
}
