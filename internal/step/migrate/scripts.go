package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
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
	journal *migration.Journal
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
	if w.journal, err = migration.Read(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot tell which scripts were applied to %s: %w", p.Component, err), db.Close())
	}
	return w, nil
}

// changed refuses a script that was applied with another content: the data may
// be in a state that nobody has tried.
func (w *work) changed() error {
	for _, sc := range w.scripts {
		if a, ok := w.journal.Find(sc.Name); ok && !strings.EqualFold(a.SHA256, sc.SHA256) {
			return &step.UserError{Msg: fmt.Sprintf("script %s was applied before with another content (sha256 %.12s then, %.12s in this release)", sc.Name, a.SHA256, sc.SHA256),
				Now: "ask the vendor: a script that was published must not change, a new one needs a new name. Where the vendor says that what was applied is as good: upkeep migrations repair"}
		}
	}
	return nil
}

// done are the names of this step's scripts that are applied.
func (w *work) done() []string {
	out := []string{}
	for _, sc := range w.scripts {
		if _, ok := w.journal.Find(sc.Name); ok {
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
		script, err := h.script(ctx, env, p, sc)
		if err == nil {
			err = script.Check(w.db.Kind())
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(memo{w.done()})
}

// script reads a script and compares it with the sum of the plan.
func (h *Handler) script(ctx context.Context, env step.Env, p *plan.MigrateParams, sc plan.Script) (migration.Script, error) {
	out := migration.Script{SHA256: sc.SHA256}
	want, now := sc.SHA256, "fetch the release again and make a new plan"
	b, err := h.scripts.Open(ctx, p.Bundle, sc.Name)
	if sc.Edited() {
		want, now = sc.Review.SHA256, "edit it again with upkeep review, and make a new plan"
		b, err = h.scripts.Site(ctx, env.State, want)
	}
	if err != nil {
		return out, fmt.Errorf("cannot read the script %s: %w", sc.Name, err)
	}
	if sum := sha256.Sum256(b); !strings.EqualFold(hex.EncodeToString(sum[:]), want) {
		return out, &step.UserError{Msg: fmt.Sprintf("script %s is not the one of the plan (sha256 is %.12s, planned was %.12s)", sc.Name, hex.EncodeToString(sum[:]), want), Now: now}
	}
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if !utf8.Valid(b) {
		return out, fmt.Errorf("cannot apply the script %s: it is not UTF-8", sc.Name)
	}
	out.Script = database.Script{Name: sc.Name, SQL: string(b)}
	if out.Marks, err = migration.ReadMarks(out.Script); err != nil {
		return out, err
	}
	out.Native = out.Native || p.Native
	return out, nil
}

// limits bound statements by what the step has left, and the wait for a lock by
// a part of it: the product is stopped, so what holds a lock is no user's.
func limits(ctx context.Context) database.Limits {
	var l database.Limits
	if end, ok := ctx.Deadline(); ok {
		l.Statement = max(time.Until(end), time.Second)
		l.Lock = min(max(l.Statement/10, time.Second), 5*time.Minute)
	}
	return l
}

// apply applies what is not applied yet, in order.
func (h *Handler) apply(ctx context.Context, env step.Env, s plan.Step, p *plan.MigrateParams) (err error) {
	w, err := h.begin(ctx, env, s, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.db.Close()) }()
	if err := w.changed(); err != nil {
		return err
	}
	paces := h.paces(env.State, w, p)
	for i, sc := range p.Scripts {
		if _, ok := w.journal.Find(sc.Name); ok {
			child.Log(env, "%s is applied already", sc.Name)
			continue
		}
		script, err := h.script(ctx, env, p, sc)
		if err != nil {
			return err
		}
		if done, err := site(ctx, env, w.db, sc, script); err != nil || done {
			if err != nil {
				return fmt.Errorf("cannot record what the site has decided of %s: %w", sc.Name, err)
			}
			continue
		}
		r := migration.Runner{DB: w.db, Limits: limits(ctx), Say: func(line string) { child.Log(env, "%s", line) },
			Watch: func(ctx context.Context) (database.Database, error) { return h.open(ctx, *p.DB, env.OpID) },
			Native: func(ctx context.Context, c database.Client, script io.Reader) error {
				_, err := h.effect.Run(ctx, env, s, child.Call{RunParams: plan.RunParams{Args: c.Args, Env: c.Env}, Stdin: script})
				return err
			},
			At: shown(env, sc.Name, i, len(p.Scripts), paces)}
		began := time.Now()
		if err := r.Apply(ctx, script); err != nil {
			return h.unapplied(ctx, s, script, i, len(p.Scripts), err)
		}
		child.Log(env, "%s applied in %s", sc.Name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// shown tells who watches which statement of which script is under way. A line
// without a number is about the same one.
func shown(env step.Env, name string, i, all int, paces []Pace) func(n, of int, line string) {
	last, end := 0, time.Time{}
	return func(n, of int, line string) {
		if n == 0 {
			n = last
		} else {
			end = until(paces, i, n, of, time.Now())
		}
		last = n
		where := fmt.Sprintf("script %d of %d", i+1, all)
		if of > 1 {
			where += fmt.Sprintf(", statement %d of %d", n, of)
		}
		child.Progress(env, step.Progress{Done: int64(i), Total: int64(all), Unit: "scripts", Item: name, Line: where + ": " + line, Until: end})
	}
}

// unapplied words why a script was not applied, and what it has left.
func (h *Handler) unapplied(ctx context.Context, s plan.Step, script migration.Script, i, all int, err error) error {
	var failed *migration.FailedError
	var changed *migration.ChangedError
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &changed):
		return &step.UserError{Msg: "cannot " + s.Title, Err: err, Now: "ask the vendor: what was carried out of a script must not change"}
	case !errors.As(err, &failed):
		return &step.UserError{Msg: fmt.Sprintf("cannot %s: script %d of %d was not begun", s.Title, i+1, all), Err: err}
	}
	left := "left nothing behind"
	if failed.Left {
		left = fmt.Sprintf("stopped at its statement %d: those before it have taken effect", failed.N)
	}
	now := "report it to the vendor"
	if errors.Is(err, database.ErrInUse) {
		now = "the log says who held the lock: end that session, or report it to the vendor"
	}
	return &step.UserError{Msg: fmt.Sprintf("cannot %s: script %d of %d failed and %s", s.Title, i+1, all, left), Err: err, Now: now}
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
		return o, nil
	}
	begun, err := h.begun(ctx, env, w, p, &o)
	if err == nil && !begun && o.State == step.Mixed && slices.Equal(done, m.Before) {
		o.State = step.Old
	}
	return o, err
}

// begun looks at the script that comes next: it may be there in part.
func (h *Handler) begun(ctx context.Context, env step.Env, w *work, p *plan.MigrateParams, o *step.Observation) (bool, error) {
	for _, sc := range p.Scripts {
		if _, ok := w.journal.Find(sc.Name); ok {
			continue
		}
		script, err := h.script(ctx, env, p, sc)
		if err != nil {
			return false, err
		}
		st, err := migration.Progress(ctx, w.db, w.journal, script)
		var changed *migration.ChangedError
		switch {
		case errors.As(err, &changed):
			o.State, o.Evidence = step.Foreign, err.Error()
			return true, nil
		case err != nil:
			return false, err
		case st.Unclear != "":
			o.State, o.Evidence = step.Unknown, st.Unclear
		case st.Begun():
			o.Evidence += fmt.Sprintf(", and %d of %d statements of %s", st.Done, st.Of, sc.Name)
		}
		return st.Begun(), nil
	}
	return false, nil
}
