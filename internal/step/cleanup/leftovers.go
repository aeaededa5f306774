package cleanup

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// What Upkeep keeps in the folder beside a product's tree: RUN-hN is the tree
// that hop N of a run has replaced (or, where the product is reached through a
// link, the one that it has installed), with a note RUN-hN.json; RUN-hN.shipped
// is what a release brought under the names of kept paths, and RUN-hN.defaults
// that under the names of merged files; what begins with .upkeep- was never
// finished.
const shippedSuffix, defaultsSuffix, noteSuffix = ".shipped", ".defaults", ".json"

func isTrash(name string) bool { return strings.HasPrefix(name, files.StagingPrefix) }

// folder is Upkeep's folder beside a tree.
func folder(at string) string {
	return filepath.Join(filepath.Dir(at), "."+filepath.Base(at)+".upkeep")
}

// tree is an old tree with its run.
type tree struct {
	name string
	run  string
	hop  string
	made time.Time
}

// leftovers lists what is to go beside one tree. Kept are: whatever is live;
// this run's origin, which lies where its first hop was staged; and the keep
// newest trees of earlier runs. Since there is one run at a time, all other runs
// are closed.
func (h *Handler) leftovers(run, at string, keep int) ([]leftover, error) {
	parent := folder(at)
	list, err := h.fs.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	live, linked, err := h.live(at)
	if err != nil {
		return nil, err
	}
	pattern := regexp.MustCompile(`^([^.].*)-h([0-9]+)$`)
	names := map[string]bool{}
	var earlier []tree
	var remove []string
	for _, e := range list {
		names[e.Name] = true
		if isTrash(e.Name) {
			remove = append(remove, e.Name)
		}
		m := pattern.FindStringSubmatch(e.Name)
		if m == nil || !e.Type.IsDir() {
			continue
		}
		i, err := h.fs.Lstat(filepath.Join(parent, e.Name))
		if err != nil {
			return nil, err
		}
		t := tree{name: e.Name, run: m[1], hop: m[2], made: h.made(parent, e.Name)}
		switch {
		case live != nil && same(*live, i):
		case t.run != run:
			earlier = append(earlier, t)
		case t.hop != "1" || linked:
			remove = append(remove, t.name)
		}
	}
	remove = append(remove, old(earlier, keep)...)
	var out []leftover
	add := func(name string) {
		if names[name] {
			out = append(out, leftover{At: at, Parent: parent, Name: name})
		}
	}
	for _, name := range remove {
		add(name)
		add(name + noteSuffix)
	}
	for _, e := range list {
		base, shipped := strings.CutSuffix(strings.TrimSuffix(e.Name, defaultsSuffix), shippedSuffix)
		shipped = shipped || strings.HasSuffix(e.Name, defaultsSuffix)
		note, isNote := strings.CutSuffix(e.Name, noteSuffix)
		if shipped && pattern.MatchString(base) || isNote && pattern.MatchString(note) && !names[note] {
			add(e.Name)
		}
	}
	slices.SortFunc(out, func(a, b leftover) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// old are the trees of earlier runs beyond the keep newest.
func old(trees []tree, keep int) []string {
	slices.SortFunc(trees, func(a, b tree) int {
		return cmp.Or(b.made.Compare(a.made), cmp.Compare(b.name, a.name))
	})
	var out []string
	for i, t := range trees {
		if i >= keep {
			out = append(out, t.name)
		}
	}
	return out
}

// live describes the tree in use, and says whether a link leads to it.
func (h *Handler) live(at string) (*durable.Info, bool, error) {
	i, err := h.fs.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, err
	}
	if !i.IsLink() {
		return &i, false, nil
	}
	target, err := h.fs.Stat(at)
	return &target, true, err
}

// made is when a tree was staged, by its note; the zero time when there is
// none.
func (h *Handler) made(parent, name string) time.Time {
	i, err := h.fs.Lstat(filepath.Join(parent, name+noteSuffix))
	if err != nil {
		return time.Time{}
	}
	return i.MTime
}
