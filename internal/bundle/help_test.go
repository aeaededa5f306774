//go:build unix

package bundle

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func plant(t testing.TB, root string, content map[string]string) string {
	t.Helper()
	for p, c := range content {
		full := filepath.Join(root, p)
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if target, ok := strings.CutPrefix(c, "-> "); ok {
			must(t, os.Symlink(target, full))
			continue
		}
		must(t, os.WriteFile(full, []byte(c), 0o640))
		must(t, os.Chtimes(full, time.Time{}, time.Unix(1_700_000_000, 5)))
	}
	return root
}

// source is a small but complete source of a bundle.
func source(t testing.TB) string {
	t.Helper()
	return plant(t, t.TempDir(), map[string]string{
		ManifestName:                  "product: {id: sample, versions: semver}\n---\nrelease: {product: sample, version: \"2.0.0\"}\n",
		"migrations/001_users.sql":    "ALTER TABLE users ADD COLUMN email text;\n",
		"hooks/before-stop/10-warn":   "#!/bin/sh\necho soon\n",
		"from/1.0.0/product.yaml":     "product: {id: sample, versions: semver}\n",
		"from/1.0.0/app.sums":         strings.Repeat("0", 64) + "  bin/sample\n",
		"components/app/bin/sample":   strings.Repeat("binary ", 300),
		"components/app/current":      "-> bin",
		"components/docs/a b\n\\.txt": "documentation",
		"SHA256SUMS":                  "an old one, not taken over\n",
		"SIGNATURES/old.sig":          "worth nothing for a new bundle",
	})
}

func made(t testing.TB, src, dest string) string {
	t.Helper()
	digest, err := Build(t.Context(), durable.OS(), src, dest, BuildOptions{})
	must(t, err)
	return digest
}

func open(t testing.TB, path, cache string) (*Bundle, error) {
	t.Helper()
	return Open(t.Context(), durable.OS(), path, Options{Cache: cache, Limits: files.Limits{Bytes: 1 << 20, Entries: 100}})
}

// zip makes an archive of tar headers; content is SHA256SUMS' or the name.
func zip(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	must(t, err)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Mode = 0o644; h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		must(t, w.WriteHeader(&h))
		_, err := io.CopyN(w, zeros{}, h.Size)
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func equal(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}
