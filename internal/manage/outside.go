package manage

import (
	"context"
	"fmt"

	"upkeep/internal/plan"
)

// outside says which versions are not those that Upkeep left or found last:
// somebody has changed them by other means.
func (in *Installation) outside(ctx context.Context, f plan.Facts) ([]string, error) {
	s, err := in.Status(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range s.Record {
		unit := plan.UnitID(r.Component, r.Instance)
		now, there := f.Instances[unit]
		if !there {
			now, there = f.Instances[r.Component]
		}
		if !there || r.Version == "" || now.Version == "" || now.Version == r.Version {
			continue
		}
		out = append(out, fmt.Sprintf("%s was %s when Upkeep left it, and is %s now: it was changed outside of Upkeep; upkeep adopt --product RELEASES records what is there now", unit, r.Version, now.Version))
	}
	return out, nil
}
