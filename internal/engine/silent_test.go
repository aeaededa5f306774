package engine

import (
	"io"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// Silent is an Observer that tells nobody.
type Silent struct{}

// Began implements Observer.
func (Silent) Began(plan.Step, run.Direction, bool) {}

// Progress implements Observer.
func (Silent) Progress(plan.Step, step.Progress) {}

// Ended implements Observer.
func (Silent) Ended(plan.Step, run.Direction, run.Ended) {}

// Note implements Observer.
func (Silent) Note(string) {}

// Log implements Observer.
func (Silent) Log() io.Writer { return io.Discard }
