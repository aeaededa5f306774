// Package watch is the machine's file system for tests of code that must leave
// everything durable: it knows what was written through it and not synced, and
// tap.MutantEnv may make it wrong. It is for tests of packages that
// internal/step/steptest needs itself, or that are no verbs. It imports
// internal/durable and internal/lab/tap, whose ledger it keeps.
package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap"
)

// Disk is the file system.
type Disk struct {
	records []string
	mu      sync.Mutex
	ops     []tap.Traced
	moved   []string // trees with a new name that was not synced: a power cut may take it back
}

// New makes one. records are names of files that speak of others: when one is
// written, all else must be durable.
func New(records ...string) *Disk { return &Disk{records: records} }

// FS is what the code under test writes through.
func (d *Disk) FS() durable.FS { return d.Over(durable.OS()) }

// Over is the same on a file system that fails.
func (d *Disk) Over(inner durable.FS) durable.FS { return tap.Mutated(tap.FS(inner, d.note)) }

// Dirty lists what has not been durable since it was asked last.
func (d *Disk) Dirty() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	dirty := tap.Dirty(d.ops, "", "")
	d.ops, d.moved = nil, nil
	return dirty
}

// note keeps what took effect.
func (d *Disk) note(op tap.Op, do func() error) error {
	_, before := os.Lstat(op.Path)
	err := do()
	absent := errors.Is(before, fs.ErrNotExist)
	if err != nil || op.Name == "MkdirAll" && !absent || op.Name == "RemoveAll" && absent {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if op.Name == "WriteFile" && slices.Contains(d.records, filepath.Base(op.Path)) || slices.ContainsFunc(d.moved, func(tree string) bool { return d.takesApart(op, tree) }) {
		d.ops = append(d.ops, tap.Traced{Op: tap.Op{Kind: "journal"}}) // everything must be durable now
	}
	if op.Unsynced && (op.Name == "Rename" || op.Name == "Exchange") && !d.unnamed(op.Path) { // else it cannot come back
		d.moved = append(d.moved, op.Other)
		if op.Name == "Exchange" {
			d.moved = append(d.moved, op.Path)
		}
	}
	made := tap.Traced{Op: op}
	if op.Name == "SyncTree" {
		made.Mounts, err = durable.OS().Mounts("/")
	}
	d.ops = append(d.ops, made)
	return err
}

// takesApart says that an operation changes a tree whose new name is not durable:
// a power cut could leave half of it under the old one.
func (d *Disk) takesApart(op tap.Op, tree string) bool {
	at := strings.HasPrefix(op.Path, tree+"/")
	switch op.Name {
	case "SyncDir", "SyncTree", "SyncFile":
		return false
	case "Rename", "Replace", "Exchange": // of the tree itself takes earlier changes of its names along
	default:
		at = at || op.Path == tree
	}
	return at && d.unnamed(tree)
}

// unnamed says whether the name of path is not durable.
func (d *Disk) unnamed(path string) bool {
	return slices.ContainsFunc(tap.Dirty(d.ops, "", ""), func(what string) bool { return strings.HasPrefix(what, "name of "+path+" (") })
}
