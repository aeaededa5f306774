package watch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
)

// What a power cut could lose, or leave by half, is told.
func TestDisk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		do    func(synced, lazy durable.FS, at func(string) string) error
		dirty int
	}{
		{"a file", func(synced, _ durable.FS, at func(string) string) error {
			return synced.WriteFile(at("new"), nil, 0o600)
		}, 0},
		{"a file without a sync", func(_, lazy durable.FS, at func(string) string) error {
			return lazy.WriteFile(at("new"), nil, 0o600)
		}, 2},
		{"a record too early", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.WriteFile(at("new"), nil, 0o600), synced.WriteFile(at("record"), nil, 0o600), synced.SyncFile(at("new")))
		}, 2},
		{"a record in time", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.WriteFile(at("new"), nil, 0o600), synced.SyncTree(at(".")), synced.WriteFile(at("record"), nil, 0o600))
		}, 0},
		{"a tree renamed without a sync, and taken apart", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Rename(at("tree"), at("gone")), synced.RemoveAll(at("gone")))
		}, 2},
		{"a tree renamed without a sync, and emptied", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Rename(at("tree"), at("gone")), synced.Rename(at("gone/x"), at("x")), synced.SyncTree(at(".")))
		}, 2},
		{"a tree renamed, and taken apart", func(synced, _ durable.FS, at func(string) string) error {
			return errors.Join(synced.Rename(at("tree"), at("gone")), synced.RemoveAll(at("gone")))
		}, 0},
		{"trees exchanged without a sync, and one taken apart", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Exchange(at("tree"), at("other")), synced.RemoveAll(at("tree")))
		}, 2},
		{"renamed without a sync, and once more", func(synced, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.Rename(at("tree"), at("a")), synced.Rename(at("a"), at("b")), synced.RemoveAll(at("b")))
		}, 0},
		{"nothing changed", func(_, lazy durable.FS, at func(string) string) error {
			return errors.Join(lazy.RemoveAll(at("absent")), lazy.MkdirAll(at("tree"), 0o700))
		}, 0},
	} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		if err := errors.Join(os.Mkdir(at("tree"), 0o700), os.Mkdir(at("other"), 0o700), os.WriteFile(at("tree/x"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		d := New("record")
		if err := tt.do(d.FS(), d.FS().Unsynced(), at); errors.Is(err, durable.ErrExchangeUnsupported) {
			continue
		} else if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := d.Dirty(); len(got) != tt.dirty {
			t.Errorf("%s: %q", tt.name, got)
		}
		if got := d.Dirty(); len(got) > 0 {
			t.Errorf("%s, and asked again: %q", tt.name, got)
		}
	}
}
