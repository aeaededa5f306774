package archive

import (
	"maps"
	"path"
	"slices"
	"strings"

	"upkeep/internal/files"
)

// split compares a tree as it is now with the first pass: what is taken from
// the base archive as it is, and what must be packed again. Files that share an
// inode are taken together, and the directories above what changes come along:
// so each archive is whole in itself, for plain tools, too.
func split(base, now files.Tree) (kept, changed files.Tree) {
	same := map[string]bool{}
	groups := map[string]bool{} // first names of files of which a name has changed
	dirs := map[string]bool{}   // above something that changes
	for _, e := range now.Entries {
		was, ok := base.Find(e.Path)
		same[e.Path] = ok && unchanged(was, e)
		if !same[e.Path] && e.Type == files.File {
			groups[firstName(e)] = true
		}
	}
	above := func(p string) {
		for ; p != "." && !dirs[path.Dir(p)]; p = path.Dir(p) {
			dirs[path.Dir(p)] = true
		}
	}
	for _, e := range now.Entries {
		if same[e.Path] = same[e.Path] && !(e.Type == files.File && groups[firstName(e)]); !same[e.Path] {
			above(e.Path)
		}
	}
	for _, e := range base.Entries {
		if _, ok := now.Find(e.Path); !ok {
			above(e.Path)
		}
	}
	for _, e := range now.Entries {
		switch {
		case e.Type == files.Socket: // means nothing elsewhere
		case same[e.Path] && !dirs[e.Path]:
			was, _ := base.Find(e.Path)
			kept.Entries = append(kept.Entries, was)
		default:
			changed.Entries = append(changed.Entries, e)
		}
	}
	return kept, changed
}

func firstName(e files.Entry) string {
	if e.HardLink != "" {
		return e.HardLink
	}
	return e.Path
}

// unchanged goes by everything that stat and the attributes tell.
func unchanged(was, now files.Entry) bool {
	if was.Type == files.File && !files.Unchanged(was, now) {
		return false
	}
	return was.Type == now.Type && was.Mode == now.Mode && was.UID == now.UID && was.GID == now.GID && was.MTime == now.MTime &&
		was.Target == now.Target && was.HardLink == now.HardLink && was.Rdev == now.Rdev &&
		maps.EqualFunc(was.Xattrs, now.Xattrs, func(a, b []byte) bool { return string(a) == string(b) })
}

// gone lists what must be taken away after the base archive was unpacked and
// before the delta is: everything of the base that is not kept, except
// directories that still are directories. Deepest first, so that a directory is
// empty when its turn comes.
func gone(base, kept, packed files.Tree) []string {
	var out []string
	for _, e := range base.Entries {
		if _, ok := kept.Find(e.Path); ok {
			continue
		}
		if again, ok := packed.Find(e.Path); ok && again.Type == files.Dir && e.Type == files.Dir {
			continue
		}
		out = append(out, e.Path)
	}
	slices.Reverse(out)
	return out
}

// join puts two trees without common paths together.
func join(a, b files.Tree) files.Tree {
	t := files.Tree{Entries: slices.Concat(a.Entries, b.Entries)}
	slices.SortFunc(t.Entries, func(x, y files.Entry) int { return strings.Compare(x.Path, y.Path) })
	return t
}

// The list of names to remove: each ended by a NUL, the one byte that no name
// holds, for xargs -0.
func encodeNames(names []string) []byte {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(n)
		b.WriteByte(0)
	}
	return []byte(b.String())
}

func decodeNames(data []byte) map[string]bool {
	m := map[string]bool{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00"), "\x00") {
		if name != "" {
			m[name] = true
		}
	}
	return m
}
