package memo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"upkeep/internal/durable"
	"upkeep/internal/engine"
	"upkeep/internal/step"
)

var _ engine.Memos = (*Store)(nil)

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	s := New(durable.OS(), dir)
	for _, m := range []string{`{"was":"old"}`, `{"was":"other"}`, ``} {
		hash, err := s.Write("h1.install.app", step.Memo(m))
		if err != nil {
			t.Fatal(err)
		}
		got, err := New(durable.OS(), dir).Read("h1.install.app", hash)
		if err != nil || string(got) != m {
			t.Errorf("Read gives %q, %v; want %q", got, err, m)
		}
	}
	path := filepath.Join(dir, "memos", "h1.install.app.json")
	i, err := os.Stat(path)
	if err != nil || i.Mode() != 0o600 {
		t.Errorf("%s: mode %v, %v; want 0600", path, i.Mode(), err)
	}
	if i, err := os.Stat(filepath.Dir(path)); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("memos: mode %v, %v; want 0700", i.Mode(), err)
	}
}

func TestDamagedMemoNamesItsFile(t *testing.T) {
	dir := t.TempDir()
	s := New(durable.OS(), dir)
	hash, err := s.Write("backup", step.Memo(`{"id":"r1-origin"}`))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "memos", "backup.json")
	for name, c := range map[string]struct {
		harm func() error
		want error
	}{
		"one byte":   {func() error { return os.WriteFile(path, []byte(`{"id":"r2-origin"}`), 0o600) }, ErrDamaged},
		"cut off":    {func() error { return os.Truncate(path, 5) }, ErrDamaged},
		"gone":       {func() error { return os.Remove(path) }, ErrMissing},
		"unreadable": {func() error { return os.Mkdir(path, 0o700) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write("backup", step.Memo(`{"id":"r1-origin"}`)); err != nil {
				t.Fatal(err)
			}
			if name == "unreadable" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.harm(); err != nil {
				t.Fatal(err)
			}
			_, err := s.Read("backup", hash)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Read: %v; want %v with the file's name", err, c.want)
			}
		})
	}
}

func TestNoNameLeavesTheFolder(t *testing.T) {
	s := New(durable.OS(), "/run")
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if filepath.Dir(s.path(a)) != "/run/memos" {
			t.Errorf("%q is kept at %s", a, s.path(a))
		}
		if a != b && s.path(a) == s.path(b) {
			t.Errorf("%q and %q are both kept at %s", a, b, s.path(a))
		}
	})
	if _, err := New(durable.OS(), t.TempDir()).Write("", nil); err == nil {
		t.Error("a step without an id has a memo")
	}
}
