package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"upkeep/internal/database"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// memo names the scripts of the step that were applied before it: by an
// earlier release that brought the same ones.
type memo struct {
	Before []string `json:"before"`
}

// work is a step's scripts with the database that they belong to.
type work struct {
	db      database.Database
	scripts []plan.Script
	applied map[string]string // name to sum, all that the database has
}

// begin opens the database and reads what was applied. Close the database.
func (h *Handler) begin(ctx context.Context, env step.Env, s plan.Step, p *plan.MigrateParams) (*work, error) {
	if p.DB == nil {
		return nil, fmt.Errorf("cannot carry out %s: it has scripts and no database", s.ID)
	}
	db, err := h.open(ctx, *p.DB, env.OpID)
	if err != nil {
		return nil, fmt.Errorf("cannot open the database of %s: %w", p.Component, err)
	}
	w := &work{db: db, scripts: p.Scripts}
	if w.applied, err = applied(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot tell which scripts were applied to %s: %w", p.Component, err), db.Close())
	}
	return w, nil
}

// changed refuses a script that was applied with another content: the data may
// be in a state that nobody has tried.
func (w *work) changed() error {
	for _, sc := range w.scripts {
		if sum, ok := w.applied[sc.Name]; ok && !strings.EqualFold(sum, sc.SHA256) {
			return &step.UserError{Msg: fmt.Sprintf("script %s was applied before with another content (sha256 %.12s then, %.12s in this release)", sc.Name, sum, sc.SHA256),
				Now: "ask the vendor: a script that was published must not change, a new one needs a new name"}
		}
	}
	return nil
}

// done are the names of this step's scripts that are applied.
func (w *work) done() []string {
	out := []string{}
	for _, sc := range w.scripts {
		if _, ok := w.applied[sc.Name]; ok {
			out = append(out, sc.Name)
		}
	}
	return out
}

func (h *Handler) prepareScripts(ctx context.Context, env step.Env, s plan.Step, p *plan.MigrateParams) (_ step.Memo, err error) {
	w, err := h.begin(ctx, env, s, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.db.Close()) }()
	if err := w.changed(); err != nil {
		return nil, err
	}
	for _, sc := range p.Scripts {
		text, err := h.text(ctx, p.Bundle, sc)
		if err == nil {
			err = database.Script{Name: sc.Name, SQL: text}.Check(dialect(w.db))
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(memo{w.done()})
}

func dialect(db database.Database) database.Dialect {
	switch db.Kind() {
	case "sqlite":
		return database.SQLite
	case "mariadb":
		return database.MariaDB
	}
	return database.Postgres
}

// text reads a script and compares it with the sum of the plan.
func (h *Handler) text(ctx context.Context, bundle string, sc plan.Script) (string, error) {
	if strings.ContainsAny(sc.Name, "'\\\x00\n\t") {
		return "", fmt.Errorf("cannot apply a script with the name %q", sc.Name)
	}
	b, err := h.scripts.Open(ctx, bundle, sc.Name)
	if err != nil {
		return "", fmt.Errorf("cannot read the script %s: %w", sc.Name, err)
	}
	if sum := sha256.Sum256(b); !strings.EqualFold(hex.EncodeToString(sum[:]), sc.SHA256) {
		return "", &step.UserError{Msg: fmt.Sprintf("script %s is not the one of the plan (sha256 is %.12s, planned was %.12s)", sc.Name, hex.EncodeToString(sum[:]), sc.SHA256),
			Now: "fetch the release again and make a new plan"}
	}
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if !utf8.Valid(b) {
		return "", fmt.Errorf("cannot apply the script %s: it is not UTF-8", sc.Name)
	}
	return string(b), nil
}

// apply applies what is not applied yet, in order, each script in one
// transaction together with the note that it is applied.
func (h *Handler) apply(ctx context.Context, env step.Env, s plan.Step, p *plan.MigrateParams) (err error) {
	w, err := h.begin(ctx, env, s, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.db.Close()) }()
	if err := w.changed(); err != nil {
		return err
	}
	for i, sc := range p.Scripts {
		child.Progress(env, step.Progress{Done: int64(i), Total: int64(len(p.Scripts)), Unit: "scripts", Line: sc.Name})
		if _, ok := w.applied[sc.Name]; ok {
			child.Log(env, "%s is applied already", sc.Name)
			continue
		}
		text, err := h.text(ctx, p.Bundle, sc)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := w.db.Apply(ctx, database.Script{Name: sc.Name, SQL: w.note(sc) + text}); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return &step.UserError{Msg: fmt.Sprintf("cannot %s: script %d of %d failed and left nothing behind", s.Title, i+1, len(p.Scripts)), Err: err,
				Now: "report it to the vendor"}
		}
		w.applied[sc.Name] = sc.SHA256
		child.Log(env, "%s applied in %s", sc.Name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (h *Handler) observeScripts(ctx context.Context, env step.Env, s plan.Step, p *plan.MigrateParams, raw step.Memo) (_ step.Observation, err error) {
	var m memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return step.Observation{}, fmt.Errorf("cannot read the memo of %s: %w", s.ID, err)
	}
	w, err := h.begin(ctx, env, s, p)
	if err != nil {
		return step.Observation{}, err
	}
	defer func() { err = errors.Join(err, w.db.Close()) }()
	done := w.done()
	o := step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%d of %d scripts are applied", len(done), len(p.Scripts))}
	if err := w.changed(); err != nil {
		return step.Observation{State: step.Foreign, Evidence: err.Error()}, nil
	}
	switch {
	case len(done) == len(p.Scripts):
		if p.Version == nil {
			o.State = step.New
			return o, nil
		}
		v, err := h.effect.Probes.For(env.OpID).Check(ctx, *p.Version)
		if err != nil {
			return step.Observation{}, err
		}
		o.Evidence += fmt.Sprintf(", and the version reads %s, wanted is %s", v.Got, v.Want)
		if v.OK {
			o.State = step.New
		}
	case slices.Equal(done, m.Before):
		o.State = step.Old
	}
	return o, nil
}
