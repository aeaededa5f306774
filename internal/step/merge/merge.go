// Package merge is the verb that puts a site's settings into a staged tree,
// while the product runs: files that the site has edited, merged with what the
// new release ships or as the site has them. What the release ships is moved
// beside the staged tree, so that it can be put back. Then the vendor's
// validators look at the files.
//
// The texts are made again from what the plan was made of, since they may hold
// secrets and so are not in it; they must have the sums that the plan names.
//
// It imports the model, internal/step, internal/durable, internal/files,
// internal/config and the running of programs.
package merge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"upkeep/internal/config"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Bundles opens payloads of verified bundles.
type Bundles interface {
	Payload(ctx context.Context, digest, payload, sums string) (io.ReadCloser, files.Tree, error)
}

// Handler carries out the verb.
type Handler struct {
	fs      durable.FS
	bundles Bundles
	runner  child.Runner
	root    bool
}

// New makes a handler. root says whether files can be given to other accounts.
func New(fsys durable.FS, bundles Bundles, runner child.Runner, root bool) *Handler {
	return &Handler{fs: fsys, bundles: bundles, runner: runner, root: root}
}

// mostFile bounds what is read of a payload, as when the plan was made.
const mostFile = 1 << 20

// besideKept is what the name of a release's file ends in that lies beside the
// site's.
const besideKept = ".upkeep-new"

// memo says how the files are to be: as the site's are.
type memo struct {
	Files []kept `json:"files"` // as in the parameters
}

type kept struct {
	Mode   fs.FileMode       `json:"mode"`
	UID    uint32            `json:"uid"`
	GID    uint32            `json:"gid"`
	Xattrs map[string][]byte `json:"xattrs,omitempty"`
	Beside string            `json:"beside,omitempty"` // relative: where the release's file lies beside the site's
}

// places are the paths of one step.
type places struct {
	staging, from string
	aside         string // what the release ships
	note          string // the validators have found all good
}

func (h *Handler) open(env step.Env, s plan.Step, raw step.Memo) (*plan.MergeParams, places, *memo, error) {
	p, err := step.Params[plan.MergeParams](s)
	if err != nil {
		return nil, places{}, nil, err
	}
	m := &memo{}
	if raw != nil {
		if err := json.Unmarshal(raw, m); err == nil && len(m.Files) != len(p.Files) {
			err = errors.New("it is of other files")
		} else if err != nil {
			return nil, places{}, nil, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
		}
	}
	at := places{staging: filepath.Clean(env.Expand(p.Staging)), from: filepath.Clean(env.Expand(p.From))}
	at.aside = at.staging + ".defaults"
	at.note = filepath.Join(at.aside, "validated")
	return p, at, m, nil
}

func (a places) target(f plan.Merged) string {
	return filepath.Join(a.staging, filepath.FromSlash(f.Path))
}

func (a places) site(f plan.Merged) string {
	return filepath.Join(a.from, filepath.FromSlash(f.Path))
}

func (a places) shipped(i int) string { return filepath.Join(a.aside, strconv.Itoa(i)) }

// Prepare notes whose the site's files are. They must be those that the plan
// was made of.
func (h *Handler) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, at, _, err := h.open(env, s, nil)
	if err != nil {
		return nil, err
	}
	m := memo{}
	for _, f := range p.Files {
		if _, err := h.siteText(at, f); err != nil {
			return nil, err
		}
		info, err := h.fs.Lstat(at.site(f))
		if err != nil {
			return nil, err
		}
		shipped, err := h.fs.Lstat(at.target(f))
		if err != nil {
			return nil, fmt.Errorf("cannot merge %s of %s: what the release ships is not staged: %w", f.Path, p.Component, err)
		}
		xattrs, err := h.fs.Xattrs(at.site(f))
		if err != nil {
			return nil, err
		}
		k := kept{Mode: info.Mode & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky), UID: info.UID, GID: info.GID, Xattrs: xattrs}
		if !h.root {
			k.UID, k.GID, k.Xattrs = shipped.UID, shipped.GID, nil
		}
		if f.How == "keep" && f.New != f.Text {
			if k.Beside, err = h.free(at, f, p.Beside); err != nil {
				return nil, err
			}
		}
		m.Files = append(m.Files, k)
	}
	return json.Marshal(m)
}

// free finds a name beside a file that nothing in the staged tree has.
func (h *Handler) free(at places, f plan.Merged, suffix string) (string, error) {
	if suffix == "" {
		suffix = besideKept
	}
	const most = 1000
	for n := range most {
		name := f.Path + suffix
		if n > 0 {
			name += "." + strconv.Itoa(n)
		}
		_, err := h.fs.Lstat(filepath.Join(at.staging, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("cannot lay what the release ships beside %s: %d names are taken", f.Path, most)
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// siteText reads the site's file, which must be as it was for the plan.
func (h *Handler) siteText(at places, f plan.Merged) ([]byte, error) {
	text, err := h.fs.ReadFile(at.site(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil || sum(text) != f.Was {
		return nil, &step.UserError{Msg: at.site(f) + " was edited since the plan was made", Now: "start the upgrade again: the plan shows then what comes of the file as it is now"}
	}
	return text, nil
}

// Do lays the files into the staged tree, makes them durable and has them
// validated.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, at, m, err := h.open(env, s, raw)
	if err != nil {
		return err
	}
	texts, err := h.texts(ctx, p, at)
	if err != nil {
		return err
	}
	if err := h.fs.MkdirAll(at.aside, 0o700); err != nil {
		return h.full(at, err)
	}
	for i, f := range p.Files {
		if err := h.lay(at, i, f, m.Files[i], texts[i]); err != nil {
			return h.full(at, err)
		}
		fmt.Fprintf(env.Log, "%s: %s\n", f.Path, f.Title())
		for _, l := range f.Diff {
			fmt.Fprintf(env.Log, "  %s\n", l)
		}
	}
	if err := h.validate(ctx, env, s, p, at); err != nil {
		return err
	}
	return h.full(at, h.fs.WriteFile(at.note, []byte("ok\n"), 0o600))
}

// texts makes the texts, and compares them with the plan.
func (h *Handler) texts(ctx context.Context, p *plan.MergeParams, at places) ([][]byte, error) {
	var paths []string
	for _, f := range p.Files {
		if f.How == "merge" {
			paths = append(paths, f.Path)
		}
	}
	based := map[string][]byte{}
	if len(paths) > 0 {
		if p.Base == nil {
			return nil, fmt.Errorf("cannot merge the files of %s: the plan does not say what they were made from", p.Component)
		}
		payload, _, err := h.bundles.Payload(ctx, p.Base.Bundle, p.Base.Payload, p.Base.Sums)
		if err != nil {
			return nil, fmt.Errorf("cannot read the files of %s as they were shipped: %w", p.Component, err)
		}
		based, err = files.Pick(ctx, payload, paths, mostFile)
		if err = errors.Join(err, payload.Close()); err != nil {
			return nil, err
		}
	}
	var out [][]byte
	for i, f := range p.Files {
		site, err := h.siteText(at, f)
		if err != nil {
			return nil, err
		}
		fresh, err := h.fs.ReadFile(at.shipped(i))
		if errors.Is(err, fs.ErrNotExist) {
			fresh, err = h.fs.ReadFile(at.target(f))
		}
		if err != nil {
			return nil, err
		}
		if sum(fresh) != f.New {
			return nil, fmt.Errorf("cannot merge %s of %s: what is staged is not what the plan was made of", f.Path, p.Component)
		}
		text := site
		if f.How == "merge" {
			if sum(based[f.Path]) != f.Base {
				return nil, fmt.Errorf("cannot merge %s of %s: it was not shipped as the plan says", f.Path, p.Component)
			}
			r, err := config.Merge(based[f.Path], site, fresh, config.Format(f.Format), f.Choices)
			if err != nil {
				return nil, fmt.Errorf("cannot merge %s of %s: %w", f.Path, p.Component, err)
			}
			text = r.Text
		}
		if sum(text) != f.Text {
			return nil, &step.UserError{Msg: fmt.Sprintf("merging %s of %s gives another text than in the plan", f.Path, p.Component), Now: "make the plan again with this upkeep, and say yes to that one"}
		}
		out = append(out, text)
	}
	return out, nil
}

// lay puts one file into the staged tree, from wherever a crash has left it.
func (h *Handler) lay(at places, i int, f plan.Merged, k kept, text []byte) error {
	target := at.target(f)
	switch _, err := h.fs.Lstat(at.shipped(i)); {
	case errors.Is(err, fs.ErrNotExist):
		if err := h.fs.Rename(target, at.shipped(i)); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if k.Beside != "" {
		if err := h.lie(at, i, k); err != nil {
			return err
		}
	}
	return h.write(target, text, k)
}

// lie lays what the release ships beside the site's file.
func (h *Handler) lie(at places, i int, k kept) error {
	text, err := h.fs.ReadFile(at.shipped(i))
	if err != nil {
		return err
	}
	info, err := h.fs.Lstat(at.shipped(i))
	if err != nil {
		return err
	}
	return h.write(filepath.Join(at.staging, filepath.FromSlash(k.Beside)), text, kept{Mode: info.Mode.Perm(), UID: info.UID, GID: info.GID})
}

// write makes a file, durable with its owner, its mode and its attributes.
func (h *Handler) write(path string, text []byte, k kept) error {
	if err := h.fs.WriteFile(path, text, k.Mode.Perm()); err != nil {
		return err
	}
	info, err := h.fs.Lstat(path)
	if err != nil {
		return err
	}
	if info.UID == k.UID && info.GID == k.GID && k.Mode == k.Mode.Perm() && len(k.Xattrs) == 0 {
		return nil
	}
	fsys := h.fs.Unsynced() // the sync at the end is for all of them
	if info.UID != k.UID || info.GID != k.GID {
		if err := fsys.Chown(path, k.UID, k.GID); err != nil {
			return err
		}
	}
	for name, v := range k.Xattrs {
		if err := fsys.SetXattr(path, name, v); err != nil {
			return err
		}
	}
	if err := fsys.Chmod(path, k.Mode); err != nil {
		return err
	}
	return h.fs.SyncFile(path)
}

// validate has the vendor's commands look at the files.
func (h *Handler) validate(ctx context.Context, env step.Env, s plan.Step, p *plan.MergeParams, at places) error {
	for _, v := range p.Validate {
		call := child.Call{RunParams: v.Run}
		call.Args = slices.Clone(v.Run.Args)
		for k := range call.Args {
			call.Args[k] = strings.ReplaceAll(call.Args[k], "${file}", filepath.Join(at.staging, filepath.FromSlash(v.Path)))
		}
		call.Dir = at.staging
		_, err := h.runner.Run(ctx, env, s, call)
		if err != nil && ctx.Err() != nil {
			return err // somebody has decided otherwise
		}
		var failed *child.Failure
		if errors.As(err, &failed) {
			err = failed
		}
		if err != nil {
			return &step.UserError{Msg: fmt.Sprintf("%s does not accept %s as it would be installed", filepath.Base(call.Args[0]), v.Path), Err: err,
				Now: "nothing was closed: correct the site's file, or answer otherwise for its conflicts, and start the upgrade again"}
		}
	}
	return nil
}

// Undo puts back what the release ships.
func (h *Handler) Undo(_ context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, at, m, err := h.open(env, s, raw)
	if err != nil {
		return err
	}
	if _, err := h.fs.Lstat(at.staging); errors.Is(err, fs.ErrNotExist) {
		return h.fs.RemoveAll(at.aside)
	}
	for i, f := range p.Files {
		if k := m.Files[i]; k.Beside != "" {
			if err := h.fs.RemoveAll(filepath.Join(at.staging, filepath.FromSlash(k.Beside))); err != nil {
				return err
			}
		}
		if _, err := h.fs.Lstat(at.shipped(i)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := h.fs.Replace(at.shipped(i), at.target(f)); err != nil {
			return err
		}
	}
	return h.fs.RemoveAll(at.aside)
}

// Observe goes by what lies aside, by the sums of the files, and by the note
// that all was validated.
func (h *Handler) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	p, at, m, err := h.open(env, s, raw)
	if err != nil {
		return step.Observation{}, err
	}
	there := func(path string) (bool, error) {
		_, err := h.fs.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	aside, err := there(at.aside)
	if err != nil {
		return step.Observation{}, err
	}
	if !aside {
		return step.Observation{State: step.Old, Evidence: "the staged files are as they were unpacked"}, nil
	}
	valid, err := there(at.note)
	if err != nil {
		return step.Observation{}, err
	}
	if !valid {
		return step.Observation{State: step.Mixed, Evidence: "the files were not laid into the staged tree, validated or taken out to the end"}, nil
	}
	for i, f := range p.Files {
		text, err := h.fs.ReadFile(at.target(f))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return step.Observation{}, err
		}
		shipped, serr := there(at.shipped(i))
		if err != nil || serr != nil || sum(text) != f.Text || !shipped {
			return step.Observation{State: step.Mixed, Evidence: at.target(f) + " is not as the plan says"}, serr
		}
		if info, err := h.fs.Lstat(at.target(f)); err != nil || info.Mode&^fs.ModeType != m.Files[i].Mode {
			return step.Observation{State: step.Mixed, Evidence: at.target(f) + " has another mode than the site's"}, err
		}
	}
	return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d files are in the staged tree as the plan says, and were validated", len(p.Files))}, nil
}

// full says where room is needed when there was none.
func (h *Handler) full(at places, err error) error {
	if err != nil && errors.Is(err, syscall.ENOSPC) {
		return &step.UserError{Msg: fmt.Sprintf("the volume of %s is full", at.staging), Now: "make room there", Err: err}
	}
	return err
}
