package sitetest

import (
	"io"
	"io/fs"
	"regexp"

	"upkeep/internal/durable"
)

// files is the file system into which the sample product is written.
func (s *Site) files() durable.FS {
	if s.Slim {
		return slim{durable.OS().Unsynced()}
	}
	return durable.OS().Unsynced()
}

// filler are the files that only make a tree look like a real one.
var filler = regexp.MustCompile(`/app/(static|lib|locale|doc|licenses)/|/templates/maintenance\.html$`)

// folders hold nothing else.
var folders = regexp.MustCompile(`/app/(static|lib|locale|doc|licenses)$`)

// slim leaves them out.
type slim struct{ durable.FS }

func (f slim) Unsynced() durable.FS { return f }

func (f slim) MkdirAll(path string, perm fs.FileMode) error {
	if folders.MatchString(path) {
		return nil
	}
	return f.FS.MkdirAll(path, perm)
}

func (f slim) Create(path string, perm fs.FileMode) (durable.File, error) {
	if filler.MatchString(path) {
		return nowhere{io.Discard}, nil
	}
	return f.FS.Create(path, perm)
}

type nowhere struct{ io.Writer }

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Truncate(int64) error                   { return nil }
func (nowhere) Sync() error                            { return nil }
func (nowhere) Close() error                           { return nil }
