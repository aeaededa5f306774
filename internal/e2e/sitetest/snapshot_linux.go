package sitetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// volatile are files that change while a product merely runs.
var volatile = regexp.MustCompile(`(-wal|-shm|-journal|\.log|\.pid)$`)

// Snapshot describes the installation, line by line, as it is found without
// Upkeep's help: every file with mode, owner, attributes and content, every
// row of its databases, every service with whether it runs. Upkeep's own folder
// is left out, and so are files that change while the product runs.
func (s *Site) Snapshot() string {
	s.t.Helper()
	lines := s.describe(s.Root, func(rel string) bool { return rel != "upkeep" && !volatile.MatchString(rel) }, false)
	in, p, err := s.product()
	s.must(err)
	fp, err := in.Fingerprint(context.Background(), p)
	s.must(err)
	for id, state := range fp.Services {
		lines = append(lines, "service "+id+" "+state)
	}
	for mode, state := range fp.Modes {
		lines = append(lines, "mode "+mode+" "+state)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// Everything describes all files of site, releases and Upkeep's own folder,
// times of change included: what nothing was written to stays the same.
func (s *Site) Everything() string {
	s.t.Helper()
	lines := s.describe(s.Dir, func(rel string) bool { return rel != "home/.cache" && !volatile.MatchString(rel) }, true)
	return strings.Join(lines, "\n") + "\n"
}

func (s *Site) describe(root string, want func(rel string) bool, times bool) []string {
	s.t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !want(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		line, err := one(path, rel, times)
		lines = append(lines, line)
		return err
	})
	s.must(err)
	return lines
}

func one(path, rel string, times bool) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprintf("%s %v %d:%d", rel, info.Mode(), st.Uid, st.Gid)
	db := strings.HasSuffix(path, ".db") && filepath.Base(path) != "journal.db"
	if times && !info.IsDir() && !db {
		line += " " + info.ModTime().Format("15:04:05.000000")
	}
	list := make([]byte, 4096)
	if n, err := unix.Llistxattr(path, list); err == nil && n > 0 {
		line += fmt.Sprintf(" attributes %q", list[:n])
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return line + " -> " + target, err
	case db && info.Size() > 0:
		text, err := rows(path)
		return line + " rows " + sum([]byte(text)), err
	case info.Mode().IsRegular():
		text, err := os.ReadFile(path)
		return line + " " + sum(text), err
	}
	return line, nil
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:8])
}

// Rows writes a SQLite database of the product as text: schema and every row.
func (s *Site) Rows(name string) string {
	s.t.Helper()
	text, err := rows(filepath.Join(s.Root, name))
	s.must(err)
	return text
}

// rows writes a SQLite database as text: schema and every row, in order.
func rows(path string) (string, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return "", err
	}
	defer db.Close()
	tables, err := strs(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	schema, err := strs(db, "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	out := schema
	for _, t := range tables {
		columns, err := strs(db, "SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('"+t+"') ORDER BY cid")
		if err != nil {
			return "", fmt.Errorf("cannot read %s: %w", path, err)
		}
		all, err := strs(db, "SELECT "+strings.Join(columns, " || ',' || ")+` FROM "`+t+`"`)
		if err != nil {
			return "", fmt.Errorf("cannot read %s: %w", path, err)
		}
		slices.Sort(all)
		out = append(append(out, "table "+t), all...)
	}
	return strings.Join(out, "\n"), nil
}

func strs(db *sql.DB, query string) ([]string, error) {
	got, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	var out []string
	for got.Next() {
		var text string
		if err := got.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, got.Err()
}

// Query reads the first column of a query on a database of the product.
func (s *Site) Query(name, query string) []string {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Root, name)+"?mode=ro")
	s.must(err)
	defer db.Close()
	out, err := strs(db, query)
	s.must(err)
	return out
}

// Diff lists the lines of two descriptions that only one of them has.
func Diff(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
