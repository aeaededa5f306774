package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Contracts is what became of scripts that wait after the run.
type Contracts struct {
	Release string    `json:"release"`
	Done    []string  `json:"done"`
	Waiting []Waiting `json:"waiting,omitempty"`
}

// Waiting is a folder of scripts whose time has not come.
type Waiting struct {
	Component string    `json:"component"`
	Scripts   string    `json:"scripts"`
	Until     time.Time `json:"until"`
}

// CarryOutContracts carries out the scripts of the installed release that have
// waited long enough after the run. It is refused while a run is open. What
// they take away comes back only by a restore point. Killed in between it is
// given again: what is applied is not applied twice.
func (in *Installation) CarryOutContracts(ctx context.Context, by string, say func(string)) (*Contracts, error) {
	r, sets, done, err := in.sets(ctx, "")
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := in.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer l.release()
	if err := in.quiet(ctx); err != nil {
		return nil, err
	}
	out := &Contracts{Release: r.Release.Version, Done: []string{}}
	for _, s := range sets {
		if !s.Contract || s.Step.Soak == 0 {
			continue
		}
		list, err := in.statuses(ctx, s)
		if err != nil {
			return out, err
		}
		due, known := in.due(ctx, r, s.Step.Soak)
		var left []string
		for _, st := range list {
			if st.Applied == nil {
				left = append(left, st.Script)
			}
		}
		switch {
		case len(left) == 0:
			continue
		case !known:
			return out, &RefusedError{What: "nothing is carried out", Reasons: []string{"no run has installed " + r.Release.Version + ", so it is not known since when it is in use"}}
		case time.Now().Before(due):
			out.Waiting = append(out.Waiting, Waiting{s.Unit, s.Step.Scripts, due})
			continue
		}
		say(fmt.Sprintf("%d scripts of %s for %s", len(left), s.Step.Scripts, s.Unit))
		if err := in.contract(ctx, by, s); err != nil {
			return out, err
		}
		out.Done = append(out.Done, left...)
	}
	return out, nil
}

// contract carries a set out by the handler of the verb migrate. The lock is held.
func (in *Installation) contract(ctx context.Context, by string, s scriptSet) error {
	if err := in.contractReviewed(ctx, &s); err != nil {
		return err
	}
	raw, err := json.Marshal(plan.MigrateParams{Component: s.Unit, DB: s.DB, Bundle: s.release.Bundle.Digest(), Scripts: s.Scripts, Native: s.Step.Client == "native"})
	if err != nil {
		return err
	}
	st := plan.Step{ID: "contract." + s.Unit, Verb: "migrate", Phase: string(manifest.EndOfRun), Class: plan.Irreversible, Params: raw, Deadline: 6 * time.Hour,
		Title: fmt.Sprintf("take away what %s no longer needs of %s", s.release.Release.Version, s.Unit)}
	if s.Step.Within > 0 {
		st.Deadline = s.Step.Within
	}
	ctx, cancel := context.WithTimeoutCause(ctx, st.Deadline, fmt.Errorf("it took longer than %s", st.Deadline))
	defer cancel()
	var log bytes.Buffer
	env := step.Env{OpID: fmt.Sprintf("contract/%s/%d", s.Unit, os.Getpid()), Direction: step.Forward, Dir: in.State, State: in.State, Log: &log, Opened: time.Now()}
	journal := filepath.Join(in.State, "migrations.log")
	in.note(journal, by, "contract", "begun: "+st.Title)
	h := in.handlers()["migrate"]
	m, err := h.Prepare(ctx, env, st)
	if err == nil {
		err = h.Do(ctx, env, st, m)
	}
	if err == nil {
		var o step.Observation
		if o, err = h.Observe(ctx, env, st, m); err == nil && o.State != step.New {
			err = &step.UserError{Msg: "cannot " + st.Title + ": nothing failed, but " + o.Evidence}
		}
	}
	if err != nil {
		in.note(journal, by, "contract", "failed: "+err.Error()+"; "+log.String())
		return err
	}
	in.note(journal, by, "contract", "done: "+log.String())
	return nil
}
