package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/durable"
)

// Bounds of a search: what is larger is no folder of backups.
const (
	maxNewestDepth = 8
	maxNewestFiles = 100_000
)

// readNewest: when the newest regular file in a folder, at any depth, was
// last written. Empty files are left out: an empty backup is none. The key
// "name" is a pattern for the files' names.
func readNewest(ctx context.Context, e *Evaluator, q query) (Value, error) {
	pattern := "*"
	if p, set := q.Params["name"]; set {
		pattern = p
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return Value{}, malformed("its name %q is no pattern", pattern)
	}
	s := search{ctx: ctx, files: e.deps.Files, pattern: pattern}
	switch err := s.walk(q.arg, 0); {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, err
	case s.path == "":
		return Value{Evidence: fmt.Sprintf("no file with content among %d in %s", s.seen, q.arg)}, nil
	}
	at := s.newest.MTime.UTC().Format(time.RFC3339Nano)
	return Value{Text: at, Present: true, Evidence: fmt.Sprintf("%s, %d bytes, written %s", s.path, s.newest.Size, at)}, nil
}

type search struct {
	ctx     context.Context
	files   Files
	pattern string
	seen    int
	path    string
	newest  durable.Info
}

func (s *search) walk(dir string, depth int) error {
	if depth > maxNewestDepth {
		return unreadable(dir, fmt.Errorf("it is deeper than %d folders", maxNewestDepth))
	}
	entries, err := s.files.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if depth == 0 {
			return fs.ErrNotExist
		}
		return nil // removed meanwhile
	}
	if err != nil {
		return unreadable(dir, cause(err))
	}
	for _, entry := range entries {
		if s.seen++; s.seen > maxNewestFiles {
			return unreadable(dir, fmt.Errorf("there are more than %d files", maxNewestFiles))
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, entry.Name)
		if entry.Type.IsDir() {
			if err := s.walk(path, depth+1); err != nil {
				return err
			}
			continue
		}
		if match, _ := filepath.Match(s.pattern, entry.Name); !match || !entry.Type.IsRegular() {
			continue
		}
		info, err := s.files.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return unreadable(path, cause(err))
		}
		if info.Size > 0 && (s.path == "" || info.MTime.After(s.newest.MTime)) {
			s.path, s.newest = path, info
		}
	}
	return nil
}
