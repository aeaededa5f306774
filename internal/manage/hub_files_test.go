package manage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab/crashfs"
)

func TestHubFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	f := OpenHubFiles(dir, "tokens")
	if names, err := f.Names(); err != nil || len(names) != 0 {
		t.Errorf("before there is one: %v, %v", names, err)
	}
	if _, err := f.Read("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before there is one: %v", err)
	}
	for _, name := range []string{"b", "a", "a"} {
		if err := f.Write(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"", "../x", "a/b", "A", ".", "x.json", "-", "a\x00"} {
		if err := f.Write(bad, nil); err == nil {
			t.Errorf("%q was written", bad)
		}
		if _, err := f.Read(bad); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
		if err := f.Remove(bad); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for at, want := range map[string]fs.FileMode{filepath.Join(dir, "tokens"): 0o700, filepath.Join(dir, "tokens", "a.json"): 0o600} {
		if info, err := os.Stat(at); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s is %v, %v", at, info, err)
		}
	}
	names, err := f.Names()
	if d := cmp.Diff([]string{"a", "b"}, names); d != "" || err != nil {
		t.Error(d, err)
	}
	if err := f.Remove("a"); err != nil {
		t.Error(err)
	}
	if err := f.Remove("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("again: %v", err)
	}
}

// TestHubFilesPowerCut: what was written is there after a power cut, folders and
// all, and what was removed is not.
func TestHubFilesPowerCut(t *testing.T) {
	disk := crashfs.New()
	f := &HubFiles{disk, "/var/lib/upkeep/.hub/tokens"}
	if err := f.Write("a", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	after := &HubFiles{disk.Crash(crashfs.KeepNone()), f.path}
	if raw, err := after.Read("a"); err != nil || string(raw) != "whole" {
		t.Errorf("%q, %v", raw, err)
	}
	if err := f.Remove("a"); err != nil {
		t.Fatal(err)
	}
	after = &HubFiles{disk.Crash(crashfs.KeepNone()), f.path}
	if raw, err := after.Read("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a token that was removed is back: %q, %v", raw, err)
	}
}
