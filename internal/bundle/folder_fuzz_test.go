package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFolder opens folders whose list of sums, manifest and sums of a payload
// are anything. With fit the list is made to fit, so that the files behind it
// are read. What opens has its sums, and every name leads into the folder.
func FuzzFolder(f *testing.F) {
	dir := f.TempDir()
	made(f, source(f), dir+"/b")
	list, err := os.ReadFile(dir + "/b/SHA256SUMS")
	must(f, err)
	manifest, err := os.ReadFile(filepath.Join(dir, "b", ManifestName))
	must(f, err)
	sums, err := os.ReadFile(dir + "/b/sums/app.sums")
	must(f, err)
	f.Add(list, manifest, sums, false)
	f.Add(list[:len(list)/2], manifest, sums, false)
	f.Add([]byte(strings.Repeat("0", 64)+"  ../../etc/passwd\n"), manifest, sums, false)
	f.Add([]byte(strings.Repeat("0", 64)+"  /etc/passwd\n"), []byte{}, []byte{}, false)
	f.Add([]byte("\\"+strings.Repeat("0", 64)+"  a\\nb\n"), manifest, []byte("x"), false)
	f.Add(list, []byte("release: {product: x, version: 1}\n---\nproduct: {}\n"), []byte(strings.Repeat("0", 64)+"  ../x\n"), true)
	f.Add(list, manifest, []byte("# upkeep tree 1\n"), true)
	f.Fuzz(func(t *testing.T, list, manifest, sums []byte, fit bool) {
		dir := t.TempDir()
		must(t, os.Mkdir(dir+"/sums", 0o700))
		must(t, os.WriteFile(filepath.Join(dir, ManifestName), manifest, 0o600))
		must(t, os.WriteFile(dir+"/sums/app.sums", sums, 0o600))
		must(t, os.WriteFile(dir+"/app.tar.zst", []byte("payload"), 0o600))
		if fit {
			var b strings.Builder
			for _, name := range []string{"app.tar.zst", ManifestName, "sums/app.sums"} {
				raw, err := os.ReadFile(filepath.Join(dir, name))
				must(t, err)
				sum := sha256.Sum256(raw)
				b.WriteString(hex.EncodeToString(sum[:]) + "  " + name + "\n")
			}
			list = []byte(b.String())
		}
		must(t, os.WriteFile(dir+"/SHA256SUMS", list, 0o600))
		b, err := open(t, dir, dir+"/cache")
		if err != nil {
			if fit {
				t.Fatalf("a folder whose sums fit is refused: %v", err)
			}
			return
		}
		must(t, b.Verify(t.Context()))
		must(t, fs.WalkDir(b.FS(), ".", func(string, fs.DirEntry, error) error { return nil }))
		if path, err := b.Path(ManifestName); err == nil && filepath.Dir(path) != dir {
			t.Fatalf("%s leads out of the folder", path)
		}
		if tree, err := b.Payload("app"); err == nil {
			for _, e := range tree.Entries {
				if !filepath.IsLocal(e.Path) {
					t.Fatalf("the payload holds %q", e.Path)
				}
			}
		}
		_, _ = b.Signatures()
		b.Versions()
	})
}
