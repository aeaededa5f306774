// Package memo keeps the memos of a run's steps: one file a step, readable by
// the engine's account only, atomic and durable when written, verified by its
// hash when read. It imports internal/durable, internal/step and the standard
// library.
package memo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"

	"upkeep/internal/durable"
	"upkeep/internal/step"
)

// ErrDamaged: a memo is not the one that the journal knows. What the step
// found before it can then not be told, so nothing may be undone by it.
var ErrDamaged = errors.New("the memo is damaged")

// ErrMissing: the journal knows of a memo whose file is gone.
var ErrMissing = errors.New("the memo is missing")

// Store is the folder memos/ of one run.
type Store struct {
	fs   durable.FS
	dir  string
	made atomic.Bool // the folder is there and durable
}

// New makes a store in the run's own folder, which must be absolute. Nothing
// is written before the first memo.
func New(fsys durable.FS, run string) *Store {
	return &Store{fs: fsys, dir: filepath.Join(run, "memos")}
}

// Write keeps the memo of a step, in place of an earlier one, and gives its
// SHA-256 in hexadecimal. It is durable on return.
func (s *Store) Write(name string, m step.Memo) (string, error) {
	if name == "" {
		return "", errors.New("cannot keep a memo: the step has no id")
	}
	if !s.made.Load() {
		if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
			return "", fmt.Errorf("cannot keep the memo of %s: %w", name, err)
		}
		s.made.Store(true)
	}
	if err := s.fs.WriteFile(s.path(name), m, 0o600); err != nil {
		return "", fmt.Errorf("cannot keep the memo of %s: %w", name, err)
	}
	return sum(m), nil
}

// Read gives the memo of a step that has that hash. A file that is gone is
// ErrMissing, one with another content ErrDamaged; both name the file.
func (s *Store) Read(name, hash string) (step.Memo, error) {
	path := s.path(name)
	m, err := s.fs.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("cannot read the memo of %s: %w: %s", name, ErrMissing, path)
	case err != nil:
		return nil, fmt.Errorf("cannot read the memo of %s: %w", name, err)
	}
	if got := sum(m); got != hash {
		return nil, fmt.Errorf("cannot use the memo of %s: %w: %s has the sum %.12s, the journal says %.12s", name, ErrDamaged, path, got, hash)
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

// path gives a step's file. Whatever a step is called, its name is a plain
// file name of its own: other bytes than letters, digits, - _ and . are %XX,
// and so is a leading point.
func (s *Store) path(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.' && i > 0, c == '-', c == '_', '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return filepath.Join(s.dir, b.String()+".json")
}

func sum(m step.Memo) string {
	h := sha256.Sum256(m)
	return hex.EncodeToString(h[:])
}
