package packages

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
	"upkeep/internal/packages"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/stage"
)

// reader is what is read of the staging folder.
type reader interface {
	ReadDir(path string) ([]durable.DirEntry, error)
}

// Footprint is the name of the list, in the staging folder, of what the
// packages can touch.
const Footprint = "footprint.json"

// Fetch is the verb fetch.
type Fetch struct {
	run      child.Runner
	fs       durable.FS
	managers Managers
	bundles  stage.Bundles
}

var _ step.Handler = (*Fetch)(nil)

// NewFetch makes the handler.
func NewFetch(r child.Runner, m Managers, b stage.Bundles) *Fetch {
	return &Fetch{run: r, fs: r.FS, managers: m, bundles: b}
}

// memo says what was there before.
type memo struct {
	Parent bool `json:"parent"` // the folder that holds the staging folders
}

// places of a step: the folder, complete, and the one being filled.
func places(env step.Env, p *plan.PackageParams) (staging, partial string) {
	staging = filepath.Clean(env.Expand(p.Staging))
	dir, base := filepath.Split(staging)
	return staging, filepath.Join(dir, files.StagingPrefix+base)
}

// Prepare looks whether the folder of fetched packages is there.
func (h *Fetch) Prepare(_ context.Context, env step.Env, s plan.Step) (step.Memo, error) {
	p, err := step.Params[plan.PackageParams](s)
	if err != nil {
		return nil, err
	}
	staging, _ := places(env, p)
	m := memo{}
	if m.Parent, err = there(h.fs, filepath.Dir(staging)); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func there(fsys durable.Reader, path string) (bool, error) {
	_, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Do unpacks and downloads, reads every package, and notes what they touch.
func (h *Fetch) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.PackageParams](s)
	if err != nil {
		return err
	}
	staging, partial := places(env, p)
	if done, err := there(h.fs, staging); done || err != nil {
		return err
	}
	m, err := h.managers(p.Manager, exec(h.run, env, s))
	if err != nil {
		return err
	}
	// whoever is at work on packages now is waited for while users work
	if err := free(ctx, env, m, p.Wait); err != nil {
		return err
	}
	if err := h.fs.MkdirAll(filepath.Dir(staging), 0o700); err != nil {
		return err
	}
	if err := h.fs.RemoveAll(partial); err != nil {
		return err
	}
	if err := h.fill(ctx, env, m, p, partial); err != nil {
		return err
	}
	found, err := h.check(ctx, m, p, partial)
	if err != nil {
		return err
	}
	list, err := m.Footprint(ctx, changes(p), found)
	if err != nil {
		return fmt.Errorf("cannot tell what the packages of %s touch: %w", p.Component, err)
	}
	for _, a := range p.Also {
		list = append(list, strings.Trim(filepath.Clean(a), "/")+"/")
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := h.fs.WriteFile(filepath.Join(partial, Footprint), raw, 0o600); err != nil {
		return err
	}
	if err := h.fs.SyncTree(partial); err != nil {
		return err
	}
	return h.fs.Rename(partial, staging)
}

// fill puts the package files into the folder.
func (h *Fetch) fill(ctx context.Context, env step.Env, m packages.Manager, p *plan.PackageParams, dir string) error {
	if p.Payload == "" {
		if err := h.fs.Mkdir(dir, 0o700); err != nil {
			return err
		}
	} else {
		r, want, err := h.bundles.Payload(ctx, p.Bundle, p.Payload, p.Sums)
		if err != nil {
			return fmt.Errorf("cannot fetch the packages of %s: %w", p.Component, err)
		}
		defer r.Close()
		if _, err := files.Stage(ctx, h.fs, r, dir, files.StageOptions{Want: &want}); err != nil {
			return fmt.Errorf("cannot unpack the packages of %s: %w", p.Component, err)
		}
	}
	var far []packages.Change
	for _, c := range p.Changes {
		if c.Source != "bundle" {
			far = append(far, packages.Change{Name: c.Name, Arch: c.Arch, From: c.From, To: c.To})
		}
	}
	if len(far) == 0 {
		return nil
	}
	if err := m.Download(ctx, dir, far); err != nil {
		return &step.UserError{Msg: "cannot fetch the packages of " + p.Component, Err: err, Now: "see that this computer reaches its package sources (apt-get update), then start the upgrade again"}
	}
	return nil
}

// check sees that the files are those of the plan, each once.
func (h *Fetch) check(ctx context.Context, m packages.Manager, p *plan.PackageParams, dir string) ([]packages.File, error) {
	list, err := h.fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []packages.File
	for _, path := range packageFiles(dir, list) {
		f, err := m.Inspect(ctx, path)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	for _, c := range p.Changes {
		n := 0
		for _, f := range found {
			if f.Name == c.Name && f.Version == c.To {
				n++
			}
		}
		if n != 1 {
			return nil, &step.UserError{Msg: fmt.Sprintf("cannot fetch the packages of %s: of %s %s there are %d files, not one", p.Component, c.Name, c.To, n), Now: "the plan no longer fits; make a new one"}
		}
	}
	return found, nil
}

func packageFiles(dir string, list []durable.DirEntry) []string {
	var out []string
	for _, e := range list {
		if isPackage(e.Name) {
			out = append(out, filepath.Join(dir, e.Name))
		}
	}
	slices.Sort(out)
	return out
}

func changes(p *plan.PackageParams) []packages.Change {
	var out []packages.Change
	for _, c := range p.Changes {
		out = append(out, packages.Change{Name: c.Name, Arch: c.Arch, From: c.From, To: c.To})
	}
	return out
}

// Undo removes what was fetched.
func (h *Fetch) Undo(_ context.Context, env step.Env, s plan.Step, raw step.Memo) error {
	p, err := step.Params[plan.PackageParams](s)
	if err != nil {
		return err
	}
	m := memo{}
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	staging, partial := places(env, p)
	if whole, err := there(h.fs, staging); err != nil {
		return err
	} else if whole {
		if err := h.fs.RemoveAll(partial); err != nil {
			return err
		}
		if err := h.fs.Rename(staging, partial); err != nil { // half of it must not look complete
			return err
		}
	}
	if err := h.fs.RemoveAll(partial); err != nil {
		return err
	}
	parent := filepath.Dir(staging)
	if list, err := h.fs.ReadDir(parent); m.Parent || errors.Is(err, fs.ErrNotExist) || len(list) > 0 {
		return nil
	} else if err != nil {
		return err
	}
	return h.fs.Remove(parent)
}

// Observe looks for the complete folder.
func (h *Fetch) Observe(_ context.Context, env step.Env, s plan.Step, raw step.Memo) (step.Observation, error) {
	p, err := step.Params[plan.PackageParams](s)
	if err != nil {
		return step.Observation{}, err
	}
	m := memo{}
	if err := json.Unmarshal(raw, &m); err != nil {
		return step.Observation{}, fmt.Errorf("cannot read the memo of step %s: %w", s.ID, err)
	}
	staging, partial := places(env, p)
	whole, err := there(h.fs, staging)
	if err != nil {
		return step.Observation{}, err
	}
	half, err := there(h.fs, partial)
	if err != nil {
		return step.Observation{}, err
	}
	parent, err := there(h.fs, filepath.Dir(staging))
	switch {
	case err != nil:
		return step.Observation{}, err
	case whole:
		return step.Observation{State: step.New, Evidence: fmt.Sprintf("%d packages lie in %s, read and compared", len(p.Changes), staging)}, nil
	case half || parent && !m.Parent:
		return step.Observation{State: step.Mixed, Evidence: "fetching the packages was interrupted"}, nil
	}
	return step.Observation{State: step.Old, Evidence: "no packages of " + p.Component + " are fetched"}, nil
}
