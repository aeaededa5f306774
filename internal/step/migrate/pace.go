package migrate

import (
	"strings"
	"time"

	"upkeep/internal/plan"
)

// Pace is how long a script took on a copy of the data.
type Pace struct {
	Took       time.Duration   // with what lies between it and the next one
	Statements []time.Duration // of each, in order
}

// Times gives how long scripts took when they were rehearsed last, by the SHA-256
// of their text, from an installation's state folder.
type Times func(state string) map[string]Pace

// Timed has the handler tell when its scripts are expected to end.
func (h *Handler) Timed(t Times) *Handler {
	h.times = t
	return h
}

// paces are those of the scripts that are still to be carried out; nil where one
// of them is not known.
func (h *Handler) paces(state string, w *work, p *plan.MigrateParams) []Pace {
	if h.times == nil {
		return nil
	}
	known, out := h.times(state), make([]Pace, len(p.Scripts))
	for i, sc := range p.Scripts {
		if _, done := w.journal.Find(sc.Name); done || sc.Review != nil && sc.Review.Verdict == plan.DoneBy {
			continue
		}
		pace, ok := known[strings.ToLower(sc.Runs())]
		if !ok {
			return nil
		}
		out[i] = pace
	}
	return out
}

// until is when the scripts are expected to end, when statement n of the ith one,
// which has so many, begins now; the zero time: not known.
func until(paces []Pace, i, n, of int, now time.Time) time.Time {
	if i >= len(paces) || len(paces[i].Statements) != of || n < 1 || n > of {
		return time.Time{}
	}
	left := paces[i].Took
	for _, done := range paces[i].Statements[:n-1] {
		left -= done
	}
	for _, later := range paces[i+1:] {
		left += later.Took
	}
	return now.Add(max(left, 0))
}
