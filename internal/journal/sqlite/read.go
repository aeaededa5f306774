package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Entries gives the entries of a run (of all runs when id is empty) whose
// Seq is greater than after, in order. One run is open at a time, so that its
// entries are gapless; what is missing, added or changed is ErrDamaged.
func (j *Journal) Entries(ctx context.Context, id string, after int64) ([]run.Entry, error) {
	of := "e.run = ?1" // by the index: those of other runs are not read
	if id == "" {
		of = "?1 = ''"
	}
	// one statement, so that head and entries are of one moment
	rows, err := j.db.QueryContext(ctx, `SELECT h.seq, (SELECT COALESCE(MAX(seq),0) FROM entries),
		e.seq, e.run, e.at, e.kind, e.step, e.dir, e.body, e.prev, e.hash
		FROM head h LEFT JOIN entries e ON `+of+` AND e.seq > ?2 ORDER BY e.seq`, id, after)
	if err != nil {
		return nil, j.fault("read", err)
	}
	defer rows.Close()
	var out []run.Entry
	heads := 0
	for rows.Next() {
		heads++
		var head, last int64
		var seq sql.NullInt64
		var text [7]sql.NullString
		var body []byte
		if err := rows.Scan(&head, &last, &seq, &text[0], &text[1], &text[2], &text[3], &text[4], &body, &text[5], &text[6]); err != nil {
			return nil, j.damaged(err)
		}
		if head != last {
			return nil, j.damaged(fmt.Errorf("its last entry should be %d and is %d", head, last))
		}
		if !seq.Valid {
			continue
		}
		e := run.Entry{Seq: seq.Int64, Run: text[0].String, Kind: run.Kind(text[2].String), Step: text[3].String, Dir: run.Direction(text[4].String),
			Body: body, Prev: text[5].String, Hash: text[6].String}
		if e.At, err = time.Parse(time.RFC3339Nano, text[1].String); err != nil {
			return nil, j.damaged(fmt.Errorf("entry %d has no readable time: %w", e.Seq, err))
		}
		if err := follows(out, e, id, after); err != nil {
			return nil, j.damaged(err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, j.fault("read", err)
	}
	if heads == 0 {
		return nil, j.damaged(errors.New("it does not say which entry is its last"))
	}
	return out, nil
}

// follows checks one entry against those read before it.
func follows(before []run.Entry, e run.Entry, id string, after int64) error {
	if e.Hash != e.Sum() {
		return fmt.Errorf("entry %d (%s of run %s) is not what was written: its hash does not fit", e.Seq, e.Kind, e.Run)
	}
	switch n := len(before); {
	case n > 0 && (e.Seq != before[n-1].Seq+1 || e.Prev != before[n-1].Hash):
		return fmt.Errorf("entry %d does not follow entry %d", e.Seq, before[n-1].Seq)
	case n == 0 && (after > 0 || id == "") && e.Seq != after+1:
		return fmt.Errorf("entry %d does not follow entry %d", e.Seq, after)
	case n == 0 && e.Seq == 1 && e.Prev != "":
		return errors.New("entry 1 follows one that is not there")
	}
	return nil
}

// Verify reads the whole file and checks that it is sound, that no entry was
// changed, added or taken out, that the list of runs says what the entries
// say, and that every plan is what was written.
func (j *Journal) Verify(ctx context.Context) error {
	var sound string
	if err := j.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&sound); err != nil {
		return j.fault("read", err)
	}
	if sound != "ok" {
		return j.damaged(errors.New(sound))
	}
	all, err := j.Entries(ctx, "", 0)
	if err != nil {
		return err
	}
	if n := len(all); n > 0 {
		var hash string
		if err := j.db.QueryRowContext(ctx, "SELECT hash FROM head WHERE seq = ?", all[n-1].Seq).Scan(&hash); err == nil && hash != all[n-1].Hash {
			return j.damaged(fmt.Errorf("entry %d is not the one that was written last", all[n-1].Seq))
		}
	}
	state := map[string]run.Kind{}
	for _, e := range all {
		if e.Kind == run.RunOpened || e.Kind == run.RunClosed {
			state[e.Run] = e.Kind
		}
	}
	rows, err := j.Runs(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if kind, ok := state[r.ID]; ok && (kind == run.RunClosed) == r.Closed.IsZero() {
			return j.damaged(fmt.Errorf("the list of runs does not say of run %s what its entries say", r.ID))
		}
		delete(state, r.ID)
		if _, err := j.Plan(ctx, r.Plan); err != nil {
			return err
		}
	}
	if len(state) > 0 {
		return j.damaged(fmt.Errorf("%d runs are missing from the list of runs", len(state)))
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
		return nil, j.fault("read", err)
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
	return j.runs(ctx, "1=1", "")
}

// Recent lists at most n runs, latest first, behind the first skip of them.
func (j *Journal) Recent(ctx context.Context, skip, n int) ([]journal.Run, error) {
	return j.runs(ctx, "1=1", "LIMIT ? OFFSET ?", n, skip)
}

// Find gives the run of that id, if there is one.
func (j *Journal) Find(ctx context.Context, id string) (journal.Run, bool, error) {
	return one(j.runs(ctx, "id = ?", "", id))
}

// Latest goes through the runs, latest first, until f wants no more. It may read
// the journal. Of a long history no more is read than f wants.
func (j *Journal) Latest(ctx context.Context, f func(journal.Run) (more bool, err error)) error {
	return j.walk(ctx, f, "1=1")
}

// LatestNew goes through the runs that ended on their new version.
func (j *Journal) LatestNew(ctx context.Context, f func(journal.Run) (more bool, err error)) error {
	return j.walk(ctx, f, "result = ?", run.ResultNew)
}

// Reached goes through those of them to that version.
func (j *Journal) Reached(ctx context.Context, version string, f func(journal.Run) (more bool, err error)) error {
	return j.walk(ctx, f, "result = ? AND version = ?", run.ResultNew, version)
}

// page is how many runs walk reads first; each page is twice as long as the last.
const page = 16

func (j *Journal) walk(ctx context.Context, f func(journal.Run) (bool, error), where string, args ...any) error {
	last := "" // a run that is opened meanwhile moves nothing
	for n := page; ; n *= 2 {
		rows, err := j.runs(ctx, where+" AND rowid < COALESCE((SELECT rowid FROM runs WHERE id = ?), 9223372036854775807)", "LIMIT ?", append(slices.Clone(args), last, n)...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if more, err := f(r); err != nil || !more {
				return err
			}
			last = r.ID
		}
		if len(rows) < n {
			return nil
		}
	}
}

// LastEnded gives the latest run that has ended, if one has.
func (j *Journal) LastEnded(ctx context.Context) (journal.Run, bool, error) {
	return one(j.runs(ctx, "closed IS NOT NULL", "LIMIT 1"))
}

// LastEnd is when a run ended last; zero when none has. A clock that was set back
// does not make that earlier.
func (j *Journal) LastEnd(ctx context.Context) (last time.Time, err error) {
	// of one second; what follows it is not written with the same length everywhere
	rows, err := j.runs(ctx, "substr(closed, 1, 19) = (SELECT MAX(substr(closed, 1, 19)) FROM runs)", "")
	for _, r := range rows {
		if r.Closed.After(last) {
			last = r.Closed
		}
	}
	return last, err
}

// Took tells how long each step took when it was done last, in the latest n runs
// that ended on their new version. Each entry is what was written; that none is
// missing is not looked at, for this only tells how long the next may take.
func (j *Journal) Took(ctx context.Context, n int) (map[string]time.Duration, error) {
	rows, err := j.db.QueryContext(ctx, `SELECT seq, run, at, kind, step, dir, body, prev, hash FROM entries
		WHERE run IN (SELECT id FROM runs WHERE result = ? ORDER BY rowid DESC LIMIT ?) AND kind = ? AND dir = ? ORDER BY seq DESC`, run.ResultNew, n, run.Outcome, run.Do)
	if err != nil {
		return nil, j.fault("read", err)
	}
	defer rows.Close()
	out := map[string]time.Duration{}
	ended := map[[2]string]bool{} // of a run's step, its last outcome counts
	for rows.Next() {
		var e run.Entry
		var at string
		var body sql.RawBytes
		if err := rows.Scan(&e.Seq, &e.Run, &at, &e.Kind, &e.Step, &e.Dir, &body, &e.Prev, &e.Hash); err != nil {
			return nil, j.damaged(err)
		}
		key := [2]string{e.Run, e.Step}
		if _, known := out[e.Step]; known || ended[key] {
			continue
		}
		ended[key] = true
		if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, j.damaged(fmt.Errorf("entry %d has no readable time: %w", e.Seq, err))
		}
		if e.Body = json.RawMessage(body); e.Hash != e.Sum() {
			return nil, j.damaged(fmt.Errorf("entry %d (%s of run %s) is not what was written: its hash does not fit", e.Seq, e.Kind, e.Run))
		}
		var b run.Ended
		if err := json.Unmarshal(body, &b); err != nil {
			return nil, j.damaged(err)
		}
		if b.OK && !b.Unclear && b.Took > 0 {
			out[e.Step] = b.Took
		}
	}
	return out, j.fault("read", rows.Err())
}

// LastChange gives the latest run that changed the version, if one did.
func (j *Journal) LastChange(ctx context.Context) (journal.Run, bool, error) {
	return one(j.runs(ctx, "result IN (?, ?)", "LIMIT 1", run.ResultNew, run.ResultMilestone))
}

// OpenedRun gives the run that is open, if one is.
func (j *Journal) OpenedRun(ctx context.Context) (journal.Run, bool, error) {
	return one(j.runs(ctx, "id = (SELECT id FROM runs WHERE closed IS NULL)", "")) // by its index, however many there are
}

func one(rows []journal.Run, err error) (journal.Run, bool, error) {
	if err != nil || len(rows) == 0 {
		return journal.Run{}, false, err
	}
	return rows[0], true, nil
}

func (j *Journal) runs(ctx context.Context, where, limit string, args ...any) ([]journal.Run, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT id, plan, by, trig, from_version, to_version, opened, COALESCE(closed,''), result, version, outage, work FROM runs WHERE "+where+" ORDER BY rowid DESC "+limit, args...)
	if err != nil {
		return nil, j.fault("read", err)
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
	return out, j.fault("read", rows.Err())
}

// Record gives what is installed according to the last run; it is a cache of
// what the instances themselves say.
func (j *Journal) Record(ctx context.Context) ([]journal.Installed, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT component, instance, version, release, bundle FROM record ORDER BY component, instance")
	if err != nil {
		return nil, j.fault("read", err)
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
	return out, j.fault("read", rows.Err())
}

// Once lists the markers of once-only steps that were done.
func (j *Journal) Once(ctx context.Context) ([]string, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT marker FROM once ORDER BY marker")
	if err != nil {
		return nil, j.fault("read", err)
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
	return out, j.fault("read", rows.Err())
}
