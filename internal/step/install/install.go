// Package install is the verb that puts a staged tree into the place of the
// live one. Beforehand the site's kept paths are moved into the staged tree and
// copies of edited files are laid beside the new ones; then both trees are
// exchanged by one rename, and the old one lies where the new one was staged.
//
// Which tree is where is told by the inodes of their roots, which the memo holds,
// so it can be told after any crash, and it costs the same for ten files and
// for ten million. Where the volume cannot exchange, three renames do; where
// the live tree is reached through a symbolic link, the link is turned.
//
// It imports the model, internal/step, internal/durable and internal/files.
package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Handler carries out the verb.
type Handler struct{ fs durable.FS }

// New makes a handler.
func New(fsys durable.FS) *Handler { return &Handler{fs: fsys} }

// Prepare notes which tree is which, what will be moved, and what will be
// copied.
func (h *Handler) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.InstallParams](s)
	if err != nil {
		return nil, err
	}
	m, err := h.look(p, filepath.Clean(env.Expand(p.Staging)))
	if err != nil {
		return nil, err
	}
	if m.Old.some() {
		c, err := files.PlanCarry(h.fs, m.OldRoot.path(), m.Staging.path(), m.Staging.path()+".shipped", p.Keep)
		if err != nil {
			return nil, &step.UserError{Msg: fmt.Sprintf("cannot carry the kept paths of %s over", p.Component), Err: err, Now: "correct keep: in the product's document, or move the data out of the tree"}
		}
		m.keep(c)
		if err := h.changed(env, m, p); err != nil {
			return nil, err
		}
		before, err := inherited(env, s)
		if err != nil {
			return nil, err
		}
		if m.Copies, m.CopyDirs, err = h.planCopies(m, p, before); err != nil {
			return nil, err
		}
	}
	return json.Marshal(m)
}

// look describes the trees before the exchange.
func (h *Handler) look(p *plan.InstallParams, staging string) (*memo, error) {
	m := &memo{At: rawOf(p.At), Staging: rawOf(staging), OldRoot: rawOf(p.At)}
	staged, err := h.fs.Lstat(staging)
	if err == nil && !staged.IsDir() {
		err = errors.New("it is not a directory")
	}
	if err != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot install %s: nothing is staged at %s", p.Component, staging), Err: err, Now: "go back and start the upgrade again"}
	}
	m.New = identityOf(staged)
	live, err := h.fs.Lstat(p.At)
	if errors.Is(err, fs.ErrNotExist) { // the release brings a new component
		return m, nil
	} else if err != nil {
		return nil, err
	}
	if live.IsLink() {
		if err := h.lookThrough(m, staging); err != nil {
			return nil, err
		}
		if live, err = h.fs.Lstat(m.OldRoot.path()); err != nil {
			return nil, err
		}
	}
	if !live.IsDir() {
		return nil, fmt.Errorf("cannot install %s: %s is not a directory", p.Component, m.OldRoot.path())
	}
	m.Old = identityOf(live)
	if m.Old == m.New {
		return nil, fmt.Errorf("cannot install %s: what is staged at %s is the tree in use", p.Component, staging)
	}
	if m.Old.Ino == 0 || m.New.Ino == 0 {
		return nil, fmt.Errorf("cannot install %s: this platform does not tell one directory from another: %w", p.Component, durable.ErrUnsupported)
	}
	if m.Link {
		return m, nil
	}
	mounts, err := h.fs.Mounts(p.At)
	if err != nil {
		return nil, err
	}
	if len(mounts) > 0 {
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot exchange %s: another volume is mounted at %s, and would go with the old tree", p.At, mounts[0]),
			Now: "mount it outside the tree and put a link in its place, or install the product in a folder of the volume"}
	}
	return m, nil
}

// lookThrough notes what the link at the product's place leads to.
func (h *Handler) lookThrough(m *memo, staging string) error {
	const most = 40 // as the kernel
	path := m.At.path()
	for range most {
		target, err := h.fs.Readlink(path)
		if err != nil {
			return err
		}
		if !m.Link {
			m.Link, m.OldTarget = true, rawOf(target)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
		if i, err := h.fs.Lstat(path); err != nil {
			return err
		} else if !i.IsLink() {
			m.OldRoot = rawOf(path)
			rel, err := filepath.Rel(filepath.Dir(m.At.path()), staging)
			if err != nil {
				rel = staging
			}
			m.NewTarget = rawOf(rel)
			return nil
		}
	}
	return fmt.Errorf("cannot follow %s: too many links", m.At.path())
}

// Do carries over what is the site's, then exchanges the trees.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	m, err := open(s, raw)
	if err != nil {
		return err
	}
	at, err := h.where(m)
	if err != nil {
		return err
	}
	if at.live == oldTree && m.Old.some() || at.live == nothing && !m.Old.some() {
		if err := h.carryOver(m); err != nil {
			return h.room(m, err)
		}
		if err := h.copyEdited(ctx, env, m); err != nil {
			return h.room(m, err)
		}
	}
	// from here on a decision to stop comes too late: the exchange is one call
	if err := ctx.Err(); err != nil && at.live != newTree {
		return context.Cause(ctx)
	}
	if err := h.turn(m, newTree); err != nil {
		return err
	}
	if len(m.Moves) == 0 {
		return nil
	}
	return files.Settle(h.fs, m.newRoot(true))
}

// Undo exchanges the trees back and gives the old one what was moved. Files
// that the new version has changed meanwhile go back as they are: they are the
// site's data, whose content the restore point brings back.
func (h *Handler) Undo(_ context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	m, err := open(s, raw)
	if err != nil {
		return err
	}
	at, err := h.where(m)
	if err != nil {
		return err
	}
	if at.live == newTree && len(m.Moves) > 0 { // until all is given back nobody may throw it away
		if err := files.Mark(h.fs, m.newRoot(true)); err != nil {
			return err
		}
	}
	if err := h.turn(m, oldTree); err != nil {
		return err
	}
	if at, err = h.where(m); err != nil {
		return err
	}
	if at.staging != newTree { // the old tree is in place, and nothing is left to be tidied
		path, err := h.robbed(m)
		if err == nil && path != "" {
			err = fmt.Errorf("%w: %s was in %s, which is not there any more", files.ErrCarry, path, m.Staging.path())
		}
		return err
	}
	if err := h.giveBack(env, m); err != nil {
		return err
	}
	return h.removeCopies(m)
}

// room says where room is needed when there was none.
func (h *Handler) room(m *memo, err error) error {
	if full(err) {
		return &step.UserError{Msg: fmt.Sprintf("the volume of %s is full", m.At.path()), Now: "make room there", Err: err}
	}
	return err
}

// below tells whether a relative path is one of the roots or lies in one.
func below(path string, roots []string) bool {
	for _, r := range roots {
		if path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}
