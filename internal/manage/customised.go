package manage

import (
	"context"
	"fmt"
	"slices"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/drift"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// customisation is the probe drift: a database compared with the standard of the
// installed release, as the releases say that a command has named, the bundle by
// which it came, or what Upkeep recorded.
func (in *Installation) customisation(ctx context.Context, d plan.Database, release string) (drift.Comparison, error) {
	if release == "" {
		return drift.Comparison{Unknown: "the installed version cannot be read, so it is not known which standard to compare with"}, nil
	}
	kept, err := in.kept(ctx, release)
	if err != nil {
		return drift.Comparison{}, err
	}
	known := in.atHand
	if len(known) == 0 {
		if known, err = in.runReleases(ctx); err != nil {
			return drift.Comparison{}, err
		}
	}
	s := in.standards(release, kept, known...)
	if kept != nil {
		known = append([]Release{*kept}, known...)
	}
	var c manifest.Component // with what is none of its standard
	for _, r := range known {
		if found, ok := r.Product.Components[plan.ComponentOf(d.Component)]; ok {
			c = found
			break
		}
	}
	db, err := in.databases.Open(ctx, d, "drift")
	if err != nil {
		return drift.Comparison{}, err
	}
	defer db.Close()
	return s.compare(ctx, d.Component, c, db), nil
}

// runReleases are the releases of the open run, where it looks at the database
// itself: they may bring the standard of the version that is installed.
func (in *Installation) runReleases(ctx context.Context) ([]Release, error) {
	r, err := in.OpenRun(ctx)
	if err != nil || r == nil {
		return nil, err
	}
	var out []Release
	for _, h := range r.Plan.Hops {
		rel, err := in.keptRelease(ctx, h.Bundle)
		if err != nil {
			return nil, err
		}
		if rel != nil {
			out = append(out, *rel)
		}
	}
	return out, nil
}

// demanded says whether a release on the way demands a review of a unit's
// database.
func demanded(hops []plan.HopInput, unit string) bool {
	for _, h := range hops {
		if h.Product.Components[plan.ComponentOf(unit)].Review != nil {
			return true
		}
	}
	return false
}

// contractReviewed gives the scripts that take away later what was decided of them
// before the upgrade. Where nobody was asked then, and the database is customised
// now, they are refused.
func (in *Installation) contractReviewed(ctx context.Context, s *scriptSet) error {
	if s.release.Product.Components[plan.ComponentOf(s.Unit)].Review == nil {
		return nil
	}
	all, err := in.decisions()
	if err != nil {
		return err
	}
	open := ""
	s.Scripts = slices.Clone(s.Scripts)
	for i, sc := range s.Scripts {
		if d, ok := all[plan.ReviewKey(s.Unit, sc)]; ok {
			s.Scripts[i].Review = &d.Decision
		} else if open == "" {
			open = sc.Name
		}
	}
	if open == "" {
		return nil
	}
	c, err := in.customisation(ctx, *s.DB, s.release.Release.Version)
	switch {
	case err != nil:
		return err
	case c.Clean() && !c.Recorded:
		return nil
	}
	why := c.Unknown
	if why == "" {
		why = fmt.Sprintf("%d objects differ from %s", len(c.Differences), c.Standard)
	}
	return &RefusedError{What: "the scripts of " + s.Unit + " cannot be carried out", Reasons: []string{fmt.Sprintf("its vendor demands a review where the database is customised (%s), and nobody has looked at %s: carry out by hand what it does, then upkeep migrations baseline", why, open)}}
}

// applied gives the scripts that a database has had, to their sums.
func applied(ctx context.Context, db database.Database) (map[string]string, error) {
	j, err := migration.Read(ctx, db)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, a := range j.Applied {
		out[a.Name] = a.SHA256
	}
	return out, nil
}
