package migration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/database"
)

// States of a script of a release, in a database.
const (
	Pending  = "pending"  // not applied, and nothing of it is there
	Begun    = "begun"    // statement by statement, and not to its end
	Unclear  = "unclear"  // the same, and its last statement cannot be told
	Failed   = "failed"   // tried, and nothing of it is there
	Done     = "applied"  // by Upkeep
	Baseline = "baseline" // a person has said that the data have it
	Repaired = "repaired" // a person has said that what is there is as good
	Changed  = "changed"  // applied, and this release has another content of it
	Other    = "other"    // applied, and this release does not have it
)

// Status is how a database has a script.
type Status struct {
	Script  string   `json:"script"`
	State   string   `json:"state"`
	SHA256  string   `json:"sha256,omitempty"` // in the release
	Applied *Applied `json:"applied,omitempty"`
	Why     string   `json:"why,omitempty"` // of begun, unclear, failed, changed
	Note    *Note    `json:"note,omitempty"`
	Records []Record `json:"statements,omitempty"`
}

// Wrong says that it does not fit the release.
func (s Status) Wrong() bool { return s.State == Changed || s.State == Unclear || s.State == Begun }

// Compare tells of each script of a release how the database has it, and then
// of those that only the database knows.
func Compare(ctx context.Context, db database.Database, j *Journal, release []Script) ([]Status, error) {
	var out []Status
	known := map[string]bool{}
	for _, s := range release {
		known[s.Name] = true
		st := Status{Script: s.Name, SHA256: s.SHA256, State: Pending, Records: j.Of(s.Name), Note: j.note(s.Name)}
		if a, ok := j.Find(s.Name); ok {
			st.Applied, st.State = &a, said(st.Note)
			if !strings.EqualFold(a.SHA256, s.SHA256) {
				st.State, st.Why = Changed, fmt.Sprintf("sha256 was %.12s when it was applied, and is %.12s in this release", a.SHA256, s.SHA256)
			}
			out = append(out, st)
			continue
		}
		p, err := Progress(ctx, db, j, s)
		var changed *ChangedError
		switch {
		case errors.As(err, &changed):
			st.State, st.Why = Changed, err.Error()
		case err != nil:
			return nil, err
		case p.Unclear != "":
			st.State, st.Why = Unclear, p.Unclear
		case p.Begun():
			st.State, st.Why = Begun, fmt.Sprintf("%d of %d statements have taken effect", p.Done, p.Of)
		}
		if n := len(st.Records); n > 0 && st.Records[n-1].Error != "" && (st.State == Pending || st.State == Begun) {
			if st.State == Pending {
				st.State = Failed
			} else {
				st.Why += "; "
			}
			st.Why += fmt.Sprintf("statement %d failed: %s", st.Records[n-1].N, st.Records[n-1].Error)
		}
		out = append(out, st)
	}
	for _, a := range j.Applied {
		if !known[a.Name] {
			out = append(out, Status{Script: a.Name, State: Other, Applied: &a, Note: j.note(a.Name), Records: j.Of(a.Name)})
		}
	}
	return out, nil
}

// note is the last that was said of a script.
func (j *Journal) note(script string) *Note {
	var last *Note
	for _, n := range j.Notes {
		if n.Script == script {
			last = &n
		}
	}
	return last
}

func said(n *Note) string {
	switch {
	case n == nil:
		return Done
	case n.What == Baseline || n.What == Edited || n.What == ByHand:
		return n.What
	}
	return Repaired
}

// UserError says what a person has asked for that cannot be done.
type UserError struct{ Msg string }

func (e *UserError) Error() string { return e.Msg }

// SetBaseline records scripts as applied that the data have by another way; it
// runs none, and gives those that it recorded.
func SetBaseline(ctx context.Context, db database.Database, release []Script, by, why string) (done []string, err error) {
	err = record(ctx, db, func(j *Journal) ([]string, error) {
		var texts []string
		at := now()
		for _, s := range release {
			if _, ok := j.Find(s.Name); ok {
				continue
			}
			if len(j.Of(s.Name)) > 0 {
				return nil, &UserError{fmt.Sprintf("script %s was tried by Upkeep, so it is not from before: when it was finished by hand, say upkeep migrations repair %[1]s", s.Name)}
			}
			texts = append(texts, j.apply(s), j.say(Note{At: at, Script: s.Name, What: Baseline, By: by, Why: why}))
			done = append(done, s.Name)
		}
		return texts, nil
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// Repair records that what the database has of a script is as good as the
// release's: because the vendor has changed it on purpose, or because a person
// has finished it by hand. It runs nothing.
func Repair(ctx context.Context, db database.Database, s Script, by, why string) error {
	return record(ctx, db, func(j *Journal) ([]string, error) {
		a, applied := j.Find(s.Name)
		n := Note{At: now(), Script: s.Name, What: "repair", By: by, Why: why, Was: a.SHA256}
		switch {
		case applied && strings.EqualFold(a.SHA256, s.SHA256):
			return nil, &UserError{fmt.Sprintf("script %s is applied as this release has it: there is nothing to repair", s.Name)}
		case applied:
			return []string{fmt.Sprintf("UPDATE %s%s SET sha256 = %s WHERE name = %s", j.place, scripts, quote(strings.ToLower(s.SHA256)), quote(s.Name)), j.say(n)}, nil
		case len(j.Of(s.Name)) == 0:
			return nil, &UserError{fmt.Sprintf("script %s was never tried: the next upgrade applies it. Where the data have it from before Upkeep, say upkeep migrations baseline", s.Name)}
		}
		return []string{j.apply(s), j.say(n)}, nil
	})
}

// say records a note.
func (j *Journal) say(n Note) string {
	return fmt.Sprintf("INSERT INTO %s%s (at, script, what, who, why, was) VALUES (%s, %s, %s, %s, %s, %s)", j.place, words,
		quote(n.At), quote(n.Script), quote(n.What), quote(n.By), quote(n.Why), quote(n.Was))
}

// record writes what f says into the journal, all or nothing, under the lock.
func record(ctx context.Context, db database.Database, f func(j *Journal) ([]string, error)) (err error) {
	d := dialects[db.Kind()]
	c, err := db.Connect(ctx, database.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	j, err := Read(ctx, db)
	if err != nil {
		return err
	}
	texts, err := f(j)
	if err != nil || len(texts) == 0 {
		return err
	}
	if !j.whole {
		if err := own(ctx, c, j.tables(d)...); err != nil {
			return err
		}
	}
	return own(ctx, c, append(append([]string{d.begin}, texts...), "COMMIT")...)
}
