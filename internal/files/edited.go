package files

import (
	"context"
	"path"
	"slices"
	"strings"

	"upkeep/internal/durable"
)

// Edited lists what the customer changed in the tree at root against the release that is installed there: files edited, added and removed, links bent, files turned into
// something else. Owners, times and attributes are not looked at (installing sets them), nor modes of entries of which the release says none,
// nor directories as such. A plain list of sums tells of no links: those that stay inside the tree, as a release's do, are then
// not taken for added ones. o.Exclude names what is not the release's: kept paths, logs, caches.
func Edited(ctx context.Context, fsys durable.FS, release Tree, root string, o Options) ([]Difference, error) {
	o.Hash = true
	now, err := Scan(ctx, fsys, root, o)
	if err != nil {
		return nil, err
	}
	return EditedOf(release, now, o.Exclude)
}

// EditedOf is Edited for a tree that was scanned already, with its sums. What it leaves out may be in the scan.
func EditedOf(release, found Tree, exclude []string) ([]Difference, error) {
	match, err := newMatcher(exclude)
	if err != nil {
		return nil, err
	}
	now := Tree{}
	for _, e := range found.Entries {
		if !match.covers(e.Path, e.Type == Dir) {
			now.Entries = append(now.Entries, e)
		}
	}
	was := Tree{}
	for _, e := range release.Entries {
		if !match.covers(e.Path, e.Type == Dir) {
			was.Entries = append(was.Entries, e)
		}
	}
	var out []Difference
	plain := !slices.ContainsFunc(release.Entries, func(e Entry) bool { return e.Type != File || e.Mode != 0 })
	for _, d := range Compare(was, now, Ignore{MTime: true, Owner: true, Xattrs: true, HardLink: true}) {
		old, inOld := was.Find(d.Path)
		cur, inNow := now.Find(d.Path)
		switch {
		case d.What == Mode && (old.Type == Dir || old.Mode == 0 || old.Mode&0o111 == cur.Mode&0o111):
			// Only the execute bits of files were set by somebody on purpose; the rest depends on how the release was installed.
		case plain && !inOld && cur.Type == Link && staysInside(cur):
		case !inOld && cur.Type == Dir, !inNow && old.Type == Dir:
		default:
			out = append(out, d)
		}
	}
	return out, nil
}

// staysInside says whether a link leads to something in its own tree.
func staysInside(e Entry) bool {
	return !path.IsAbs(e.Target) && !strings.HasPrefix(path.Join(path.Dir(e.Path), e.Target)+"/", "../")
}
