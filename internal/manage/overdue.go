package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"
)

// intervals are how long it is at most from one restore point to the next, by the
// word of the timer.
var intervals = map[string]time.Duration{"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour, "monthly": 31 * 24 * time.Hour}

var calendar = regexp.MustCompile(`(?m)^OnCalendar=(\w+)$`)

// timed gives how often a timer has restore points of an installation made, and
// since when it is set up; an empty word where there is none, or somebody has
// changed it.
func (m *Machine) timed(id string) (every string, since time.Time, err error) {
	at := m.timerFiles(m.backupTimer(id, "", ""))[1].path
	info, err := m.FS.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return "", time.Time{}, nil
	}
	var text []byte
	if err == nil {
		text, err = m.FS.ReadFile(at)
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("cannot read how often restore points are made: %w", err)
	}
	if found := calendar.FindSubmatch(text); found != nil {
		every = string(found[1])
	}
	return every, info.MTime, nil
}

// overdue says that no restore point was made for longer than the timer promises;
// empty: one was, or there is no timer. What made it does not matter. A quarter
// of the time, and an hour for its making, are given.
func overdue(every string, since, newest, now time.Time) string {
	d := intervals[every]
	last := newest
	if since.After(last) {
		last = since
	}
	if d == 0 || now.Sub(last) <= d+d/4+time.Hour {
		return ""
	}
	is := "there is none"
	if !newest.IsZero() {
		is = "the newest is of " + newest.Local().Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("restore points are to be made %s, by the timer of upkeep setup-host, and %s", every, is)
}

// unpunctual gives a finding where the timer's restore points are not made.
func (in *Installation) unpunctual(ctx context.Context, m *Machine, now time.Time) []Finding {
	f := Finding{ID: "restore-points", Level: "warning", Effect: "after a loss the data are as old as the newest restore point", Fix: "systemctl status " + backupUnit + in.Doc.ID + ".timer, and upkeep backup create"}
	every, since, err := m.timed(in.Doc.ID)
	if err != nil || every == "" {
		if err != nil {
			f.Error = err.Error()
			return []Finding{f}
		}
		return nil
	}
	list, err := in.archive().List(ctx)
	if err != nil {
		f.Error = err.Error()
		return []Finding{f}
	}
	var newest time.Time
	for _, p := range list {
		if p.Broken == "" && p.Made.After(newest) {
			newest = p.Made
		}
	}
	if f.Evidence = overdue(every, since, newest, now); f.Evidence == "" {
		return nil
	}
	if failed, err := in.TimerFailed(); err == nil && failed != nil {
		f.Evidence += "; the last try failed: " + failed.Why
	}
	return []Finding{f}
}
