package crashfs

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/durable"
)

// Snapshot lists trees for comparing: a line each file, sorted by path, with mode, owner, path, size or target, the beginning
// of the content's SHA-256, attributes, and the number of hard links where there are several. No times. A root that is missing
// is no line. Without roots it is the whole volume.
func (f *FS) Snapshot(roots ...string) string { return f.listed(false, roots) }

// SnapshotTimes is Snapshot with the time of the last change of content.
func (f *FS) SnapshotTimes(roots ...string) string { return f.listed(true, roots) }

func (f *FS) listed(times bool, roots []string) string {
	if len(roots) == 0 {
		roots = []string{"/"}
	}
	s, err := Snapshot(f, times, roots...)
	if err != nil { // nobody forbids anything here
		return s + err.Error() + "\n"
	}
	return s
}

// Snapshot lists trees of any file system as the method does; durable.OS() for one.
func Snapshot(fsys durable.FS, times bool, roots ...string) (string, error) {
	var b strings.Builder
	for _, root := range roots {
		if err := list(&b, fsys, times, filepath.Clean(root)); err != nil {
			return b.String(), err
		}
	}
	return b.String(), nil
}

func list(b *strings.Builder, fsys durable.FS, times bool, path string) error {
	i, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s %d:%d %s", i.Mode, i.UID, i.GID, path)
	switch {
	case i.IsLink():
		target, err := fsys.Readlink(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, " -> %s", target)
	case i.IsRegular():
		data, err := fsys.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(b, " %d %x", i.Size, sum[:4])
	case i.Mode&fs.ModeDevice != 0:
		fmt.Fprintf(b, " %#x", i.Rdev)
	}
	x, err := fsys.Xattrs(path)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(x)) {
		fmt.Fprintf(b, " %s=%q", name, x[name])
	}
	if !i.IsDir() && i.Nlink > 1 {
		fmt.Fprintf(b, " links=%d", i.Nlink)
	}
	if times {
		b.WriteString(i.MTime.UTC().Format(" 2006-01-02T15:04:05.000000000"))
	}
	b.WriteByte('\n')
	if !i.IsDir() {
		return nil
	}
	names, err := fsys.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range names {
		if err := list(b, fsys, times, filepath.Join(path, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Dirty says what is not durable, sorted: "name of PATH" for a name that is another one on the disk or none, "content of PATH"
// and "metadata of PATH". Names in a directory whose own name is not durable are, too, even if they were synced.
func (f *FS) Dirty() []string {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	var out []string
	var walk func(dir *node, path string)
	walk = func(dir *node, path string) {
		out = append(out, dir.dirt(path)...)
		for name, s := range dir.slots {
			if s.disk != dir.names[name] {
				out = append(out, "name of "+filepath.Join(path, name))
			}
		}
		for name, n := range dir.names {
			if at := filepath.Join(path, name); n.isDir() {
				walk(n, at)
			} else {
				out = append(out, n.dirt(at)...)
			}
		}
	}
	walk(f.v.root, "/")
	slices.SortFunc(out, func(a, b string) int {
		_, pa, _ := strings.Cut(a, " of ")
		_, pb, _ := strings.Cut(b, " of ")
		return cmp.Or(cmp.Compare(pa, pb), cmp.Compare(a, b))
	})
	return slices.Compact(out)
}

func (n *node) dirt(path string) []string {
	var out []string
	if n.unsynced&data != 0 {
		out = append(out, "content of "+path)
	}
	if n.unsynced&meta != 0 {
		out = append(out, "metadata of "+path)
	}
	return out
}
