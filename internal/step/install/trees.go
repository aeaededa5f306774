package install

import (
	"errors"
	"fmt"
	"io/fs"

	"upkeep/internal/durable"
)

// who is the tree that is found at a path.
type who string

const (
	nothing who = "nothing"
	oldTree who = "the old tree"
	newTree who = "the new tree"
	other   who = "something else"
)

// whereabouts tells which tree is where. aside is used only where three
// renames stand for the exchange.
type whereabouts struct{ live, staging, aside who }

func (m *memo) aside() string { return m.Staging.path() + ".aside" }

func (h *Handler) where(m *memo) (w whereabouts, err error) {
	if w.staging, err = h.who(m, m.Staging.path()); err != nil {
		return w, err
	}
	if m.Link {
		w.aside = nothing
		w.live, err = h.target(m)
		return w, err
	}
	if w.live, err = h.who(m, m.At.path()); err != nil {
		return w, err
	}
	w.aside, err = h.who(m, m.aside())
	return w, err
}

func (h *Handler) who(m *memo, path string) (who, error) {
	i, err := h.fs.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil
	case err != nil:
		return "", err
	case m.New.is(identityOf(i)):
		return newTree, nil
	case m.Old.some() && m.Old.is(identityOf(i)):
		return oldTree, nil
	}
	return other, nil
}

// target tells which tree the link leads to.
func (h *Handler) target(m *memo) (who, error) {
	i, err := h.fs.Lstat(m.At.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil
	case err != nil:
		return "", err
	case !i.IsLink():
		return other, nil
	}
	target, err := h.fs.Readlink(m.At.path())
	switch {
	case err != nil:
		return "", err
	case target == m.NewTarget.path():
		return newTree, nil
	case target == m.OldTarget.path():
		return oldTree, nil
	}
	return other, nil
}

// turn makes the wanted tree the live one, from wherever a crash has left
// both; the other one ends in staging.
func (h *Handler) turn(m *memo, want who) error {
	if m.Link {
		return h.turnLink(m, want)
	}
	if want == oldTree && !m.Old.some() {
		want = nothing
	}
	const most = 5 // three renames stand for an exchange; one more tells that all is done
	for range most {
		w, err := h.where(m)
		if err != nil {
			return err
		}
		done, err := h.rename(m, w, want)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("cannot exchange %s and %s: they do not come to rest", m.At.path(), m.Staging.path())
}

// rename does what comes next.
func (h *Handler) rename(m *memo, w whereabouts, want who) (done bool, err error) {
	at, staging, aside := m.At.path(), m.Staging.path(), m.aside()
	second := oldTree
	if want != newTree {
		second = newTree
	}
	switch {
	case w.live == want && w.aside == nothing:
		return true, nil
	case want == nothing && w.live == newTree && w.staging == nothing:
		return false, h.fs.Rename(at, staging)
	case w.live == want && w.aside == second && w.staging == nothing:
		return false, h.fs.Rename(aside, staging)
	case w.live == second && w.staging == want:
		err := h.fs.Exchange(at, staging)
		if errors.Is(err, durable.ErrExchangeUnsupported) {
			err = h.fs.Rename(at, aside)
		}
		return false, err
	case w.live == second && w.aside == want && w.staging == nothing:
		return false, h.fs.Rename(at, staging)
	case w.live == nothing && w.staging == want:
		return false, h.fs.Rename(staging, at)
	case w.live == nothing && w.aside == want:
		return false, h.fs.Rename(aside, at)
	}
	return false, w.foreign(m)
}

func (h *Handler) turnLink(m *memo, want who) error {
	live, err := h.target(m)
	if err != nil || live == want {
		return err
	}
	if live == other {
		return fmt.Errorf("cannot turn the link %s: somebody else has changed it", m.At.path())
	}
	target := m.NewTarget
	if want == oldTree {
		target = m.OldTarget
	}
	return h.fs.SwapLink(m.At.path(), target.path())
}

// foreign is the error of a state that no crash leaves.
func (w whereabouts) foreign(m *memo) error {
	return fmt.Errorf("cannot tell how to go on: somebody else has moved the trees: %s", w.evidence(m))
}

func (w whereabouts) evidence(m *memo) string {
	s := fmt.Sprintf("%s is %s, %s is %s", m.At.path(), w.live, m.Staging.path(), w.staging)
	if m.Link {
		s = fmt.Sprintf("the link %s leads to %s, %s is %s", m.At.path(), w.live, m.Staging.path(), w.staging)
	}
	if w.aside != nothing {
		s += fmt.Sprintf(", %s is %s", m.aside(), w.aside)
	}
	return s
}
