package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Entries gives the entries of a run (of all runs when id is empty) whose
// Seq is greater than after, in order.
func (j *Journal) Entries(ctx context.Context, id string, after int64) ([]run.Entry, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT seq, run, at, kind, step, dir, body, prev, hash FROM entries WHERE (run = ? OR ? = '') AND seq > ? ORDER BY seq", id, id, after)
	if err != nil {
		return nil, j.damaged(err)
	}
	defer rows.Close()
	var out []run.Entry
	for rows.Next() {
		var e run.Entry
		var at string
		if err := rows.Scan(&e.Seq, &e.Run, &at, &e.Kind, &e.Step, &e.Dir, &e.Body, &e.Prev, &e.Hash); err != nil {
			return nil, j.damaged(err)
		}
		if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, j.damaged(fmt.Errorf("entry %d has no readable time: %w", e.Seq, err))
		}
		if e.Hash != e.Sum() {
			return nil, j.damaged(fmt.Errorf("entry %d (%s of run %s) is not what was written: its hash does not fit", e.Seq, e.Kind, e.Run))
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, j.damaged(err)
	}
	return out, nil
}

// Verify reads the whole journal and checks that no entry was changed, added
// or taken out.
func (j *Journal) Verify(ctx context.Context) error {
	all, err := j.Entries(ctx, "", 0)
	if err != nil {
		return err
	}
	prev, seq := "", int64(0)
	for _, e := range all {
		if e.Seq != seq+1 || e.Prev != prev {
			return j.damaged(fmt.Errorf("entry %d does not follow entry %d", e.Seq, seq))
		}
		seq, prev = e.Seq, e.Hash
	}
	return nil
}

// Plan gives the plan of that digest.
func (j *Journal) Plan(ctx context.Context, digest string) (*plan.Plan, error) {
	var body []byte
	err := j.db.QueryRowContext(ctx, "SELECT body FROM plans WHERE digest = ?", digest).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("the journal holds no plan %.12s", digest)
	}
	if err != nil {
		return nil, j.damaged(err)
	}
	p := &plan.Plan{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, j.damaged(err)
	}
	if sum := p.Sum(); sum != digest {
		return nil, j.damaged(fmt.Errorf("the plan %.12s is not what was written: its digest is %.12s", digest, sum))
	}
	return p, nil
}

// Runs lists the runs, latest first.
func (j *Journal) Runs(ctx context.Context) ([]journal.Run, error) {
	return j.runs(ctx, "1=1")
}

// OpenedRun gives the run that is open, if one is.
func (j *Journal) OpenedRun(ctx context.Context) (journal.Run, bool, error) {
	rows, err := j.runs(ctx, "closed IS NULL")
	if err != nil || len(rows) == 0 {
		return journal.Run{}, false, err
	}
	return rows[0], true, nil
}

func (j *Journal) runs(ctx context.Context, where string) ([]journal.Run, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT id, plan, by, trig, from_version, to_version, opened, COALESCE(closed,''), result, version, outage, work FROM runs WHERE "+where+" ORDER BY rowid DESC")
	if err != nil {
		return nil, j.damaged(err)
	}
	defer rows.Close()
	var out []journal.Run
	for rows.Next() {
		var r journal.Run
		var opened, closed string
		if err := rows.Scan(&r.ID, &r.Plan, &r.By, &r.Trigger, &r.From, &r.To, &opened, &closed, &r.Result, &r.Version, &r.Outage, &r.Work); err != nil {
			return nil, j.damaged(err)
		}
		if r.Opened, err = time.Parse(time.RFC3339Nano, opened); err != nil {
			return nil, j.damaged(err)
		}
		if closed != "" {
			if r.Closed, err = time.Parse(time.RFC3339Nano, closed); err != nil {
				return nil, j.damaged(err)
			}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Record gives what is installed according to the last run; it is a cache of
// what the instances themselves say.
func (j *Journal) Record(ctx context.Context) ([]journal.Installed, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT component, instance, version, release, bundle FROM record ORDER BY component, instance")
	if err != nil {
		return nil, j.damaged(err)
	}
	defer rows.Close()
	var out []journal.Installed
	for rows.Next() {
		var r journal.Installed
		if err := rows.Scan(&r.Component, &r.Instance, &r.Version, &r.Release, &r.Bundle); err != nil {
			return nil, j.damaged(err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Once lists the markers of once-only steps that were done.
func (j *Journal) Once(ctx context.Context) ([]string, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT marker FROM once ORDER BY marker")
	if err != nil {
		return nil, j.damaged(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var m string
		if err := rows.Scan(&m); err != nil {
			return nil, j.damaged(err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
