package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// compress makes a .tar.zst of entries.
func compress(t *testing.T, path string, entries ...tar.Header) {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{w, z} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reseal writes the sums of a bundle's folder anew, as somebody would who
// wants it to be believed.
func reseal(t *testing.T, dir string) {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "SHA256SUMS" {
			return err
		}
		text, err := os.ReadFile(path)
		sum := sha256.Sum256(text)
		rel, _ := filepath.Rel(dir, path)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func file(name string, size int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}
}

// A bundle that is damaged, or wants to be more than a bundle, is refused
// before anything is written, with the reason.
func TestBadBundle(t *testing.T) {
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	good := s.Build(s.Source("2.0"), filepath.Join(s.Dir, "good"))
	whole := s.Bundle("2.0")
	at := filepath.Join(s.Dir, "bad", "bundle")
	edit := func(name string, f func([]byte) []byte) func(t *testing.T, at string) {
		return func(t *testing.T, at string) {
			path := filepath.Join(at, name)
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, f(text), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	archive := func(make func(t *testing.T, path string)) func(t *testing.T, at string) {
		return func(t *testing.T, at string) {
			if err := os.RemoveAll(at); err != nil {
				t.Fatal(err)
			}
			make(t, at+".tar.zst")
		}
	}
	part := func(f func([]byte) []byte) func(t *testing.T, at string) {
		return archive(func(t *testing.T, path string) {
			text, err := os.ReadFile(whole)
			if err == nil {
				err = os.WriteFile(path, f(text), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	entries := func(list ...tar.Header) func(t *testing.T, at string) {
		return archive(func(t *testing.T, path string) { compress(t, path, list...) })
	}
	cases := []struct {
		name string
		make func(t *testing.T, at string) // changes a copy of a good bundle's folder
		want string
	}{
		{"one byte of a payload", edit("app.tar.zst", flip), `"app\.tar\.zst" has the sum [0-9a-f]+.*expected`},
		{"one byte of the manifest", edit("upkeep.yaml", flip), `"upkeep\.yaml" has the sum`},
		{"one byte of a script", edit("migrations/001-titles.sql", flip), `001-titles\.sql`},
		{"a file that is missing", func(t *testing.T, at string) { os.Remove(filepath.Join(at, "sums/app.sums")) }, `app\.sums.* is missing`},
		{"a file that nobody listed", edit("SHA256SUMS", func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }), `"app\.tar\.zst" is not in the sums`},
		{"no sums", func(t *testing.T, at string) { os.Remove(filepath.Join(at, "SHA256SUMS")) }, `SHA256SUMS`},
		{"a link", func(t *testing.T, at string) { os.Symlink("/etc/passwd", filepath.Join(at, "link")) }, `link`},
		{"an archive cut short", part(func(b []byte) []byte { return b[:len(b)*2/3] }), `damaged|truncated|unexpected`},
		{"an archive with one other byte", part(flip), `damaged|checksum|sum`},
		{"an archive of nothing", part(func([]byte) []byte { return nil }), `empty|damaged|SHA256SUMS`},
		{"a path that leads out", entries(file("SHA256SUMS", 10), file("../../../evil", 10)), `evil`},
		{"a whole path", entries(file("SHA256SUMS", 10), file("/tmp/upkeep-evil", 10)), `/tmp/upkeep-evil`},
		{"a path through a link", entries(tar.Header{Typeflag: tar.TypeSymlink, Name: "d", Linkname: "/tmp"}, file("d/upkeep-evil", 10)), `link`},
		{"a device", entries(tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}), `null`},
		{"a bomb", entries(file("SHA256SUMS", 10), file("zeros", 1<<26)), `SHA256SUMS|zeros|sum`},
		{"an unknown verb", func(t *testing.T, at string) {
			edit("upkeep.yaml", func(b []byte) []byte {
				return bytes.Replace(b, []byte("migrate: [{migrate:"), []byte("migrate: [{teleport:"), 1)
			})(t, at)
			reseal(t, at)
		}, `upkeep\.yaml:[0-9]+:[0-9]+.*teleport`},
		{"data changed before the restore point", func(t *testing.T, at string) {
			edit("upkeep.yaml", func(b []byte) []byte {
				return bytes.Replace(b, []byte("  migrate: [{migrate:"), []byte("  drain: [{migrate:"), 1)
			})(t, at)
			reseal(t, at)
		}, `before there is a restore point`},
		{"components in a circle", func(t *testing.T, at string) {
			edit("upkeep.yaml", func(b []byte) []byte {
				b = bytes.Replace(b, []byte("keep: [local]}"), []byte("keep: [local], depends: [database]}"), 1)
				return bytes.Replace(b, []byte("database: {kind: sqlite,"), []byte("database: {depends: [app], kind: sqlite,"), 1)
			})(t, at)
			reseal(t, at)
		}, `circle`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := os.RemoveAll(filepath.Dir(at)); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(at, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			c.make(t, at)
			from := at
			if _, err := os.Stat(at); err != nil {
				from = at + ".tar.zst"
			}
			before := s.Everything()
			r := s.Upkeep("upgrade", "--yes", "--from", from)
			if r.Code != 1 && r.Code != 3 {
				t.Errorf("want exit code 1 or 3: %v", r)
			}
			wants(t, flat(r.Err), c.want)
			if d := sitetest.Diff(before, s.Everything()); d != "" {
				t.Errorf("something was written:\n%s", d)
			}
		})
	}
	if evil, _ := filepath.Glob("/tmp/upkeep-evil*"); len(evil) > 0 {
		t.Errorf("it got out: %v", evil)
	}
}

// A payload whose sums fit, and that wants to lead out of its tree, be a
// device, or be more than it says: the run ends in the old state.
func TestBadPayload(t *testing.T) {
	lab.Slow(t)
	whole := tar.Header{Typeflag: tar.TypeDir, Name: ".", Mode: 0o755}
	for _, c := range []struct {
		name    string
		entries []tar.Header
		want    string
	}{
		{"a path that leads out", []tar.Header{whole, file("../evil", 10)}, `evil`},
		{"a link that leads out", []tar.Header{whole, {Typeflag: tar.TypeSymlink, Name: "VERSION", Linkname: "../../../../etc/passwd"}}, `VERSION|link`},
		{"a device", []tar.Header{whole, {Typeflag: tar.TypeBlock, Name: "VERSION", Devmajor: 8}}, `VERSION|device`},
		{"more than it says", []tar.Header{whole, file("VERSION", 1<<20)}, `VERSION|more|sum`},
		{"less than it says", []tar.Header{whole}, `missing|not`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
			at := s.Build(s.Source("2.0"), filepath.Join(s.Dir, "bundle"))
			compress(t, filepath.Join(at, "app.tar.zst"), c.entries...)
			reseal(t, at)
			before := s.Snapshot()
			r := s.Upkeep("upgrade", "--yes", "--from", at)
			if r.Code != 6 && r.Code != 1 {
				t.Errorf("want exit code 6: %v", r)
			}
			wants(t, flat(r.Out+r.Err), c.want)
			if d := sitetest.Diff(before, s.Snapshot()); d != "" {
				t.Errorf("not as it was:\n%s", d)
			}
		})
	}
}
