package plan

import (
	"fmt"
	"strings"

	"upkeep/internal/document"
	"upkeep/internal/drift"
)

// NotYetError says that the grammar knows it, but this Upkeep cannot carry it
// out yet.
type NotYetError struct {
	What  string
	Where document.Pos
}

func (e *NotYetError) Error() string {
	msg := e.What + ": not yet: this Upkeep knows it, but cannot carry it out"
	if e.Where.Line > 0 {
		msg += fmt.Sprintf(" (%s)", e.Where)
	}
	return msg
}

// Refusal says why no plan is made: each reason with what can be done.
type Refusal struct {
	Reasons []string
	Checks  []string // of these, those that are failing checks
	People  []Asked  // what people would have to see to all the same
	Reviews []Reviewed
	Scripts []string // of the reasons, those that the review of scripts settles
	// Customised holds, by unit, what is customised where a review is not complete.
	Customised map[string]drift.Comparison
	Next       string // the command that leads on, where there is one
}

// Beside says that something else than a review stands in the way.
func (e *Refusal) Beside() bool { return len(e.Reasons) > len(unitsOf(Unreviewed(e.Reviews))) }

func (e *Refusal) Error() string {
	if len(e.Reasons) == 1 {
		return e.Reasons[0]
	}
	return "no plan can be made:\n  - " + strings.Join(e.Reasons, "\n  - ")
}
