// Package create is the verb that makes what the files and data of a first
// install, or of what an upgrade adds, will lie in: folders, and the empty file
// of a database. What it takes back is all that lies in what it made, since
// nothing was there before; in the folders of a first install that were there,
// everything that was not.
//
// It imports the model, internal/step, internal/durable and internal/files.
package create

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Accounts tells the owner of new files by the name of an account.
type Accounts func(name string) (files.Ownership, error)

// Handler carries out the verb.
type Handler struct {
	fs       durable.FS
	accounts Accounts
	root     bool
}

// New makes a handler. root says whether owners can be given away; otherwise
// all is owned by the engine's own account.
func New(fsys durable.FS, accounts Accounts, root bool) *Handler {
	return &Handler{fs: fsys, accounts: accounts, root: root}
}

// made is one folder or file that was not there before.
type made struct {
	Path  string           `json:"path"`
	File  bool             `json:"file,omitempty"`
	Owner *files.Ownership `json:"owner,omitempty"`
}

// memo is what was not there, in the order in which it is made, and what lay
// in the folders that were.
type memo struct {
	Made []made              `json:"made"`
	Had  map[string][]string `json:"had,omitempty"`  // folder to the paths in it, sorted
	Gone []string            `json:"gone,omitempty"` // what later steps make, and the way back removes
}

// Prepare finds out what is not there.
func (h *Handler) Prepare(ctx context.Context, _ step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.CreateParams](s)
	if err != nil {
		return nil, err
	}
	m := &memo{Had: map[string][]string{}}
	planned := map[string]bool{}
	for _, place := range p.Places {
		owner, err := h.owner(place)
		if err != nil {
			return nil, err
		}
		switch {
		case place.Kind == plan.PlaceFile:
			err = h.absent(m, place, planned)
			m.Made = append(m.Made, made{Path: place.Path, File: true, Owner: owner})
		case place.Kind == plan.PlaceTree:
			err = h.absent(m, place, planned)
		case place.Kind == plan.PlaceNew:
			err = h.absent(m, place, planned)
			m.Made = append(m.Made, made{Path: place.Path, Owner: owner})
		case place.Kind == plan.PlaceAbove:
			err = h.aboveOthers(m, place.Path, owner, planned)
		default:
			err = h.folder(ctx, m, place, owner, planned)
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(m)
}

// absent refuses a place where something is, and has the folders above it made.
func (h *Handler) absent(m *memo, place plan.NewPlace, planned map[string]bool) error {
	if err := h.above(m, place.Path, planned); err != nil {
		return err
	}
	info, err := h.fs.Lstat(place.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if place.Kind == plan.PlaceTree {
			m.Gone = append(m.Gone, place.Path)
		}
		return nil
	case err != nil:
		return err
	case place.Kind == plan.PlaceTree && info.IsDir(): // of a first install: an upgrade's plan is refused then
		if list, err := h.fs.ReadDir(place.Path); err != nil || len(list) == 0 {
			return err // an empty folder: the exchange puts it back
		}
	}
	return &step.UserError{Msg: fmt.Sprintf("cannot install into %s: something is there", place.Path), Now: "upkeep adopt takes over what is installed; otherwise move it away, or name another place"}
}

// folder has a folder made, or notes what lies in it.
func (h *Handler) folder(ctx context.Context, m *memo, place plan.NewPlace, owner *files.Ownership, planned map[string]bool) error {
	if planned[place.Path] {
		return h.own(m, place.Path, owner)
	}
	info, err := h.fs.Stat(place.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := h.above(m, place.Path, planned); err != nil {
			return err
		}
		planned[place.Path] = true
		m.Made = append(m.Made, made{Path: place.Path, Owner: owner})
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return &step.UserError{Msg: fmt.Sprintf("cannot install into %s: it is no folder", place.Path), Now: "name another place"}
	}
	m.Had[place.Path], err = h.list(ctx, place.Path)
	return err
}

// aboveOthers has a folder made that is not there.
func (h *Handler) aboveOthers(m *memo, path string, owner *files.Ownership, planned map[string]bool) error {
	if err := h.above(m, path, planned); err != nil {
		return err
	}
	info, err := h.fs.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		planned[path] = true
		m.Made = append(m.Made, made{Path: path, Owner: owner})
		return nil
	case err == nil && !info.IsDir():
		return &step.UserError{Msg: fmt.Sprintf("cannot make %s: something is there that is no folder", path), Now: "move it away"}
	}
	return err
}

// own gives an owner to a folder that is to be made already, as the parent of
// another place.
func (h *Handler) own(m *memo, path string, owner *files.Ownership) error {
	for i := range m.Made {
		if m.Made[i].Path == path && m.Made[i].Owner == nil {
			m.Made[i].Owner = owner
		}
	}
	return nil
}

// above has the missing folders above a path made.
func (h *Handler) above(m *memo, path string, planned map[string]bool) error {
	var missing []string
	for dir := filepath.Dir(path); dir != filepath.Dir(dir) && !planned[dir]; dir = filepath.Dir(dir) {
		info, err := h.fs.Stat(dir)
		if err == nil {
			if !info.IsDir() {
				return &step.UserError{Msg: fmt.Sprintf("cannot make %s: %s is no folder", path, dir), Now: "name another place"}
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, dir)
		planned[dir] = true
	}
	for _, dir := range slices.Backward(missing) {
		m.Made = append(m.Made, made{Path: dir})
	}
	return nil
}

func (h *Handler) list(ctx context.Context, dir string) ([]string, error) {
	t, err := files.Scan(ctx, h.fs, dir, files.Options{})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range t.Entries {
		if e.Path != "." {
			out = append(out, e.Path)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (h *Handler) owner(place plan.NewPlace) (*files.Ownership, error) {
	if !h.root || place.Owner == "" {
		return nil, nil
	}
	o, err := h.accounts(place.Owner)
	if err != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot give %s to the account %s", place.Path, place.Owner), Err: err, Now: "create the account, or name another one"}
	}
	return &o, nil
}

func (h *Handler) open(s plan.Step, raw step.Memo) (*memo, error) {
	m := &memo{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	return m, nil
}

// The modes of what is made: the product's account looks after its own.
const (
	folderMode = 0o755
	fileMode   = 0o640
)

// Do makes what is missing.
func (h *Handler) Do(ctx context.Context, _ step.Env, s plan.Step, raw step.Memo) error {
	m, err := h.open(s, raw)
	if err != nil {
		return err
	}
	for _, x := range m.Made {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if x.File {
			err = h.makeFile(x.Path)
		} else if err = h.fs.Mkdir(x.Path, folderMode); errors.Is(err, fs.ErrExist) {
			err = nil
		}
		if err == nil && x.Owner != nil {
			err = h.fs.Chown(x.Path, x.Owner.UID, x.Owner.GID)
		}
		if err != nil {
			return fmt.Errorf("cannot make %s: %w", x.Path, err)
		}
	}
	return nil
}

// makeFile makes an empty file; one that is there holds data by now.
func (h *Handler) makeFile(path string) error {
	if _, err := h.fs.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return h.fs.WriteFile(path, nil, fileMode)
}

// beside are the files that SQLite has beside a database
// (https://sqlite.org/tempfiles.html).
var beside = [...]string{"-wal", "-shm", "-journal"}

// Undo removes what was made, with all that is in it, and in the folders that
// were there what was not.
func (h *Handler) Undo(ctx context.Context, _ step.Env, s plan.Step, raw step.Memo) error {
	m, err := h.open(s, raw)
	if err != nil {
		return err
	}
	for _, x := range slices.Backward(m.Made) {
		if x.File {
			for _, end := range beside {
				if err := h.remove(x.Path + end); err != nil {
					return err
				}
			}
		}
		if err := h.remove(x.Path); err != nil {
			return err
		}
	}
	for dir, had := range m.Had {
		added, err := h.added(ctx, dir, had)
		if err != nil {
			return err
		}
		for _, p := range added {
			if err := h.remove(filepath.Join(dir, p)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Handler) remove(path string) error {
	if err := h.fs.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s, which this run made: %w", path, err)
	}
	return nil
}

// added lists what lies in a folder that was not there before, the topmost
// only.
func (h *Handler) added(ctx context.Context, dir string, had []string) ([]string, error) {
	now, err := h.list(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range now {
		_, was := slices.BinarySearch(had, p)
		below := slices.ContainsFunc(out, func(top string) bool { return strings.HasPrefix(p, top+"/") })
		if !was && !below {
			out = append(out, p)
		}
	}
	return out, nil
}

// Observe looks what of it is there.
func (h *Handler) Observe(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	m, err := h.open(s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	there, owned := 0, 0
	for _, x := range m.Made {
		info, err := h.fs.Lstat(x.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return step.Observation{}, err
		}
		there++
		if x.Owner == nil || x.Owner.UID == info.UID && x.Owner.GID == info.GID {
			owned++
		}
	}
	more, err := h.more(ctx, m)
	if err != nil {
		return step.Observation{}, err
	}
	seen := step.Observation{Evidence: fmt.Sprintf("%d of %d folders and files are there", there, len(m.Made))}
	switch {
	case len(m.Made) == 0 && more == 0 && env.Direction == step.Forward:
		seen.State = step.New
	case there == 0 && more == 0:
		seen.State = step.Old
	case owned == len(m.Made):
		seen.State = step.New
	default:
		seen.State = step.Mixed
	}
	return seen, nil
}

// more counts what was added to folders that were there.
func (h *Handler) more(ctx context.Context, m *memo) (int, error) {
	n := 0
	for dir, had := range m.Had {
		added, err := h.added(ctx, dir, had)
		if err != nil {
			return 0, err
		}
		n += len(added)
	}
	return n, nil
}
