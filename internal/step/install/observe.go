package install

import (
	"context"
	"errors"
	"fmt"

	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Observe tells by the inodes of the roots which tree is live, and whether
// what is the site's went with it.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	m, err := open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	w, err := h.where(m)
	if err != nil {
		return step.Observation{}, err
	}
	was := oldTree
	if !m.Old.some() {
		was = nothing
	}
	see := func(state step.State, more string) (step.Observation, error) {
		return step.Observation{State: state, Evidence: w.evidence(m) + more}, nil
	}
	there := w.staging == was // where the replaced tree must be
	if m.Link {
		there = w.staging == newTree
	}
	switch {
	case w.live == newTree && w.aside == nothing && there:
		return h.seeNew(env, m, see)
	case w.live == was && w.aside == nothing && w.staging == newTree:
		return h.seeOld(m, see)
	case w.live == was && w.aside == nothing && env.Direction == step.Back:
		path, err := h.robbed(m)
		if err == nil && path != "" {
			return see(step.Foreign, fmt.Sprintf("; the kept %s was in it", path))
		}
		o, _ := see(step.Old, "; the staged tree is not there any more")
		return o, err
	case w.midway(m):
		return see(step.Mixed, ": the exchange was interrupted")
	}
	return see(step.Foreign, "")
}

type seer func(step.State, string) (step.Observation, error)

func (h *Handler) seeNew(env step.Env, m *memo, see seer) (step.Observation, error) {
	if len(m.Moves) == 0 {
		return see(step.New, "")
	}
	marked, err := files.Marked(h.fs, m.newRoot(true))
	if err != nil {
		return step.Observation{}, err
	}
	if marked {
		return see(step.Mixed, "; the kept paths are in it, but it is not settled")
	}
	if env.Direction == step.Forward {
		lost, err := h.lost(m)
		if err != nil {
			return step.Observation{}, err
		}
		if lost != "" {
			return see(step.Foreign, fmt.Sprintf("; the kept %s is missing in it", lost))
		}
	}
	return see(step.New, fmt.Sprintf("; the kept paths are in it (%d)", m.kept()))
}

func (h *Handler) seeOld(m *memo, see seer) (step.Observation, error) {
	home, err := h.home(m)
	if errors.Is(err, files.ErrCarry) {
		return see(step.Foreign, "; "+err.Error())
	}
	if err != nil {
		return step.Observation{}, err
	}
	if !home {
		return see(step.Mixed, "; some of the kept paths are in the staged tree")
	}
	left, err := h.copiesLeft(m)
	if err != nil {
		return step.Observation{}, err
	}
	if left != "" {
		return see(step.Mixed, fmt.Sprintf("; the copy %s of an edited file is in the staged tree", left))
	}
	return see(step.Old, "")
}

// midway: the three renames that stand for an exchange were interrupted. In
// each such state both trees are somewhere.
func (w whereabouts) midway(m *memo) bool {
	if m.Link || !m.Old.some() {
		return false
	}
	count := map[who]int{w.live: 1}
	count[w.staging]++
	count[w.aside]++
	return count[oldTree] == 1 && count[newTree] == 1 && count[nothing] == 1
}

// kept counts the paths that are carried over.
func (m *memo) kept() int {
	n := 0
	for _, v := range m.Moves {
		if !m.ships(files.Move{From: v.From.path()}) {
			n++
		}
	}
	return n
}
