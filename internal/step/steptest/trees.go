package steptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// Describe is a fingerprint of files and trees: one line each with type, mode,
// owner, size, attributes and SHA-256. Times are left out, and the folders above
// the paths, so that equal worlds in different places read the same. A path that
// does not exist is said to be absent.
func Describe(paths ...string) string {
	var b bytes.Buffer
	for _, p := range paths {
		name := filepath.Base(p)
		t, err := files.Scan(context.Background(), durable.OS(), p, files.Options{Hash: true})
		if errors.Is(err, fs.ErrNotExist) {
			if target, lerr := os.Readlink(p); lerr == nil {
				fmt.Fprintf(&b, "%s -> %s, which is nowhere\n", name, target)
				continue
			}
			fmt.Fprintf(&b, "%s absent\n", name)
			continue
		}
		fmt.Fprintln(&b, name)
		if err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		if target, lerr := os.Readlink(p); lerr == nil {
			fmt.Fprintf(&b, "-> %s\n", target)
		}
		for i := range t.Entries {
			t.Entries[i].MTime = 0
		}
		if err := files.WriteManifest(&b, t); err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	return b.String()
}

// Dir is a fresh folder for a world, removed at the end of the test: in memory
// where the machine has such a volume, since a suite makes hundreds of worlds.
func Dir(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "upkeep-world-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	world := filepath.Join(dir, "world") // the same name each time, for fingerprints
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(world, 0o755)); err != nil {
		t.Fatal(err)
	}
	return world
}

// Plant makes a tree of "path": "content". A path that ends in / is a
// directory, content "-> x" a link to x.
func Plant(t testing.TB, root string, content map[string]string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(root, 0o755))
	for p, text := range content {
		full := filepath.Join(root, p)
		check(os.MkdirAll(filepath.Dir(full), 0o755))
		target, link := strings.CutPrefix(text, "-> ")
		switch {
		case strings.HasSuffix(p, "/"):
			check(os.MkdirAll(full, 0o755))
		case link:
			check(os.Symlink(target, full))
		default:
			check(os.WriteFile(full, []byte(text), 0o644))
		}
	}
}
