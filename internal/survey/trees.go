package survey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"

	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/site"
)

// trees measures every tree and finds what the site edited in it.
func (s *Surveyor) trees(ctx context.Context, r *plan.Resolver, f *plan.Facts, sums func(string) *files.Tree) error {
	for _, id := range r.Product.Order {
		c := r.Product.Components[id]
		if c.Kind != "tree" || f.Instances[id].Missing != "" || s.Units != nil && !slices.Contains(s.Units, id) {
			continue
		}
		at, err := r.Scope.Expand(c.At.Path)
		if err != nil {
			return err
		}
		root := at
		if real, err := filepath.EvalSymlinks(at); err == nil {
			root = real
		}
		t, err := files.Scan(ctx, s.FS, root, files.Options{})
		if err != nil {
			return fmt.Errorf("cannot look through %s: %w", id, err)
		}
		fact := f.Instances[id]
		fact.Bytes, fact.Files = 0, 0
		for _, e := range t.Entries {
			if e.SHA256 != "" || e.Size > 0 {
				fact.Bytes += e.Size
				fact.Files++
			}
		}
		f.Instances[id] = fact
		if err := s.volumes(f, filepath.Dir(at)); err != nil {
			return err
		}
		want := sums(id)
		if want == nil {
			continue
		}
		edits, err := files.Edited(ctx, s.FS, *want, root, files.Options{Exclude: c.Keep})
		if err != nil {
			return fmt.Errorf("cannot compare %s with what its release shipped: %w", id, err)
		}
		for _, d := range edits {
			f.Edited[id] = append(f.Edited[id], plan.Edit{Path: d.Path, What: string(d.What)})
		}
	}
	return nil
}

// hooks lists every declared hook folder. A folder that is not there has no
// hooks.
func (s *Surveyor) hooks(r *plan.Resolver, in *site.Installation, f *plan.Facts) error {
	dirs := map[string]bool{}
	for _, h := range r.Product.Hooks {
		dir, err := r.Scope.Expand(h.Dir)
		if err != nil {
			return fmt.Errorf("hook folder: %w", err)
		}
		dirs[dir] = true
	}
	for _, h := range in.Hooks {
		dirs[h.Dir] = true
	}
	for dir := range dirs {
		if _, done := f.HookDirs[dir]; done {
			continue
		}
		entries, err := s.hookDir(dir)
		if err != nil {
			return err
		}
		if entries != nil {
			f.HookDirs[dir] = entries
		}
	}
	return nil
}

func (s *Surveyor) hookDir(dir string) ([]plan.HookEntry, error) {
	list, err := s.FS.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the hook folder: %w", err)
	}
	unsafe := s.othersWrite(dir)
	var out []plan.HookEntry
	for _, e := range list {
		out = append(out, s.hookEntry(filepath.Join(dir, e.Name), unsafe))
	}
	return out, nil
}

// hookEntry applies the selection rule: a regular file that may be executed.
// A README is no hook, and neither is an editor's backup.
func (s *Surveyor) hookEntry(path, unsafe string) plan.HookEntry {
	e := plan.HookEntry{Name: filepath.Base(path), Unsafe: unsafe}
	info, err := s.FS.Lstat(path)
	switch {
	case err != nil:
		e.Skip = err.Error()
	case leftover.MatchString(e.Name):
		e.Skip = "by its name it is a copy that an editor or a package manager left"
	case !info.IsRegular():
		e.Skip = "it is not a regular file"
	case info.Mode.Perm()&0o111 == 0:
		e.Skip = "it is not executable (chmod +x makes it a hook)"
	}
	if e.Skip != "" {
		return e
	}
	if info.Mode.Perm()&0o022 != 0 {
		e.Unsafe = fmt.Sprintf("others can write to it (mode %04o): chmod go-w %s", info.Mode.Perm(), path)
	}
	t, err := files.Scan(context.Background(), s.FS, path, files.Options{Hash: true})
	if err != nil || len(t.Entries) == 0 {
		e.Skip = fmt.Sprintf("it cannot be read: %v", err)
		return e
	}
	e.SHA256 = t.Entries[0].SHA256
	return e
}

// leftover fits the names of copies that editors and package managers leave
// beside a script, with its mode: the lists of run-parts, dpkg and rpm.
var leftover = regexp.MustCompile(`^[.#]|~$|\.(dpkg-[a-z]+|ucf-[a-z]+|rpm(new|save|orig)|bak|orig|rej|sw[a-p]|tmp)$`)

// othersWrite says which folder above could be changed by others: who can
// replace the folder can replace the hook. Sticky folders protect names.
func (s *Surveyor) othersWrite(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := s.FS.Stat(at)
		if err != nil {
			return err.Error()
		}
		if info.Mode.Perm()&0o022 != 0 && info.Mode&fs.ModeSticky == 0 {
			return fmt.Sprintf("others can write to its folder %s (mode %04o): chmod go-w %s", at, info.Mode.Perm(), at)
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}
