// Package restic is the engine of restore points that keeps them in a restic
// repository: encrypted, incremental, in a folder or on another computer (SFTP,
// S3, REST). It runs the program restic, at least Oldest; the layout is described
// in docs/reference/restore-point.md.
//
// A restore point is a few snapshots: one for each part of files, one for each
// dump, and last the record, which names them with sums. A snapshot that no
// record names is no part of anything, whatever is in it, and is swept.
//
// It may import internal/backup, internal/database, internal/durable,
// internal/files, golang.org/x/sys and the standard library.
package restic

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
)

// Names in the local folder, and in the snapshot of a record.
const (
	record   = "restore-point.json"
	sums     = "SHA256SUMS"
	partial  = ".partial"
	prepared = "first-pass"
	known    = "repository" // which repository lies at the place
	globals  = "@globals.sql"
)

// Config says where, and how the repository is reached.
type Config struct {
	Repository string // as restic takes it: a folder, sftp:…, s3:…, rest:…
	Dir        string // local, absolute: notes of what is being made, and the cache; mode 0700
	Name       string // of the installation: several may share a repository
	Host       string // of this computer, in the snapshots
	Program    string // a path; empty: restic in PATH
	// Password gives the repository's. It goes to restic through a descriptor.
	Password func(context.Context) (string, error)
	// Environment gives what restic needs of its environment, as NAME=VALUE; it
	// inherits nothing.
	Environment func(context.Context) ([]string, error)
	Limit       int64 // of up- and download while users work, bytes a second; 0: none
	FS          durable.FS
	Now         func() time.Time // the clock; nil: time.Now
}

// Engine keeps restore points in a repository.
type Engine struct {
	Config
	before   func(writes bool) error // before each call of restic; for tests
	patience time.Duration           // with a place that is only looked at
	lockWait time.Duration           // for another restic to end

	mu       sync.Mutex
	program  string            // that was found, with a version that will do
	there    bool              // the repository was opened before
	prepared map[string]*first // first passes made by this value, by id
	records  map[string][]byte // records by snapshot, which never change
}

var _ backup.Engine = (*Engine)(nil)

// New makes the value; nothing is touched.
func New(c Config) *Engine {
	if c.Now == nil {
		c.Now = time.Now
	}
	const (
		patience = 2 * time.Minute // restic itself tries for 15
		lockWait = 30 * time.Second
	)
	return &Engine{Config: c, patience: patience, lockWait: lockWait, prepared: map[string]*first{}, records: map[string][]byte{}}
}

// Kind is "restic".
func (e *Engine) Kind() string { return "restic" }

func (e *Engine) path(parts ...string) string {
	return filepath.Join(append([]string{e.Dir}, parts...)...)
}

func (e *Engine) clock() time.Time { return e.Now().UTC().Round(time.Millisecond) }

// local says whether the repository is a folder of this computer.
func (e *Engine) local() bool { return filepath.IsAbs(e.Repository) }
