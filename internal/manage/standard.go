package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/database"
	"upkeep/internal/drift"
	"upkeep/internal/durable"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// standards finds what the databases of an installed version are compared with.
type standards struct {
	in      *Installation
	version string
	places  []standardPlace
}

// standardPlace is where in a bundle the version's standards lie.
type standardPlace struct {
	bundle *bundle.Bundle
	dir    string
}

// standards looks in the bundle by which the installed version came, and in those
// of releases that can be reached from it.
func (in *Installation) standards(version string, kept *Release, others ...Release) standards {
	s := standards{in: in, version: version}
	if kept != nil {
		others = append([]Release{*kept}, others...)
	}
	for _, r := range others {
		dir := bundle.StandardDir
		if r.Release.Version != version {
			dir = path.Join(bundle.FromDir, version, bundle.StandardDir)
		}
		s.places = append(s.places, standardPlace{r.Bundle, dir})
	}
	return s
}

// shipped gives the vendor's standard for a component and a server like that of
// actual; others are the files that are for other servers.
func (s standards) shipped(component string, actual drift.Schema) (found *drift.Schema, others []string, err error) {
	for _, p := range s.places {
		dir := path.Join(p.dir, component)
		raw, err := fs.ReadFile(p.bundle.FS(), path.Join(dir, actual.File()))
		if err == nil {
			schema, err := drift.Parse(raw)
			if err == nil {
				err = drift.Comparable(schema, actual)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s of %s: %w", path.Join(dir, actual.File()), p.bundle.Origin(), err)
			}
			return &schema, nil, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		list, err := fs.ReadDir(p.bundle.FS(), dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		for _, e := range list {
			if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
				others = append(others, strings.Replace(name, "-", " ", 1))
			}
		}
	}
	return nil, others, nil
}

// wanted says that a plan must know how a database differs: the vendor ships a
// standard of it, or wants a review.
func (s standards) wanted(unit string, c manifest.Component) bool {
	if c.Review != nil || c.Standard != nil {
		return true
	}
	for _, p := range s.places {
		if list, err := fs.ReadDir(p.bundle.FS(), path.Join(p.dir, plan.ComponentOf(unit))); err == nil && len(list) > 0 {
			return true
		}
	}
	return false
}

// compare reads a database and compares it. What cannot be compared is said,
// never passed over.
func (s standards) compare(ctx context.Context, unit string, c manifest.Component, db database.Database) drift.Comparison {
	var out drift.Comparison
	actual, err := db.Objects(ctx)
	if err != nil {
		out.Unknown = err.Error()
		return out
	}
	component := plan.ComponentOf(unit)
	standard, others, err := s.shipped(component, actual)
	if err != nil {
		out.Notes = append(out.Notes, "the standard of "+s.version+" cannot be used: "+err.Error())
	}
	if len(others) > 0 && standard == nil {
		out.Notes = append(out.Notes, fmt.Sprintf("the standard of %s is for %s, and this server is %s %s: each version writes definitions in its own words", s.version, strings.Join(others, ", "), actual.Kind, actual.Server))
	}
	out.Standard = "the standard of release " + s.version
	if standard == nil {
		built, note, err := s.built(unit, actual)
		if err != nil {
			out.Notes = append(out.Notes, err.Error())
		}
		if note != "" {
			out.Notes = append(out.Notes, note)
		}
		if built != nil {
			out.Standard, standard = built.words(), &built.Schema
		}
	}
	if standard == nil {
		r, err := s.in.recordedStandard(unit)
		switch {
		case err != nil:
			out.Standard, out.Unknown = "", err.Error()
			return out
		case r == nil:
			out.Standard, out.Unknown = "", "there is nothing to compare it with: the release brings no standard for this server, and Upkeep has recorded none yet (it does at the end of each run, and at upkeep adopt)"
			return out
		}
		out.Standard, out.Recorded, standard = r.words(), true, &r.Schema
		if err := drift.Comparable(*standard, actual); err != nil {
			out.Unknown = err.Error()
			return out
		}
	}
	var except []string
	if c.Standard != nil {
		except = c.Standard.Except
	}
	out.Differences = drift.Compare(standard.Without(except), actual.Without(except))
	return out
}

// recordedStandard is what Upkeep found at the end of a run, or at adopt.
type recordedStandard struct {
	At      time.Time    `json:"at"`
	Run     string       `json:"run,omitempty"` // empty: adopt
	Version string       `json:"version"`
	Schema  drift.Schema `json:"schema"`
}

func (r recordedStandard) words() string {
	when := r.At.Local().Format("2006-01-02 15:04")
	if r.Run == "" {
		return fmt.Sprintf("what adopt found on %s, on version %s", when, r.Version)
	}
	return fmt.Sprintf("what run %s left on %s, on version %s", r.Run, when, r.Version)
}

func (in *Installation) standardsDir() string { return filepath.Join(in.State, "standards") }

func (in *Installation) standardPath(unit string) string {
	return filepath.Join(in.standardsDir(), url.PathEscape(unit)+".json")
}

// recordedStandard reads it; nil when there is none.
func (in *Installation) recordedStandard(unit string) (*recordedStandard, error) {
	raw, err := in.FS.ReadFile(in.standardPath(unit))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what was recorded of the database %s: %w", unit, err)
	}
	r := &recordedStandard{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w): remove it, and the next run records it anew", in.standardPath(unit), err)
	}
	return r, nil
}

// recordStandards writes what the databases are like now. It is evidence for
// later, no part of what a run promises: what cannot be read is said, and
// forgotten, so that nothing is ever compared with what is older.
func (in *Installation) recordStandards(ctx context.Context, run, version string, databases []plan.Database) []string {
	var notes []string
	_ = durable.Sweep(in.FS, in.standardsDir()) // what is left there is in nobody's way
	for _, d := range databases {
		if err := in.recordOne(ctx, run, version, d); err != nil {
			notes = append(notes, fmt.Sprintf("the definitions of the database %s are not recorded, so upkeep drift will have nothing of now to compare with: %v", d.Component, err))
		}
	}
	return notes
}

func (in *Installation) recordOne(ctx context.Context, run, version string, d plan.Database) error {
	r := recordedStandard{At: time.Now().UTC(), Run: run, Version: version}
	db, err := in.databases.Open(ctx, d, "drift")
	if err == nil {
		r.Schema, err = db.Objects(ctx)
		_ = db.Close() // it only read
	}
	if err != nil {
		return errors.Join(err, absent(in.FS.Remove(in.standardPath(d.Component))))
	}
	return in.writeStandard(in.standardPath(d.Component), r)
}

func (in *Installation) writeStandard(path string, standard any) error {
	raw, err := json.Marshal(standard)
	if err != nil {
		return err
	}
	if err := in.FS.MkdirAll(in.standardsDir(), 0o700); err != nil {
		return err
	}
	return in.FS.WriteFile(path, append(raw, '\n'), 0o600)
}
