// Package hooks is the verb `hooks`: the scripts of one folder at one phase,
// in the order of the plan.
//
// What was approved is what runs: each file is opened once, its owner and
// mode and those of every folder above are checked, its content is compared
// with the plan's sum through that descriptor, and that very content is
// executed. Each has its own time limit and its own record: after a crash the
// finished ones do not run again.
//
// It may import the model, internal/step, internal/step/run and its
// sub-packages.
package hooks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run"
	"upkeep/internal/step/run/child"
)

// Handler carries out `hooks` steps.
type Handler struct{ effect run.Effect }

var _ step.Handler = (*Handler)(nil)

// New makes the handler.
func New(r child.Runner, p *probe.Evaluator) *Handler {
	return &Handler{run.Effect{Runner: r, Probes: p}}
}

// Prepare implements step.Handler. It refuses, before anything has happened,
// what Do would refuse.
func (h *Handler) Prepare(_ context.Context, _ step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.HooksParams](s)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Files {
		file, err := open(f.Path, s.As)
		if err != nil {
			return nil, err
		}
		file.Close()
	}
	return step.Memo("{}"), nil
}

// Do implements step.Handler. A hook that has ended well is not run again.
// Where failures are only warnings, one that fails does not stop the others.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.HooksParams](s)
	if err != nil {
		return err
	}
	if err := h.effect.Records().Forget(env, s, step.Back, ""); err != nil {
		return err
	}
	var failed []error
	for i, f := range p.Files {
		rec, err := h.effect.Records().Read(env, s, step.Forward, part(i))
		if err != nil {
			return err
		}
		if rec.OK() {
			child.Log(env, "%s has run already", f.Path)
			continue
		}
		child.Progress(env, step.Progress{Done: int64(i), Total: int64(len(p.Files)), Unit: "scripts", Line: filepath.Base(f.Path)})
		err = h.one(ctx, env, s, p, i)
		switch {
		case err != nil && ctx.Err() != nil, err != nil && !s.Tolerated:
			return err
		case err != nil:
			child.Log(env, "%v", err)
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (h *Handler) one(ctx context.Context, env step.Env, s plan.Step, p *plan.HooksParams, i int) error {
	f := p.Files[i]
	file, err := open(f.Path, s.As)
	if err != nil {
		return err
	}
	defer file.Close()
	child.Log(env, "%s hook %s", f.By, f.Path)
	s.Title = fmt.Sprintf("run the %s hook %s", f.By, f.Path)
	return h.effect.Recorded(ctx, env, s, part(i), child.Call{
		RunParams: plan.RunParams{Args: []string{f.Path}, Env: p.Env, As: s.As, OutputMax: p.OutputMax},
		// it runs from an open descriptor, so that its $0 does not tell its name
		With: append(outcome(env, s), "UPKEEP_HOOK="+f.Path), Within: p.Within, File: file, SHA256: f.SHA256,
	})
}

func part(i int) string { return strconv.Itoa(i + 1) }

// parts are those of all the scripts.
func parts(p *plan.HooksParams) []string {
	var out []string
	for i := range p.Files {
		out = append(out, part(i))
	}
	return out
}

// landing is the prefix of the steps that open a milestone.
var landing = regexp.MustCompile(`^m[0-9]+\.`)

// outcome tells the hooks behind the barrier, and those on the way back, how
// the run ends.
func outcome(env step.Env, s plan.Step) []string {
	word := ""
	switch {
	case env.Direction == step.Back, s.Phase == "back":
		word = "old"
	case !slices.Contains([]string{"reopen", "end-of-run", "rollout", "clean-up"}, s.Phase):
		return nil
	case landing.MatchString(s.ID):
		word = "milestone"
	default:
		word = "new"
	}
	return []string{"UPKEEP_OUTCOME=" + word}
}

// Undo implements step.Handler.
func (h *Handler) Undo(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.HooksParams](s)
	if err != nil {
		return err
	}
	records := h.effect.Records()
	if p.Undo != nil && s.Undo == "action" {
		begun, err := h.begun(env, s, p)
		if err != nil || begun == 0 {
			return err
		}
		rec, err := records.Read(env, s, step.Back, "")
		if err != nil {
			return err
		}
		if !rec.OK() {
			if err := h.effect.Recorded(ctx, env, s, "", child.Call{RunParams: *p.Undo, With: outcome(env, s)}); err != nil {
				return err
			}
			if err := h.effect.Settle(ctx, env, s, p.Undo.Verify); err != nil {
				return err
			}
		}
	}
	for i := len(p.Files) - 1; i >= 0; i-- {
		if err := records.Forget(env, s, step.Forward, part(i)); err != nil {
			return err
		}
	}
	return nil
}

// begun counts the hooks that were begun and not taken back.
func (h *Handler) begun(env step.Env, s plan.Step, p *plan.HooksParams) (n int, err error) {
	for i := range p.Files {
		rec, err := h.effect.Records().Read(env, s, step.Forward, part(i))
		if err != nil {
			return 0, err
		}
		if rec != nil {
			n++
		}
	}
	return n, nil
}

// Observe implements step.Handler.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, _ step.Memo) (step.Observation, error) {
	p, err := step.Params[plan.HooksParams](s)
	if err != nil {
		return step.Observation{}, err
	}
	if env.Direction == step.Back {
		return h.observeBack(env, s, p)
	}
	var ok, failed, interrupted []string
	for i, f := range p.Files {
		rec, err := h.effect.Records().Read(env, s, step.Forward, part(i))
		if err != nil {
			return step.Observation{}, err
		}
		name := filepath.Base(f.Path)
		switch {
		case rec.OK():
			ok = append(ok, name)
		case rec.Failed():
			failed = append(failed, rec.Why)
		case rec.Interrupted():
			interrupted = append(interrupted, name)
		}
	}
	switch {
	case len(interrupted) > 0:
		return step.Observation{State: step.Unknown, Evidence: strings.Join(interrupted, ", ") + " was interrupted"}, nil
	case len(failed) > 0 && !s.Redo && !s.Tolerated:
		// run again by itself it could do harm; a person decides
		return step.Observation{State: step.Unknown, Evidence: strings.Join(failed, ", ")}, nil
	case len(failed) > 0:
		return step.Observation{State: step.Mixed, Evidence: strings.Join(failed, ", ")}, nil
	case len(ok) == len(p.Files):
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d of %d scripts have ended with exit code 0", len(ok), len(p.Files))}, nil
	case len(ok) > 0:
		return step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%d of %d scripts have ended with exit code 0", len(ok), len(p.Files))}, nil
	}
	return step.Observation{State: step.Old, Evidence: "no script was begun"}, nil
}

func (h *Handler) observeBack(env step.Env, s plan.Step, p *plan.HooksParams) (step.Observation, error) {
	if p.Undo == nil || s.Undo != "action" {
		return h.effect.Records().Forgotten(env, s, run.Nothing(s), parts(p)...)
	}
	begun, err := h.begun(env, s, p)
	if err != nil {
		return step.Observation{}, err
	}
	if begun == 0 {
		return step.Observation{State: step.Old, Evidence: "no script is begun, or all are taken back"}, nil
	}
	rec, err := h.effect.Records().Read(env, s, step.Back, "")
	switch {
	case err != nil:
		return step.Observation{}, err
	case rec.OK():
		return h.effect.Records().Forgotten(env, s, step.Observation{State: step.Old, Evidence: "what takes them back ended with exit code 0"}, parts(p)...)
	case rec.Failed():
		return step.Observation{State: step.Mixed, Evidence: rec.Why}, nil
	case rec.Interrupted():
		return step.Observation{State: step.Unknown, Evidence: "what takes them back was interrupted"}, nil
	}
	return step.Observation{State: step.New, Evidence: "what takes them back was not begun"}, nil
}
