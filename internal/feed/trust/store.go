package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"upkeep/internal/durable"
)

const (
	timestampFile = "timestamp.json"
	completeFile  = "complete.json"
)

// name is that of a file with a version, in the folder as in the feed.
func name(version int64, role string) string {
	return strconv.FormatInt(version, 10) + "." + escape(role) + ".json"
}

// split takes a name with a version apart; role is escaped.
func split(name string) (version int64, role string, ok bool) {
	rest, ok := strings.CutSuffix(name, ".json")
	number, role, found := strings.Cut(rest, ".")
	v, err := strconv.ParseInt(number, 10, 64)
	if !ok || !found || err != nil || v < 1 || strconv.FormatInt(v, 10) != number || role == "" {
		return 0, "", false
	}
	return v, role, true
}

// versions lists those of a role that are stored, lowest first.
func (c *Client) versions(role string) ([]int64, error) {
	list, err := c.fs.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("cannot look for what is known of the feed: %w", err)
	}
	var out []int64
	for _, e := range list {
		if v, r, ok := split(e.Name); ok && r == escape(role) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out, nil
}

// stored reads a file of the folder, errNone where there is none.
func (c *Client) stored(file string, max int64) ([]byte, error) {
	f, err := c.fs.Open(filepath.Join(c.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNone
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", filepath.Join(c.dir, file), err)
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%s is longer than %d bytes", filepath.Join(c.dir, file), max)
	}
	return data, nil
}

func (c *Client) write(file string, data []byte) error {
	return storing(c.fs.WriteFile(filepath.Join(c.dir, file), data, 0o644))
}

func storing(err error) error {
	if err != nil {
		return fmt.Errorf("cannot store what was verified of the feed: %w", err)
	}
	return nil
}

// sweep removes what neither timestamp nor complete.json lead to any more:
// both name the set's snapshot.
func (w *work) sweep() error {
	list, err := w.c.fs.ReadDir(w.c.dir)
	if err != nil {
		return fmt.Errorf("cannot tidy up what is known of the feed: %w", err)
	}
	keep := map[string]bool{name(w.set.Snapshot.Signed.Version, metadata.SNAPSHOT): true}
	for file, meta := range w.set.Snapshot.Signed.Meta {
		if role, ok := strings.CutSuffix(file, ".json"); ok {
			keep[name(meta.Version, role)] = true
		}
	}
	for _, e := range list {
		if _, role, ok := split(e.Name); !ok || role == metadata.ROOT || keep[e.Name] {
			continue
		}
		if err := w.c.fs.Remove(filepath.Join(w.c.dir, e.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot tidy up what is known of the feed: %w", err)
		}
	}
	return durable.Sweep(w.c.fs, w.c.dir)
}
