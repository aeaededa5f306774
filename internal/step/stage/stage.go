// Package stage is the verb that unpacks a release's payload beside the tree
// that it will replace, while the product runs. What lies under the step's
// staging folder is complete, verified and durable: it gets that name last.
//
// It imports the model, internal/step, internal/durable and internal/files.
package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
)

// Bundles opens payloads of verified bundles.
type Bundles interface {
	// Payload opens a payload of the bundle with that digest and gives what must
	// come out of it, by the bundle's own sums. payload and sums are names of
	// files in the bundle.
	Payload(ctx context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error)
}

// Accounts tells the owner of new files by the name of an account.
type Accounts func(name string) (files.Ownership, error)

// Handler carries out the verb.
type Handler struct {
	fs       durable.FS
	bundles  Bundles
	accounts Accounts
	root     bool
}

// New makes a handler. root says whether owners can be given away; otherwise
// all is owned by the engine's own account.
func New(fsys durable.FS, bundles Bundles, accounts Accounts, root bool) *Handler {
	return &Handler{fs: fsys, bundles: bundles, accounts: accounts, root: root}
}

// parentMode lets the product's accounts pass through to a tree that a link
// leads to, without listing what else is there.
const parentMode = 0o711

// memo is what was there before.
type memo struct {
	Parent bool             `json:"parent"` // the folder that holds staging was there
	Owner  *files.Ownership `json:"owner,omitempty"`
	Mode   *fs.FileMode     `json:"mode,omitempty"` // of the live tree's root
	Live   identity         `json:"live"`           // of the live tree's root
}

// identity tells one tree from another, whatever it is called.
type identity struct {
	Dev uint64 `json:"dev,omitempty"`
	Ino uint64 `json:"ino,omitempty"`
}

func identityOf(i durable.Info) identity { return identity{i.Dev, i.Ino} }

// is compares the inode alone with what was noted: after a reboot a device may
// have another number, and a tree is staged on the volume of the one in use.
func (id identity) is(now identity) bool { return id.Ino == now.Ino }

// places are the paths of one step.
type places struct {
	at      string
	parent  string // .app.upkeep
	staging string // complete
	partial string // being unpacked or removed
	note    string // identity of the complete tree
}

func placesOf(env step.Env, p *plan.StageParams) places {
	s := filepath.Clean(env.Expand(p.Staging))
	parent, base := filepath.Split(s)
	return places{at: p.At, parent: filepath.Clean(parent), staging: s, partial: parent + files.StagingPrefix + base, note: s + ".json"}
}

func (h *Handler) open(env step.Env, s plan.Step, m step.Memo) (*plan.StageParams, places, *memo, error) {
	p, err := step.Params[plan.StageParams](s)
	if err != nil {
		return nil, places{}, nil, err
	}
	was := &memo{}
	if m != nil {
		if err := json.Unmarshal(m, was); err != nil {
			return nil, places{}, nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
		}
	}
	return p, placesOf(env, p), was, nil
}

// Prepare finds out who shall own the new files, and which tree is live.
func (h *Handler) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, at, was, err := h.open(env, s, nil)
	if err != nil {
		return nil, err
	}
	if _, err := h.fs.Lstat(at.parent); err == nil {
		was.Parent = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	live, err := h.fs.Stat(at.at)
	switch {
	case err == nil && !live.IsDir():
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot stage %s: %s is not a directory", p.Component, at.at), Now: "correct where the component lies in the installation document"}
	case err == nil:
		mode := live.Mode
		was.Live, was.Mode = identityOf(live), &mode
	case errors.Is(err, fs.ErrNotExist): // the release brings a new component
		if live, err = h.fs.Stat(filepath.Dir(at.at)); err != nil {
			return nil, fmt.Errorf("cannot stage %s: %w", p.Component, err)
		}
	default:
		return nil, err
	}
	if was.Owner, err = h.owner(p, live); err != nil {
		return nil, err
	}
	return json.Marshal(was)
}

func (h *Handler) owner(p *plan.StageParams, live durable.Info) (*files.Ownership, error) {
	switch {
	case !h.root:
		return nil, nil
	case p.Owner == "":
		return &files.Ownership{UID: live.UID, GID: live.GID}, nil
	}
	o, err := h.accounts(p.Owner)
	if err != nil {
		return nil, &step.UserError{Msg: fmt.Sprintf("cannot give the new files of %s to the account %s", p.Component, p.Owner), Err: err, Now: "create the account, or name another owner"}
	}
	if o.UID == live.UID {
		o.GID = live.GID // the site may have given it another group
	}
	return &o, nil
}

// Do unpacks, verifies, makes durable and only then gives the tree its name.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, m step.Memo) error {
	p, at, was, err := h.open(env, s, m)
	if err != nil {
		return err
	}
	obs, err := h.Observe(ctx, env, s, m)
	if err != nil || obs.State == step.New {
		return err
	}
	if err := h.fs.MkdirAll(at.parent, parentMode); err != nil {
		return full(p, at, err)
	}
	if err := h.putAside(at, was); err != nil {
		return err
	}
	payload, want, err := h.bundles.Payload(ctx, p.Bundle, p.Payload, p.Sums)
	if err != nil {
		return fmt.Errorf("cannot stage %s: %w", p.Component, err)
	}
	defer payload.Close()
	r := &counter{Reader: payload, report: env.Progress}
	if _, err := files.Stage(ctx, h.fs, r, at.partial, files.StageOptions{Want: &want, Owner: was.Owner}); err != nil {
		return full(p, at, err)
	}
	if was.Mode != nil { // the site's own choice of who may look into the product
		if err := h.fs.Chmod(at.partial, *was.Mode); err != nil {
			return err
		}
	}
	i, err := h.fs.Lstat(at.partial)
	if err != nil {
		return err
	}
	note, err := json.Marshal(identityOf(i))
	if err != nil {
		return err
	}
	if err := h.fs.WriteFile(at.note, append(note, '\n'), 0o600); err != nil {
		return full(p, at, err)
	}
	return h.fs.Rename(at.partial, at.staging)
}

// Undo removes what was unpacked, and never a tree that is or was in use.
func (h *Handler) Undo(_ context.Context, env step.Env, s plan.Step, m step.Memo) error {
	_, at, was, err := h.open(env, s, m)
	if err != nil {
		return err
	}
	if err := h.putAside(at, was); err != nil {
		return err
	}
	if err := files.Discard(h.fs, at.partial); err != nil {
		return err
	}
	if err := h.fs.Remove(at.note); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if empty, err := h.emptyParent(at, was); err != nil || !empty {
		return err
	}
	return h.fs.Remove(at.parent)
}

// putAside takes the complete tree's name away, so that a half-removed tree
// never looks complete.
func (h *Handler) putAside(at places, was *memo) error {
	i, err := h.fs.Lstat(at.staging)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := h.ours(at, was, i); err != nil {
		return err
	}
	if err := files.Discard(h.fs, at.partial); err != nil {
		return err
	}
	return h.fs.Rename(at.staging, at.partial)
}

// ours makes sure that what lies at staging is what was unpacked there: after
// the exchange the old tree lies there, perhaps its only copy.
func (h *Handler) ours(at places, was *memo, i durable.Info) error {
	id := identityOf(i)
	refuse := func(what string) error {
		return &step.UserError{Msg: fmt.Sprintf("cannot remove %s: it is %s", at.staging, what),
			Now: "put the trees back where they belong first: that is the step install"}
	}
	if was.Live.is(id) {
		return refuse("the tree that was in use before the upgrade")
	}
	if note, err := h.note(at); err == nil && !note.is(id) {
		return refuse("not the tree that was unpacked there")
	}
	if live, err := h.fs.Stat(at.at); err == nil && identityOf(live) == id {
		return refuse("the tree in use")
	}
	return nil
}

func (h *Handler) note(at places) (id identity, err error) {
	b, err := h.fs.ReadFile(at.note)
	if err != nil {
		return id, err
	}
	return id, json.Unmarshal(b, &id)
}

// emptyParent says whether the folder is one that this step made and nothing
// is in it.
func (h *Handler) emptyParent(at places, was *memo) (bool, error) {
	if was.Parent {
		return false, nil
	}
	list, err := h.fs.ReadDir(at.parent)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && len(list) == 0, err
}

// full says where room is needed when there was none.
func full(p *plan.StageParams, at places, err error) error {
	if isFull(err) {
		return &step.UserError{Msg: fmt.Sprintf("cannot stage %s: the volume of %s is full", p.Component, at.parent), Now: "make room there", Err: err}
	}
	return fmt.Errorf("cannot stage %s: %w", p.Component, err)
}

// counter reports what has been read.
type counter struct {
	io.Reader
	report func(step.Progress)
	n      int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.n += int64(n); c.report != nil && n > 0 {
		c.report(step.Progress{Done: c.n, Unit: "bytes"})
	}
	return n, err
}
