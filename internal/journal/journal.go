// Package journal is the contract of the journal of record: append-only,
// gapless, hash-chained entries, with a projection that is written in the
// same transaction. It imports the model only; implementations are in the
// folders below it.
package journal

import (
	"errors"
	"fmt"
	"time"

	"upkeep/internal/run"
)

// ErrNewer says that a newer Upkeep wrote the journal.
var ErrNewer = errors.New("the journal was written by a newer Upkeep")

// ErrDamaged says that the journal is not what was written.
var ErrDamaged = errors.New("the journal is damaged")

// ErrStale says that another process appended in between: fold again.
var ErrStale = errors.New("the journal has grown in between")

// OpenRunError says that a run is open already; there is one at a time.
type OpenRunError struct{ Run string }

func (e *OpenRunError) Error() string {
	return fmt.Sprintf("run %s of this installation is still open", e.Run)
}

// Run is a row of the projection: one run.
type Run struct {
	ID      string        `json:"id"`
	Plan    string        `json:"plan"` // digest
	By      string        `json:"by"`
	Trigger string        `json:"trigger,omitempty"`
	From    string        `json:"from"`
	To      string        `json:"to"`
	Opened  time.Time     `json:"opened"`
	Closed  time.Time     `json:"closed,omitzero"`
	Result  run.Result    `json:"result,omitempty"`
	Version string        `json:"version,omitempty"` // at the end
	Outage  time.Duration `json:"outage,omitempty"`
	Work    int           `json:"work,omitempty"` // steps that remain to be done by a person
}

// Installed is a row of the record: one instance as the last run left it.
type Installed struct {
	Component string `json:"component"`
	Instance  string `json:"instance,omitempty"`
	Version   string `json:"version"`
	Release   string `json:"release"`
	Bundle    string `json:"bundle"` // digest
}

// Closing is what the projection takes up when a run closes.
type Closing struct {
	Body   run.Closed
	Outage time.Duration
	Record []Installed // what is installed now; nil: unchanged
	Gone   []string    // components that are not installed any more
	Once   []string    // markers of once-only steps that were done
	Forget []string    // runs that were taken back: their once-only steps are to be done again
}
