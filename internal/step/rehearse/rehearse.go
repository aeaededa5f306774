// Package rehearse is the verb `rehearse`: before anything is closed, the data
// are copied into a scratch database, and the run's migrations are carried out
// there, by the very handler that will do it. So it is known what would fail, and
// how long it takes. The product's own data are only read.
//
// It may import the model, internal/step, internal/database and
// internal/durable.
package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Open opens a product's database in the name of an operation.
type Open = func(ctx context.Context, db plan.Database, opID string) (database.Database, error)

// Scripts gives the content of scripts.
type Scripts interface {
	// Open gives a file of the bundle with that digest.
	Open(ctx context.Context, digest, name string) ([]byte, error)
	// Site gives the site's own text that runs in place of a vendor's script, by its
	// sum, from the installation's state folder.
	Site(ctx context.Context, state, sha256 string) ([]byte, error)
}

// Migrate makes the handler of the verb `migrate` that opens databases in that
// way.
type Migrate func(open Open) step.Handler

// Handler carries out the verb.
type Handler struct {
	fs      durable.FS
	open    Open
	scripts Scripts
	migrate Migrate
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(fsys durable.FS, open Open, s Scripts, m Migrate) *Handler {
	return &Handler{fsys, open, s, m}
}

// Prepare has nothing to remember: nothing is changed.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do rehearses. A migration that fails here would have failed in the outage.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	r, err := h.Rehearse(ctx, env, s)
	if err != nil {
		return err
	}
	for _, d := range r.Databases {
		for _, l := range d.Left {
			fmt.Fprintf(env.Log, "not rehearsed: %s: %s\n", l.Title, l.Why)
		}
		for _, m := range d.Steps {
			fmt.Fprintf(env.Log, "rehearsed on a copy of %s in %s: %s\n", d.Component, m.Took.Round(time.Millisecond), m.Title)
		}
	}
	if err := Keep(h.fs, env.State, r); err != nil {
		return err
	}
	if f := r.Failed(); f != nil {
		return &step.UserError{Msg: fmt.Sprintf("the migration fails on a copy of the data (%s)", f.Title), Err: errors.New(f.Error),
			Now: "nothing was closed and nothing was changed; report it to the vendor, with what is special about these data"}
	}
	return nil
}

// Undo has nothing to do.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe reads the result.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "a rehearsal has changed nothing"}, nil
	}
	r, err := Kept(h.fs, env.State)
	switch {
	case err != nil:
		return step.Observation{}, err
	case r.Run != env.Run || r.Step != s.ID:
		return step.Observation{State: step.Old, Evidence: "there is no result of this rehearsal"}, nil
	case r.Failed() != nil:
		return step.Observation{State: step.Old, Evidence: "the rehearsal has failed: " + r.Failed().Error}, nil
	}
	return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d migrations were carried out on copies of the data", len(r.Through()))}, nil
}

// Rehearse copies each database and carries its migrations out on the copy. An
// error is one of copying; what a migration says is in the result.
func (h *Handler) Rehearse(ctx context.Context, env step.Env, s plan.Step) (Result, error) {
	r := Result{Run: env.Run, Step: s.ID, At: time.Now().UTC()}
	p, err := step.Params[plan.RehearseParams](s)
	if err != nil {
		return r, err
	}
	for _, d := range p.Databases {
		done, err := h.rehearse(ctx, env, d)
		if err != nil {
			return r, err
		}
		r.Databases = append(r.Databases, done)
	}
	return r, nil
}

func (h *Handler) rehearse(ctx context.Context, env step.Env, d plan.Rehearsed) (done Database, err error) {
	done.Component = d.Component
	live, err := h.open(ctx, d.Database, env.OpID)
	if err != nil {
		return done, fmt.Errorf("cannot open the database of %s: %w", d.Component, err)
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	tell(env, "copying "+d.Component)
	began := time.Now()
	err = database.Copied(ctx, live, func(report database.Report, copied database.Database) error {
		done.Copied, done.Bytes, done.Rows = time.Since(began), report.Bytes, report.Fingerprint.RowCount()
		return h.steps(ctx, env, d, copied, &done)
	})
	if err != nil {
		return done, fmt.Errorf("cannot rehearse the migrations of %s on a copy: %w", d.Component, err)
	}
	return done, nil
}

// steps carries out one migration after the other, as far as they are sure to
// stay within the copy.
func (h *Handler) steps(ctx context.Context, env step.Env, d plan.Rehearsed, copied database.Database, done *Database) error {
	others, why, err := outside(ctx, copied)
	if err != nil {
		return err
	}
	handler := h.migrate(func(context.Context, plan.Database, string) (database.Database, error) { return lend(copied), nil })
	for _, s := range d.Steps {
		if why == "" {
			if why, err = h.leads(ctx, env, copied.Kind(), s, others); err != nil {
				return err
			}
		}
		if why != "" {
			done.Left = append(done.Left, plan.LeftOut{Step: s.ID, Title: s.Title, Why: why})
			continue
		}
		one := Step{ID: s.ID, Title: s.Title, Bundle: bundleOf(s)}
		err := one.carryOut(ctx, env, handler, s)
		if err == nil {
			err = one.statements(ctx, copied, s)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			one.Error = err.Error()
		}
		done.Steps = append(done.Steps, one)
		if err != nil {
			return nil
		}
	}
	return nil
}

// leads says why scripts of a step might leave the copy.
func (h *Handler) leads(ctx context.Context, env step.Env, kind string, s plan.Step, others []string) (string, error) {
	p, err := step.Params[plan.MigrateParams](s)
	if err != nil {
		return "", err
	}
	if p.Run != nil || len(p.Scripts) == 0 {
		return "it is a command", nil
	}
	if p.Native {
		return "it is for the server's own client", nil
	}
	for _, sc := range p.Scripts {
		text, err := h.scripts.Open(ctx, p.Bundle, sc.Name)
		if sc.Edited() { // what runs is the site's
			text, err = h.scripts.Site(ctx, env.State, sc.Review.SHA256)
		}
		if err != nil {
			return "", fmt.Errorf("cannot read the script %s: %w", sc.Name, err)
		}
		if marks, err := migration.ReadMarks(database.Script{Name: sc.Name, SQL: string(text)}); err != nil || marks.Native {
			return sc.Name + " is for the server's own client", err
		}
		if found := reaches(kind, string(text), others); found != "" {
			return sc.Name + ": " + found, nil
		}
	}
	return "", nil
}

func bundleOf(s plan.Step) string {
	p, err := step.Params[plan.MigrateParams](s)
	if err != nil {
		return ""
	}
	return p.Bundle
}

// carryOut does the step, and notes how long each script took.
func (one *Step) carryOut(ctx context.Context, env step.Env, h step.Handler, s plan.Step) error {
	began := time.Now()
	at := began
	name := ""
	next := func(script string) {
		now := time.Now()
		if name != "" {
			one.Scripts = append(one.Scripts, Script{Name: name, Took: now.Sub(at)})
		}
		at, name = now, script
	}
	show := env.Progress
	env.Log = io.Discard // it would read as if the data had been migrated
	env.Progress = func(p step.Progress) {
		if p.Unit == "scripts" && p.Item != name {
			next(p.Item)
		}
		if show != nil {
			p.Line = "on a copy: " + p.Line
			show(p)
		}
	}
	m, err := h.Prepare(ctx, env, s)
	if err == nil {
		err = h.Do(ctx, env, s, m)
	}
	next("")
	one.Took = time.Since(began)
	return err
}

// statements notes how long each statement took, by the copy's own journal.
func (one *Step) statements(ctx context.Context, copied database.Database, s plan.Step) error {
	p, err := step.Params[plan.MigrateParams](s)
	if err != nil {
		return err
	}
	j, err := migration.Read(ctx, copied)
	if err != nil {
		return err
	}
	for i, sc := range one.Scripts {
		for _, planned := range p.Scripts {
			if planned.Name == sc.Name {
				one.Scripts[i].SHA256 = strings.ToLower(planned.Runs())
			}
		}
		for _, r := range j.Of(sc.Name) {
			one.Scripts[i].Statements = append(one.Scripts[i].Statements, r.Took())
		}
	}
	return nil
}

// lent is a scratch database that whoever gets it does not remove.
type lent struct{ database.Database }

func (lent) Close() error { return nil }

// guarded is one on a server that cannot take statements back.
type guarded struct {
	lent
	by database.Guard
}

// Guard implements database.Guard.
func (g guarded) Guard(ctx context.Context, f func() error) error { return g.by.Guard(ctx, f) }

func lend(db database.Database) database.Database {
	if g, ok := db.(database.Guard); ok {
		return guarded{lent{db}, g}
	}
	return lent{db}
}

func tell(env step.Env, line string) {
	if env.Progress != nil {
		env.Progress(step.Progress{Line: line})
	}
}

// Result is what a rehearsal has shown.
type Result struct {
	Run       string     `json:"run,omitempty"` // empty: by itself
	Step      string     `json:"step,omitempty"`
	At        time.Time  `json:"at"`
	Databases []Database `json:"databases"`
}

// Database is one that was copied.
type Database struct {
	Component string         `json:"component"`
	Bytes     int64          `json:"bytes"` // of the dump
	Rows      int64          `json:"rows"`
	Copied    time.Duration  `json:"copied_ns"` // dumping, restoring, comparing
	Steps     []Step         `json:"steps,omitempty"`
	Left      []plan.LeftOut `json:"left,omitempty"`
}

// Step is one migration on the copy.
type Step struct {
	ID      string        `json:"id"`
	Bundle  string        `json:"bundle"` // digest of the one that the scripts are from
	Title   string        `json:"title"`
	Took    time.Duration `json:"took_ns"`
	Scripts []Script      `json:"scripts,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Script is one script of a migration.
type Script struct {
	Name       string          `json:"name"`
	SHA256     string          `json:"sha256,omitempty"` // of the text that was carried out
	Took       time.Duration   `json:"took_ns"`
	Statements []time.Duration `json:"statements_ns,omitempty"`
}

// Failed gives the migration that failed; nil: none.
func (r Result) Failed() *Step {
	for _, d := range r.Databases {
		for i := range d.Steps {
			if d.Steps[i].Error != "" {
				return &d.Steps[i]
			}
		}
	}
	return nil
}

// Through gives the migrations that went through.
func (r Result) Through() []Step {
	var out []Step
	for _, d := range r.Databases {
		for _, s := range d.Steps {
			if s.Error == "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// file is where the last result is kept, in the state folder.
const file = "rehearsal.json"

// Keep keeps a result, in the place of the one before.
func Keep(fsys durable.FS, state string, r Result) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(filepath.Join(state, file), raw, 0o600); err != nil {
		return fmt.Errorf("cannot keep the result of the rehearsal: %w", err)
	}
	return nil
}

// Kept gives the last result; an empty one where there is none.
func Kept(fsys durable.Reader, state string) (r Result, err error) {
	raw, err := fsys.ReadFile(filepath.Join(state, file))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("cannot read the result of the last rehearsal: %w", err)
	}
	return r, nil
}
