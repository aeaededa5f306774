//go:build unix

package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
)

// A bundle whose payload is fetched later is the same bundle: nothing else may
// be missing, and what is there is compared as ever.
func TestDocumentsFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	digest, err := Build(t.Context(), durable.OS(), source(t), dir, BuildOptions{})
	must(t, err)
	payload, err := os.ReadFile(filepath.Join(dir, "app.tar.zst"))
	must(t, err)
	lacking := map[string]int64{"app.tar.zst": int64(len(payload))}
	open := func() (*Bundle, error) {
		return Open(t.Context(), durable.OS(), dir, Options{Lacking: lacking})
	}

	whole, err := open()
	must(t, err)
	if !whole.Complete() {
		t.Errorf("a bundle that is whole lacks %v", whole.Missing())
	}
	must(t, os.Remove(filepath.Join(dir, "app.tar.zst")))
	if _, err := Open(t.Context(), durable.OS(), dir, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("an ordinary Open: %v", err)
	}
	b, err := open()
	must(t, err)
	if b.Digest() != digest || b.Missing()["app.tar.zst"] != lacking["app.tar.zst"] || b.Complete() {
		t.Errorf("digest %s, missing %v", b.Digest(), b.Missing())
	}
	if tree, err := b.Payload("app"); err != nil || len(tree.Entries) == 0 {
		t.Errorf("what the payload will hold: %v, %v", tree, err)
	}
	if i, err := fs.Stat(b.FS(), "."); err != nil || !i.IsDir() {
		t.Error(err)
	}
	list, err := fs.ReadDir(b.FS(), ".")
	must(t, err)
	for _, e := range list {
		if i, _ := e.Info(); e.Name() == "app.tar.zst" && i.Size() != lacking["app.tar.zst"] {
			t.Errorf("its size is %d", i.Size())
		}
	}
	var not *NotFetchedError
	if _, err := b.FS().Open("app.tar.zst"); !errors.As(err, &not) || not.Name != "app.tar.zst" || !strings.Contains(err.Error(), "upkeep feed fetch") {
		t.Errorf("reading it: %v", err)
	}
	if _, err := b.Path("app.tar.zst"); !errors.As(err, &not) {
		t.Errorf("its path: %v", err)
	}

	must(t, os.WriteFile(filepath.Join(dir, "app.tar.zst"), payload[1:], 0o644))
	if _, err := open(); !errors.Is(err, ErrDamaged) {
		t.Errorf("a payload that is cut: %v", err)
	}
	if err := b.Verify(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("and in a bundle that was opened before: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "app.tar.zst"), payload, 0o644))
	if err := b.Verify(t.Context()); err != nil || !b.Complete() {
		t.Errorf("fetched since: %v, missing %v", err, b.Missing())
	}

	must(t, os.Remove(filepath.Join(dir, "migrations/001_users.sql")))
	if _, err := open(); !errors.Is(err, ErrDamaged) {
		t.Errorf("without one of its documents: %v", err)
	}
	for _, name := range []string{ManifestName, "migrations/001_users.sql", "other.tar.zst"} {
		if _, err := Open(t.Context(), durable.OS(), dir, Options{Lacking: map[string]int64{name: 1}}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s as a payload that is not fetched yet: %v", name, err)
		}
	}
}
