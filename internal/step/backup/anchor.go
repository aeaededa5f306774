package backup

import (
	"context"

	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Anchor is the verb `restore`: the point of the plan from which the way back
// restores. It stands behind the stop where the restore point was made before
// it, while the product was read-only: data is put back only while nothing of
// the product runs. Going forward it changes nothing.
type Anchor struct{ *Handler }

// NewAnchor makes the handler of that verb.
func NewAnchor(h *Handler) *Anchor { return &Anchor{h} }

// Do makes sure that the restore point is there.
func (a *Anchor) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	j, err := a.open(env, s, raw)
	if err != nil {
		return err
	}
	_, err = j.e.Find(ctx, j.ID)
	return err
}
