package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Record is what is known of a program of a step after any crash. That it was
// begun is durable before it starts, how it ended right after it has.
type Record struct {
	Begun time.Time     `json:"begun"`
	Boot  string        `json:"boot,omitempty"` // of the computer, when it was begun
	Ended bool          `json:"ended,omitempty"`
	Exit  int           `json:"exit"`          // valid once ended; -1: by a signal, a time limit, or not started
	Why   string        `json:"why,omitempty"` // it failed
	Took  time.Duration `json:"took,omitempty"`
}

// OK says that it ended, and well.
func (r *Record) OK() bool { return r != nil && r.Ended && r.Why == "" }

// Failed says that it ended, and badly.
func (r *Record) Failed() bool { return r != nil && r.Ended && r.Why != "" }

// Interrupted says that it was begun and how it ended is not known.
func (r *Record) Interrupted() bool { return r != nil && !r.Ended }

// Cut says that the computer has stopped while it ran: of what it had written
// and not synced anything may be missing, whatever else is there.
func (r Runner) Cut(rec *Record) bool {
	return rec.Interrupted() && rec.Boot != "" && r.Boot != "" && rec.Boot != r.Boot
}

// Records are the files <run>/results/<step>.<direction>[.<part>].json.
type Records struct{ FS durable.FS }

func (r Records) path(env step.Env, s plan.Step, d step.Direction, part string) string {
	if part != "" {
		part = "." + part
	}
	return filepath.Join(env.Dir, "results", url.PathEscape(s.ID)+"."+string(d)+part+".json")
}

// Read gives the record of a step's program; nil when it was never begun. Part
// tells several programs of one step apart.
func (r Records) Read(env step.Env, s plan.Step, d step.Direction, part string) (*Record, error) {
	b, err := r.FS.ReadFile(r.path(env, s, d, part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	rec := &Record{}
	if err == nil {
		err = json.Unmarshal(b, rec)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell what became of %s: %w", s.ID, err)
	}
	return rec, nil
}

// Write makes a record durable.
func (r Records) Write(env step.Env, s plan.Step, d step.Direction, part string, rec Record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	path := r.path(env, s, d, part)
	if err = r.FS.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		err = r.FS.WriteFile(path, append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot record %s: %w", s.ID, err)
	}
	return nil
}

// Forget removes a record, durably.
func (r Records) Forget(env step.Env, s plan.Step, d step.Direction, part string) error {
	if err := r.FS.Remove(r.path(env, s, d, part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot forget what became of %s: %w", s.ID, err)
	}
	return nil
}

// Forgotten makes of what the way back observes a step that is not old yet while
// a record of it is left: it would count as done where the run goes forward
// from before it once more.
func (r Records) Forgotten(env step.Env, s plan.Step, o step.Observation, parts ...string) (step.Observation, error) {
	for _, part := range parts {
		rec, err := r.Read(env, s, step.Forward, part)
		if err != nil {
			return step.Observation{}, err
		}
		if rec != nil && o.State == step.Old {
			return step.Observation{State: step.Mixed, Evidence: o.Evidence + ", and it still counts as begun"}, nil
		}
	}
	return o, nil
}

// Records gives the runner's records.
func (r Runner) Records() Records { return Records{r.FS} }

// Recorded runs a program with its record. When it was cut off because a
// person decided or the engine ends, the record stays as begun.
func (r Runner) Recorded(ctx context.Context, env step.Env, s plan.Step, part string, c Call) error {
	rec := Record{Begun: time.Now().UTC(), Boot: r.Boot}
	if err := r.Records().Write(env, s, env.Direction, part, rec); err != nil {
		return err
	}
	res, err := r.Run(ctx, env, s, c)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	rec.Ended, rec.Exit, rec.Took = true, res.ExitCode, res.Duration
	if err != nil {
		rec.Why = cause(err)
	}
	return errors.Join(err, r.Records().Write(env, s, env.Direction, part, rec))
}

// cause is the first line of what went wrong.
func cause(err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.short()
	}
	return firstLine(err.Error())
}
