package steptest

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// ledger knows what was written and not yet synced: "content of P" and "name
// of P".
type ledger map[string]bool

func (l ledger) content(p string) { l["content of "+p] = true }
func (l ledger) name(p string)    { l["name of "+p] = true }

func (l ledger) syncedContent(p string) { delete(l, "content of "+p) }

func (l ledger) syncedDir(dir string) {
	for k := range l {
		if p, ok := strings.CutPrefix(k, "name of "); ok && filepath.Dir(p) == filepath.Clean(dir) {
			delete(l, k)
		}
	}
}

// syncedTree is a syncfs: names above the tree are on the volume, too.
func (l ledger) syncedTree() { clear(l) }

// gone forgets what lay at or below p; moved follows a rename.
func (l ledger) gone(p string) {
	for k := range l {
		if _, at, _ := strings.Cut(k, " of "); below(at, p) {
			delete(l, k)
		}
	}
}

func (l ledger) moved(from, to string) {
	for k := range maps.Clone(l) {
		if what, at, _ := strings.Cut(k, " of "); below(at, from) {
			delete(l, k)
			l[what+" of "+to+at[len(from):]] = true
		}
	}
}

func below(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

func (l ledger) list() []string { return slices.Sorted(maps.Keys(l)) }

// only knows what must stay until another name is durable: a path, with that
// name. A power cut could leave neither, or a half of what seems to be whole.
type only map[string]other

type other struct {
	name string
	lost bool // the path was changed before
}

// renamed and linked are without a sync. What has no durable name itself cannot
// come back after a power cut.
func (o only) renamed(l ledger, from, to string) {
	if !l["name of "+from] {
		o[to] = other{name: to}
	}
}

func (o only) linked(l ledger, from, to string) {
	if !l["name of "+from] {
		o[from] = other{name: to}
	}
}

// changes says that what is at path is replaced, or taken apart.
func (o only) changes(l ledger, path string) {
	if x, ok := o[path]; ok && l["name of "+x.name] {
		o[path] = other{x.name, true}
	}
}

func (o only) list() []string {
	var out []string
	for path, x := range o {
		if x.lost {
			out = append(out, "name of "+x.name+", when "+path+" was changed")
		}
	}
	slices.Sort(out)
	return out
}
