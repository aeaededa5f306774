package tap

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Traced is an operation that a process has asked for.
type Traced struct {
	PID     int
	Process string // the command word
	N       int    // the operation's number in its process
	Op
	// Mounts are the points at which volumes were mounted then, for a SyncTree,
	// which makes durable what lies on its own volume; nil: there is one volume.
	Mounts []string
}

// Point names the operation.
func (o Traced) Point() string { return fmt.Sprintf("%s %d: %s", o.Process, o.N, o.Op) }

// volume is the mount point of the volume that holds p.
func (o Traced) volume(p string) (at string) {
	for _, m := range o.Mounts {
		if below(p, strings.TrimSuffix(m, "/")) && len(m) > len(at) {
			at = m
		}
	}
	return at
}

// ledger knows what was written and not synced: "content of P" or "name of P",
// and at which site.
type ledger map[string]string

// Dirty lists what was not durable when a journal spoke of it, or when a
// process ended: of
// operations that were all made, in this order. omit and lazy are a mutant's
// site: its syncs are left out, or its operations are made without theirs. A kill
// cannot show that, and a power cut only sometimes.
func Dirty(ops []Traced, omit, lazy string) []string {
	l, dirty := ledger{}, map[string]bool{}
	look := func() {
		for what, site := range l {
			dirty[what+" ("+site+")"] = true
		}
	}
	last := map[int]int{} // of each process
	for i, o := range ops {
		last[o.PID] = i
	}
	for i, o := range ops {
		switch {
		case o.Kind == "journal":
			look()
		case o.Site != omit || omit == "":
			l.note(o, !o.Unsynced && (o.Site != lazy || lazy == ""))
		}
		if last[o.PID] == i {
			look()
		}
	}
	return slices.Sorted(maps.Keys(dirty))
}

func (l ledger) note(o Traced, synced bool) {
	content := func() { l["content of "+o.Path] = o.Site }
	name := func(p string) {
		if !synced {
			l["name of "+p] = o.Site
		}
	}
	switch o.Name {
	case "SyncTree": // a syncfs: everything on the volume
		maps.DeleteFunc(l, func(what, _ string) bool {
			_, at, _ := strings.Cut(what, " of ")
			return o.volume(at) == o.volume(o.Path)
		})
		return
	case "SyncFile", "Sync":
		delete(l, "content of "+o.Path)
		return
	case "SyncDir":
		delete(l, "content of "+o.Path)
		l.syncedDir(o.Path)
		return
	case "Create": // of either view: its name is durable with its folder
		content()
		l["name of "+o.Path] = o.Site
		return
	case "fill", "Truncate":
		content()
		return
	case "Chmod", "Chown", "Chtimes", "SetXattr", "RemoveXattr":
		if synced {
			delete(l, "content of "+o.Path)
		} else {
			content()
		}
		return
	case "WriteFile", "Preallocate":
		delete(l, "content of "+o.Path)
		if !synced {
			content()
		}
		name(o.Path)
	case "Rename", "Replace":
		l.gone(o.Other)
		l.moved(o.Path, o.Other)
		name(o.Path)
		name(o.Other)
	case "Exchange":
		name(o.Path)
		name(o.Other)
	case "Link":
		name(o.Other)
	case "Remove", "RemoveAll":
		fresh := l["name of "+o.Path] != "" // it had not even a durable name
		l.gone(o.Path)
		if !fresh {
			name(o.Path)
		}
	default: // Mkdir, MkdirAll, SwapLink, Symlink, Mknod
		name(o.Path)
	}
	if synced {
		l.syncedDir(filepath.Dir(o.Path))
		if o.Name == "Rename" || o.Name == "Replace" || o.Name == "Exchange" || o.Name == "Link" {
			l.syncedDir(filepath.Dir(o.Other))
		}
	}
}

func (l ledger) syncedDir(dir string) {
	for what := range l {
		if p, ok := strings.CutPrefix(what, "name of "); ok && filepath.Dir(p) == filepath.Clean(dir) {
			delete(l, what)
		}
	}
}

// gone forgets what lay at or below p; moved follows a rename.
func (l ledger) gone(p string) {
	for what := range l {
		if _, at, _ := strings.Cut(what, " of "); below(at, p) {
			delete(l, what)
		}
	}
}

func (l ledger) moved(from, to string) {
	for what, site := range maps.Clone(l) {
		if kind, at, _ := strings.Cut(what, " of "); below(at, from) {
			delete(l, what)
			l[kind+" of "+to+at[len(from):]] = site
		}
	}
}

func below(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }
