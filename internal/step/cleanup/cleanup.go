// Package cleanup is the verb clean-up: once users work on the new version, it
// removes what the run and earlier ones have left, by retention. The tree that
// this run has replaced and its restore point always stay, for the next morning.
//
// What is removed is decided once, in Prepare, and noted in the memo; names
// that Upkeep did not give are never touched.
//
// It imports the model, internal/step, internal/durable and internal/files.
package cleanup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/site"
	"upkeep/internal/step"
)

// Points are the restore points of a place.
type Points interface {
	List(ctx context.Context, dir string, at *plan.Repository) ([]site.Kept, error)
	// Remove removes one that is listed.
	Remove(ctx context.Context, dir string, at *plan.Repository, id string) error
	// Sweep removes what was begun and never finished: the first pass of a
	// milestone that the run did not reach.
	Sweep(ctx context.Context, dir string, at *plan.Repository) error
}

// Handler carries out the verb.
type Handler struct {
	fs     durable.FS
	points Points
	now    func() time.Time
}

// New makes a handler.
func New(fsys durable.FS, points Points) *Handler {
	return &Handler{fs: fsys, points: points, now: time.Now}
}

// memo is what will be removed.
type memo struct {
	Leftovers []leftover       `json:"leftovers,omitempty"`
	Folders   []string         `json:"folders,omitempty"` // where nothing is in them by then, the innermost first
	Dir       string           `json:"dir,omitempty"`
	At        *plan.Repository `json:"at,omitempty"`
	Points    []string         `json:"points,omitempty"`
	Bundles   []string         `json:"bundles,omitempty"` // paths
}

// leftover is a file or tree in a folder of Upkeep's beside a product's tree.
type leftover struct {
	At     string `json:"at"`     // the product's tree
	Parent string `json:"parent"` // Upkeep's folder beside it
	Name   string `json:"name"`
}

func (l leftover) path() string { return filepath.Join(l.Parent, l.Name) }

// trash is its name while it is being removed: half a tree must not look like
// one that can be put back.
func (l leftover) trash() string {
	if isTrash(l.Name) {
		return l.path()
	}
	return filepath.Join(l.Parent, files.StagingPrefix+l.Name)
}

// Prepare decides what is no longer needed.
func (h *Handler) Prepare(ctx context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.CleanUpParams](s)
	if err != nil {
		return nil, err
	}
	m := memo{Dir: p.RestoreDir, At: p.Repository}
	for _, at := range p.Trees {
		found, err := h.leftovers(env.Run, at, p.KeepOld)
		if err != nil {
			return nil, fmt.Errorf("cannot see what is left beside %s: %w", at, err)
		}
		m.Leftovers = append(m.Leftovers, found...)
	}
	for _, a := range p.Gone {
		if err := h.gone(&m, env.Run, a); err != nil {
			return nil, fmt.Errorf("cannot see what is left beside %s: %w", a.At, err)
		}
	}
	var points []site.Kept
	if p.RestoreDir != "" {
		var err error
		if points, err = h.points.List(ctx, p.RestoreDir, p.Repository); err != nil {
			return nil, fmt.Errorf("cannot list the restore points in %s: %w", p.RestoreDir, err)
		}
		m.Points = p.Keep.Surplus(points, h.now(), env.Run+"-origin")
	}
	kept := slices.DeleteFunc(points, func(p site.Kept) bool { return slices.Contains(m.Points, p.ID) })
	if m.Bundles, err = h.unneeded(p, kept); err != nil {
		return nil, fmt.Errorf("cannot see which bundles are kept in %s: %w", p.BundleDir, err)
	}
	return json.Marshal(m)
}

func open(s plan.Step, b step.Memo) (*memo, error) {
	m := &memo{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return m, nil
}

// Do removes all that Prepare has listed. One thing that cannot be removed does
// not keep the others.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	m, err := open(s, raw)
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range m.Leftovers {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := h.remove(l); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(env.Log, "removed %s\n", l.path())
	}
	for _, dir := range m.Folders {
		if err := h.removeEmpty(dir); err != nil {
			errs = append(errs, err)
		}
	}
	for _, path := range m.Bundles {
		if err := h.removeBundle(path); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(env.Log, "removed the bundle %s\n", filepath.Base(path))
	}
	if m.Dir != "" {
		errs = append(errs, h.points.Sweep(ctx, m.Dir, m.At))
	}
	return errors.Join(append(errs, h.removePoints(ctx, env, m))...)
}

// removePoints removes the listed restore points that are still there.
func (h *Handler) removePoints(ctx context.Context, env step.Env, m *memo) error {
	if len(m.Points) == 0 {
		return nil
	}
	there, err := h.there(ctx, m)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range there {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := h.points.Remove(ctx, m.Dir, m.At, id); err != nil {
			errs = append(errs, fmt.Errorf("cannot remove the restore point %s: %w", id, err))
			continue
		}
		fmt.Fprintf(env.Log, "removed the restore point %s\n", id)
	}
	return errors.Join(errs...)
}

// remove removes one thing, never what is live by now.
func (h *Handler) remove(l leftover) error {
	i, err := h.fs.Lstat(l.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return files.Discard(h.fs, l.trash())
	case err != nil:
		return err
	}
	if live, err := h.fs.Stat(l.At); err == nil && same(live, i) {
		return fmt.Errorf("cannot remove %s: it is the tree in use", l.path())
	}
	if l.path() == l.trash() {
		return files.Discard(h.fs, l.trash())
	}
	switch kept, err := files.Marked(h.fs, l.path()); {
	case err != nil:
		return err
	case kept:
		return fmt.Errorf("cannot remove %s: %w: it holds files carried from another version", l.path(), files.ErrCarry)
	}
	if err := files.Discard(h.fs, l.trash()); err != nil {
		return err
	}
	if err := h.fs.Rename(l.path(), l.trash()); err != nil {
		return err
	}
	return files.Discard(h.fs, l.trash())
}

func same(a, b durable.Info) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// Undo is refused: clean-up comes after the point of no return.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error {
	return errors.New("cannot undo clean-up: what it removed is gone")
}

// Observe says what of the listed is still there.
func (h *Handler) Observe(ctx context.Context, _ step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	m, err := open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	left, touched := 0, false
	for _, l := range m.Leftovers {
		here, err := h.exists(l.path())
		if err != nil {
			return step.Observation{}, err
		}
		trash, err := h.exists(l.trash())
		if err != nil {
			return step.Observation{}, err
		}
		if here || trash {
			left++
		}
		touched = touched || !here
	}
	for _, dir := range m.Folders {
		here, err := h.exists(dir)
		if err != nil {
			return step.Observation{}, err
		}
		empty, err := h.empty(dir)
		if err != nil {
			return step.Observation{}, err
		}
		if empty {
			left++
		}
		touched = touched || !here
	}
	if len(m.Points) > 0 {
		there, err := h.there(ctx, m)
		if err != nil {
			return step.Observation{}, err
		}
		left += len(there)
		touched = touched || len(there) < len(m.Points)
	}
	for _, path := range m.Bundles {
		here, err := h.exists(path)
		if err != nil {
			return step.Observation{}, err
		}
		trash, err := h.exists(binned(path))
		if err != nil {
			return step.Observation{}, err
		}
		if here || trash {
			left++
		}
		touched = touched || !here
	}
	all := len(m.Leftovers) + len(m.Folders) + len(m.Points) + len(m.Bundles)
	switch {
	case left == 0:
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("nothing is left of %d things that are no longer needed", all)}, nil
	case touched:
		return step.Observation{State: step.Mixed, Evidence: fmt.Sprintf("%d of %d things that are no longer needed are left", left, all)}, nil
	}
	return step.Observation{State: step.Old, Evidence: fmt.Sprintf("%d things that are no longer needed are there", left)}, nil
}

// there are the restore points to be removed that are still there.
func (h *Handler) there(ctx context.Context, m *memo) ([]string, error) {
	points, err := h.points.List(ctx, m.Dir, m.At)
	if err != nil {
		return nil, fmt.Errorf("cannot list the restore points in %s: %w", m.Dir, err)
	}
	var out []string
	for _, id := range m.Points {
		if slices.ContainsFunc(points, func(p site.Kept) bool { return p.ID == id }) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (h *Handler) exists(path string) (bool, error) {
	_, err := h.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
