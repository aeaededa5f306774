package files

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
)

// Files of a payload, as far as they are regular and not too large.
func TestPick(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"etc/a": "a", "etc/large": strings.Repeat("x", 100), "b": "b"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "etc/link")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Scan(t.Context(), durable.OS(), dir, Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pack(t.Context(), durable.OS(), z, dir, tree, PackOptions{Portable: true}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Pick(t.Context(), bytes.NewReader(b.Bytes()), []string{"etc/a", "etc/large", "etc/link", "missing"}, 10)
	if err != nil || len(got) != 1 || string(got["etc/a"]) != "a" {
		t.Errorf("picked %q, %v; want etc/a alone", got, err)
	}
	for _, broken := range [][]byte{[]byte("no zstd"), b.Bytes()[:b.Len()/2]} {
		if got, err := Pick(t.Context(), bytes.NewReader(broken), []string{"missing"}, 10); err == nil {
			t.Errorf("a broken payload gives %q", got)
		}
	}
}
