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
	rows, err := in.returnable(ctx, j)
	if err != nil {
		return err
	}
	if err := bundlesOf(ctx, j, rows, &f.Bundles); err != nil {
		return err
	}
	f.History, err = j.Took(ctx, maxTold)
	return err
}

// maxTold is how many runs that have succeeded tell how long steps take.
const maxTold = 30

// manyRuns is from how many runs on it is looked which of them have restore points
// left: reading all their plans would take longer.
const manyRuns = 20

// returnable lists the runs, but of a long history not those that have no restore
// point any more, where that can be told: nobody goes back by their bundles.
func (in *Installation) returnable(ctx context.Context, j runList) ([]journal.Run, error) {
	rows, err := j.Recent(ctx, 0, manyRuns)
	if err != nil || len(rows) < manyRuns {
		return rows, err
	}
	if in.absentPlace() != "" {
		return j.Runs(ctx)
	}
	list, err := in.archive().List(ctx)
	if err != nil || len(list) == 0 || slices.ContainsFunc(list, func(p backup.Point) bool { return p.Broken != "" }) {
		return j.Runs(ctx) // whose they are is not known, or their place may not be there
	}
	var out []journal.Run
	seen := map[string]bool{}
	if latest := rows[0]; latest.Closed.IsZero() { // no other can be open
		out, seen[latest.ID] = append(out, latest), true
	}
	for _, p := range list {
		if seen[p.About.Run] {
			continue
		}
		seen[p.About.Run] = true
		r, ok, err := j.Find(ctx, p.About.Run)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// runList is what of a journal tells which runs there are.
type runList interface {
	Runs(ctx context.Context) ([]journal.Run, error)
	Recent(ctx context.Context, skip, n int) ([]journal.Run, error)
	Find(ctx context.Context, id string) (journal.Run, bool, error)
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
