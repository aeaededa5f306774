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
