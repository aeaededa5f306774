package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Observe goes by names: a tree gets its own only when it is complete. It is
// compared by names and sizes with the bundle's sums, too, since it may lie
// there for long before it is installed.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, m step.Memo) (step.Observation, error) {
	p, at, was, err := h.open(env, s, m)
	if err != nil {
		return step.Observation{}, err
	}
	there := map[string]bool{}
	for _, path := range []string{at.staging, at.partial, at.note} {
		_, err := h.fs.Lstat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return step.Observation{}, err
		}
		there[path] = err == nil
	}
	switch {
	case there[at.partial]:
		return step.Observation{State: step.Mixed, Evidence: at.partial + " is there: it was not unpacked, or not removed, to its end"}, nil
	case there[at.staging]:
		return h.complete(ctx, env, p, at)
	case there[at.note]:
		return step.Observation{State: step.Mixed, Evidence: at.staging + " is gone, but the note of it is there"}, nil
	}
	empty, err := h.emptyParent(at, was)
	if err != nil {
		return step.Observation{}, err
	}
	if empty {
		return step.Observation{State: step.Mixed, Evidence: at.parent + " is there, and empty"}, nil
	}
	return step.Observation{State: step.Old, Evidence: "there is no " + at.staging}, nil
}

func (h *Handler) complete(ctx context.Context, env step.Env, p *plan.StageParams, at places) (step.Observation, error) {
	if env.Direction == step.Back { // it is to go, whatever is in it
		return step.Observation{State: step.New, Evidence: at.staging + " is there"}, nil
	}
	payload, want, err := h.bundles.Payload(ctx, p.Bundle, p.Payload, p.Sums)
	if err != nil {
		return step.Observation{}, fmt.Errorf("cannot compare %s with its bundle: %w", at.staging, err)
	}
	_ = payload.Close()
	have, err := files.Scan(ctx, h.fs, at.staging, files.Options{})
	if err != nil {
		return step.Observation{}, err
	}
	if why := lacks(want, have); why != "" {
		return step.Observation{State: step.Mixed, Evidence: at.staging + " is not what was unpacked: " + why}, nil
	}
	return step.Observation{State: step.New, Evidence: fmt.Sprintf("%s holds all %d files, verified when they were unpacked", at.staging, len(want.Sums()))}, nil
}

// lacks says what is not as the sums want it; empty when all is there. Sizes
// count where the sums are a manifest.
func lacks(want, have files.Tree) string {
	sized := want.Bytes() > 0
	for _, w := range want.Entries {
		if w.Type != files.File {
			continue
		}
		switch h, ok := have.Find(w.Path); {
		case !ok:
			return w.Path + " is missing"
		case h.Type != files.File:
			return fmt.Sprintf("%s is a %s", w.Path, h.Type)
		case sized && h.Size != w.Size:
			return fmt.Sprintf("%s has %d bytes, not %d", w.Path, h.Size, w.Size)
		}
	}
	for _, e := range have.Entries {
		if _, ok := want.Find(e.Path); !ok && e.Type == files.File {
			return e.Path + " does not belong there"
		}
	}
	return ""
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}
