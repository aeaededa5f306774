package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/journal"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/scratch"
)

// Migration is a script of a release, and how the product's database has it.
type Migration struct {
	Component string `json:"component"`
	migration.Status
	Contract bool       `json:"contract,omitempty"` // it comes after the barrier
	Due      *time.Time `json:"due,omitempty"`      // contract: from when on it may be carried out
}

// States of a script, as far as they are shown in ways of their own.
const (
	ScriptPending = migration.Pending
	ScriptBegun   = migration.Begun
	ScriptUnclear = migration.Unclear
	ScriptFailed  = migration.Failed
	ScriptChanged = migration.Changed
	ScriptOther   = migration.Other
	ScriptEdited  = migration.Edited
	ScriptByHand  = migration.ByHand
)

// Took is how many statements are recorded, and how long they took together.
func (m Migration) Took() (n int, took time.Duration) {
	for _, r := range m.Records {
		a, err := time.Parse(time.RFC3339Nano, r.Began)
		if b, err2 := time.Parse(time.RFC3339Nano, r.Ended); err == nil && err2 == nil {
			n, took = n+1, took+b.Sub(a)
		}
	}
	return n, took.Round(time.Millisecond)
}

// Migrations are the scripts of a release, in the order in which they are applied.
type Migrations struct {
	Release string      `json:"release"`
	Scripts []Migration `json:"scripts"`
}

// Wrong lists those that do not fit the release.
func (m Migrations) Wrong() []Migration {
	var out []Migration
	for _, s := range m.Scripts {
		if s.Wrong() {
			out = append(out, s)
		}
	}
	return out
}

// scriptSet is what one step of a release brings for one database.
type scriptSet struct {
	Unit     string
	Step     manifest.Step
	Phase    manifest.Phase
	DB       *plan.Database
	Scripts  []plan.Script
	Contract bool
	release  *Release
}

// ErrNoScripts says that a release has no scripts.
var ErrNoScripts = errors.New("its databases are migrated by no scripts")

// sets gives the sets of scripts of the installed release, or of the one at
// from: of several the one that is installed, else the last.
func (in *Installation) sets(ctx context.Context, from string) (*Release, []scriptSet, func(), error) {
	r, done, err := in.at(ctx, from)
	if err != nil {
		return nil, nil, nil, err
	}
	sets, err := in.setsOf(ctx, r)
	if err == nil && len(sets) == 0 {
		err = fmt.Errorf("release %s: %w", r.Release.Version, ErrNoScripts)
	}
	if err != nil {
		done()
		return nil, nil, nil, err
	}
	return r, sets, done, nil
}

// at opens a release.
func (in *Installation) at(ctx context.Context, from string) (*Release, func(), error) {
	s, err := in.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	if from == "" {
		for _, i := range s.Record {
			if i.Bundle != "" {
				r, err := in.openRelease(ctx, filepath.Join(in.bundlesDir(), i.Bundle), "")
				return r, func() {}, err
			}
		}
		return nil, nil, errNoProduct
	}
	temp, err := scratch.New(in.FS, "", "releases")
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a folder for reading the releases: %w", err)
	}
	done := func() { _ = temp.Close() }
	rs, err := in.OpenReleases(ctx, from, temp.Path)
	if err != nil {
		done()
		return nil, nil, err
	}
	r := &rs[len(rs)-1]
	for i := range rs {
		for _, have := range s.Record {
			if have.Version == rs[i].Release.Version {
				r = &rs[i]
			}
		}
	}
	return r, done, nil
}

func (in *Installation) setsOf(ctx context.Context, r *Release) ([]scriptSet, error) {
	res, err := in.surveyor().Placed(ctx, in.present(r.Product), in.Doc)
	if err != nil {
		return nil, err
	}
	b, err := planBundle(*r)
	if err != nil {
		return nil, err
	}
	var out []scriptSet
	for _, ph := range manifest.Phases() {
		for _, s := range r.Release.Procedure.Phases[ph].Steps {
			if s.Verb != "migrate" || s.Scripts == "" || len(s.Args) != 1 {
				continue
			}
			for _, unit := range res.UnitsOf(s.Args[0]) {
				if !res.Unit(unit).Product.Components[unit].Database() {
					continue
				}
				db, err := res.Unit(unit).Database(unit)
				if err != nil {
					return nil, err
				}
				out = append(out, scriptSet{Unit: unit, Step: s, Phase: ph, DB: db, Scripts: b.Scripts[s.Scripts], Contract: manifest.Contract(ph), release: r})
			}
		}
	}
	return out, nil
}

// read reads the scripts of a set.
func (s scriptSet) read() ([]migration.Script, error) {
	var out []migration.Script
	for _, sc := range s.Scripts {
		text, err := fs.ReadFile(s.release.Bundle.FS(), sc.Name)
		if err != nil {
			return nil, fmt.Errorf("cannot read the script %s: %w", sc.Name, err)
		}
		m := migration.Script{Script: database.Script{Name: sc.Name, SQL: strings.TrimPrefix(string(text), "\uFEFF")}, SHA256: sc.SHA256}
		if m.Marks, err = migration.ReadMarks(m.Script); err != nil {
			return nil, err
		}
		m.Native = m.Native || s.Step.Client == "native"
		out = append(out, m)
	}
	return out, nil
}

// Migrations tells of each script of a release how the database has it. It
// changes nothing.
func (in *Installation) Migrations(ctx context.Context, from string) (*Migrations, error) {
	r, sets, done, err := in.sets(ctx, from)
	if err != nil {
		return nil, err
	}
	defer done()
	out := &Migrations{Release: r.Release.Version}
	last := map[string]int{} // the last set of each database tells of scripts that no set has
	have := map[string][]string{}
	for i, s := range sets {
		last[s.Unit] = i
		for _, sc := range s.Scripts {
			have[s.Unit] = append(have[s.Unit], sc.Name)
		}
	}
	for i, s := range sets {
		list, err := in.statuses(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, st := range list {
			if st.State == migration.Other && (last[s.Unit] != i || slices.Contains(have[s.Unit], st.Script)) {
				continue
			}
			m := Migration{Component: s.Unit, Status: st, Contract: s.Contract && st.State != migration.Other}
			if m.Contract && st.State == migration.Pending && s.Step.Soak > 0 {
				if due, ok := in.due(ctx, r, s.Step.Soak); ok {
					m.Due = &due
				}
			}
			out.Scripts = append(out.Scripts, m)
		}
	}
	return out, nil
}

func (in *Installation) statuses(ctx context.Context, s scriptSet) (_ []migration.Status, err error) {
	scripts, err := s.read()
	if err != nil {
		return nil, err
	}
	db, err := in.databases.Open(ctx, *s.DB, "migrations")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	j, err := migration.Read(ctx, db)
	if err != nil {
		return nil, err
	}
	return migration.Compare(ctx, db, j, scripts)
}

// due is when scripts that wait after the run may be carried out: known where
// the release is the installed one.
func (in *Installation) due(ctx context.Context, r *Release, soak time.Duration) (time.Time, bool) {
	rows, err := in.Runs(ctx)
	if err != nil {
		return time.Time{}, false
	}
	since := lastNew(rows)
	s, err := in.Status(ctx)
	if err != nil || since.IsZero() || !slices.ContainsFunc(s.Record, func(i journal.Installed) bool { return i.Bundle == r.Bundle.Digest() }) {
		return time.Time{}, false
	}
	return since.Add(soak), true
}

// Recorded is what a person has said of scripts.
type Recorded struct {
	Release string   `json:"release"`
	Scripts []string `json:"scripts"`
}

// Baseline records that the data have the scripts of a release from before
// Upkeep. It runs none.
func (in *Installation) Baseline(ctx context.Context, from, by, why string) (*Recorded, error) {
	out := &Recorded{}
	err := in.recording(ctx, from, by, "baseline", func(r *Release, s scriptSet, db database.Database, list []migration.Script) error {
		if out.Release = r.Release.Version; s.Contract { // what the version needs is there; what it does not need may be
			return nil
		}
		done, err := migration.SetBaseline(ctx, db, list, by, why)
		out.Scripts = append(out.Scripts, done...)
		return err
	})
	return out, err
}

// Repair records that what the data have of a script is as good as the release's.
func (in *Installation) Repair(ctx context.Context, from, script, by, why string) (*Recorded, error) {
	out := &Recorded{}
	var names []string
	err := in.recording(ctx, from, by, "repair "+script, func(r *Release, s scriptSet, db database.Database, list []migration.Script) error {
		out.Release = r.Release.Version
		for _, m := range list {
			names = append(names, m.Name)
			if m.Name == script || filepath.Base(m.Name) == script {
				out.Scripts = append(out.Scripts, m.Name)
				return migration.Repair(ctx, db, m, by, why)
			}
		}
		return nil
	})
	if err == nil && len(out.Scripts) == 0 {
		hint := manifest.Meant(script, names)
		if hint == "" {
			hint = "upkeep migrations list shows those that it has"
		}
		err = &RefusedError{What: "nothing is recorded", Reasons: []string{fmt.Sprintf("release %s has no script %s; %s", out.Release, script, hint)}}
	}
	return out, err
}

// recording calls f for each set of scripts, while no run is open, and writes
// down who said it.
func (in *Installation) recording(ctx context.Context, from, by, what string, f func(*Release, scriptSet, database.Database, []migration.Script) error) error {
	r, sets, done, err := in.sets(ctx, from)
	if err != nil {
		return err
	}
	defer done()
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return err
	}
	l, err := in.exclusive(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return err
	}
	for _, s := range sets {
		list, err := s.read()
		if err != nil {
			return err
		}
		db, err := in.databases.Open(ctx, *s.DB, fmt.Sprintf("migrations/%d", os.Getpid()))
		if err != nil {
			return err
		}
		if err := errors.Join(f(r, s, db, list), db.Close()); err != nil {
			var user *migration.UserError
			if errors.As(err, &user) {
				return &RefusedError{What: "nothing is recorded", Reasons: []string{user.Error()}}
			}
			return err
		}
	}
	in.note(filepath.Join(in.State, "migrations.log"), by, what, "recorded for release "+r.Release.Version)
	return nil
}
