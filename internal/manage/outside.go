package manage

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"upkeep/internal/plan"
)

// unlike says which data are not those of the installed release: its files are
// there, and that is why it counts as installed.
func unlike(r Release, f plan.Facts, installed string) []string {
	var out []string
	for _, unit := range slices.Sorted(maps.Keys(f.Instances)) {
		component := plan.ComponentOf(unit)
		c, want, now := r.Product.Components[component], r.Release.Versions[component], f.Instances[unit].Version
		if r.Release.Version == installed && c.Database() && want != "" && now != "" && now != want {
			out = append(out, fmt.Sprintf("%s reads %s, and %s goes with %s: somebody has exchanged files or data alone; upkeep doctor says more", unit, now, installed, want))
		}
	}
	return out
}

// outside says which versions are not those that Upkeep left or found last:
// somebody has changed them by other means.
func (in *Installation) outside(ctx context.Context, f plan.Facts) ([]string, error) {
	s, err := in.left(ctx)
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
