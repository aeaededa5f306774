package manage

import (
	"context"
	"errors"
	"slices"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// past reads from the journal what earlier runs tell: how long steps took,
// and which once-only steps were done.
func (in *Installation) past(ctx context.Context, f *plan.Facts) error {
	f.History = map[string]time.Duration{}
	f.Bundles = plan.BundleFacts{Dir: in.bundlesDir(), Runs: map[string][]string{}}
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil
	}
	if err != nil {
		return err
	}
	defer j.Close()
	if f.Once, err = j.Once(ctx); err != nil {
		return err
	}
	rows, err := j.Runs(ctx)
	if err != nil {
		return err
	}
	if err := bundlesOf(ctx, j, in.returnable(ctx, rows), &f.Bundles); err != nil {
		return err
	}
	looked := 0
	for _, row := range rows {
		if row.Result != run.ResultNew {
			continue
		}
		if looked++; looked > maxTold {
			break
		}
		r, err := in.load(ctx, j, row)
		if err != nil {
			return err
		}
		for id, st := range r.State.Steps {
			if _, known := f.History[id]; !known && st.Status == run.Done && st.Last.Took > 0 {
				f.History[id] = st.Last.Took
			}
		}
	}
	return nil
}

// maxTold is how many runs that have succeeded tell how long steps take.
const maxTold = 30

// manyRuns is from how many runs on it is looked which of them have restore points
// left: reading all their plans would take longer.
const manyRuns = 200

// returnable leaves out the runs of a long history that have no restore point any
// more, where that can be told: nobody goes back by their bundles.
func (in *Installation) returnable(ctx context.Context, rows []journal.Run) []journal.Run {
	if len(rows) < manyRuns || in.absentPlace() != "" {
		return rows
	}
	list, err := in.archive().List(ctx)
	if err != nil || len(list) == 0 || slices.ContainsFunc(list, func(p backup.Point) bool { return p.Broken != "" }) {
		return rows // whose they are is not known, or their place may not be there
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r journal.Run) bool {
		return !r.Closed.IsZero() && !slices.ContainsFunc(list, func(p backup.Point) bool { return p.About.Run == r.ID })
	})
}

// bundlesOf tells which run has which bundles, and which of them what is
// installed came from.
func bundlesOf(ctx context.Context, j *sqlite.Journal, rows []journal.Run, f *plan.BundleFacts) error {
	for _, row := range rows {
		p, err := j.Plan(ctx, row.Plan)
		if err != nil {
			return err
		}
		for _, h := range p.Hops {
			if h.Bundle != "" {
				f.Runs[row.ID] = append(f.Runs[row.ID], h.Bundle)
			}
		}
	}
	record, err := j.Record(ctx)
	for _, i := range record {
		if i.Bundle != "" && !slices.Contains(f.Installed, i.Bundle) {
			f.Installed = append(f.Installed, i.Bundle)
		}
	}
	slices.Sort(f.Installed)
	return err
}
