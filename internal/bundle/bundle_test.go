//go:build unix

package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

func TestDirectoryAndArchiveAreTheSameBundle(t *testing.T) {
	src, out := source(t), t.TempDir()
	d1, d2 := made(t, src, out+"/dir"), made(t, src, out+"/b.tar.zst")
	if d1 != d2 || len(d1) != 64 {
		t.Errorf("digests %s and %s", d1, d2)
	}
	equal(t, []string{"b.tar.zst", "dir"}, names(t, out)) // nothing else was left
	for _, path := range []string{out + "/dir", out + "/b.tar.zst"} {
		b, err := open(t, path, out+"/cache")
		must(t, err)
		if b.Digest() != d1 || b.Origin() != path {
			t.Errorf("%s: digest %s, origin %s", path, b.Digest(), b.Origin())
		}
		want := []string{"app.tar.zst", "docs.tar.zst", "from/1.0.0/app.sums", "from/1.0.0/product.yaml", "hooks/before-stop/10-warn", "migrations/001_users.sql", "sums/app.sums", "sums/docs.sums", "upkeep.yaml"}
		equal(t, want, b.Sums().Paths())
		must(t, fstest.TestFS(b.FS(), want...))
		must(t, b.Verify(t.Context()))
		equal(t, []string{"1.0.0"}, b.Versions())
		if i, err := fs.Stat(b.FS(), "hooks/before-stop/10-warn"); err != nil || i.Mode() != 0o755 {
			t.Errorf("hook: %v, %v", i, err)
		}
		p, err := b.Path("hooks/before-stop/10-warn")
		must(t, err)
		if i, err := os.Stat(p); err != nil || i.Mode() != 0o755 {
			t.Errorf("hook on disk: %v, %v", i.Mode(), err)
		}
		if _, err := b.Path("SHA256SUMS"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		tree, err := b.From("1.0.0", "app")
		must(t, err)
		if len(tree.Entries) != 1 {
			t.Errorf("%+v", tree)
		}
		if _, err := b.Payload("other"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// A payload comes out of the bundle as the vendor's directory was, checked against the sums beside it.
func TestPayloadStages(t *testing.T) {
	src, out := source(t), t.TempDir()
	made(t, src, out+"/b")
	b, err := open(t, out+"/b", "")
	must(t, err)
	for _, c := range []string{"app", "docs"} {
		want, err := b.Payload(c)
		must(t, err)
		r, err := b.FS().Open(c + PayloadSuffix)
		must(t, err)
		got, err := files.Stage(t.Context(), durable.OS(), r, filepath.Join(out, ".upkeep-"+c), files.StageOptions{Want: &want})
		must(t, err)
		must(t, r.Close())
		if d := files.Compare(want, got, files.Ignore{Owner: true}); len(d) > 0 {
			t.Error(d)
		}
		now, err := files.Scan(t.Context(), durable.OS(), filepath.Join(src, "components", c), files.Options{Hash: true})
		must(t, err)
		if d := files.Compare(now, got, files.Ignore{Owner: true, MTime: true}); len(d) > 0 {
			t.Error(d)
		}
		if d, err := files.Edited(t.Context(), durable.OS(), want, filepath.Join(src, "components", c), files.Options{}); err != nil || len(d) > 0 {
			t.Error(d, err)
		}
	}
}

func TestOpenFindsEveryFlippedByte(t *testing.T) {
	out := t.TempDir()
	made(t, source(t), out+"/b")
	good, err := files.Scan(t.Context(), durable.OS(), out+"/b", files.Options{})
	must(t, err)
	for _, e := range good.Entries {
		if e.Type != files.File {
			continue
		}
		path := filepath.Join(out, "b", e.Path)
		data, err := os.ReadFile(path)
		must(t, err)
		for i := 0; i < len(data); i += max(1, len(data)/12) {
			bad := bytes.Clone(data)
			bad[i] ^= 1
			must(t, os.WriteFile(path, bad, 0o640))
			_, err := open(t, out+"/b", "")
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s, byte %d: %v", e.Path, i, err)
			}
			if e.Path != SumsName && (!strings.Contains(err.Error(), fmt.Sprintf("%q has the sum ", e.Path)) || !strings.Contains(err.Error(), "expected ") || !strings.Contains(err.Error(), "fetch the bundle again")) {
				t.Errorf("%s: unclear: %v", e.Path, err)
			}
		}
		must(t, os.WriteFile(path, data, 0o640))
	}
	if _, err := open(t, out+"/b", ""); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesDirectories(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for _, c := range []struct {
		name string
		edit func(b string)
		want string
	}{
		{"missing file", func(b string) { must(t, os.Remove(b+"/migrations/001_users.sql")) }, `"migrations/001_users.sql" is missing`},
		{"extra file", func(b string) { plant(t, b, map[string]string{"hooks/before-stop/20-evil": ""}) }, `"hooks/before-stop/20-evil" is not in the sums`},
		{"link for a file", func(b string) {
			must(t, os.Rename(b+"/upkeep.yaml", b+"/../upkeep.yaml"))
			must(t, os.Symlink("../upkeep.yaml", b+"/upkeep.yaml"))
		}, `"upkeep.yaml" is a link`},
		{"link leading out", func(b string) { must(t, os.Symlink("/etc", b+"/hooks/etc")) }, `"hooks/etc" is a link`},
		{"fifo", func(b string) { must(t, syscall.Mkfifo(b+"/pipe", 0o600)) }, `"pipe" is a fifo`},
		{"no sums", func(b string) { must(t, os.RemoveAll(b)); must(t, os.Mkdir(b, 0o755)) }, "it has no SHA256SUMS; fetch"},
		{"a source", func(b string) { must(t, os.Remove(b+"/SHA256SUMS")) }, "build it first (upkeep vendor build)"},
		{"bad sums", func(b string) { must(t, os.WriteFile(b+"/SHA256SUMS", []byte("rubbish\n"), 0o600)) }, "SHA256SUMS: cannot read sums: line 1"},
		{"climbing sums", func(b string) { must(t, os.WriteFile(b+"/SHA256SUMS", []byte(sum+"  ../x\n"), 0o600)) }, "climbs"},
		{"cut sums", func(b string) { must(t, os.Truncate(b+"/SHA256SUMS", 100)) }, "cut off"},
		{"empty sums", func(b string) { must(t, os.Truncate(b+"/SHA256SUMS", 0)) }, "does not list upkeep.yaml"},
		{"sums of signatures", func(b string) { must(t, os.WriteFile(b+"/SHA256SUMS", []byte(sum+"  SIGNATURES/x\n"), 0o600)) }, "must not list"},
		{"sums of sums", func(b string) { must(t, os.WriteFile(b+"/SHA256SUMS", []byte(sum+"  SHA256SUMS\n"), 0o600)) }, "must not list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := t.TempDir() + "/b"
			made(t, source(t), b)
			c.edit(b)
			_, err := open(t, b, "")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cannot open bundle "+b) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := open(t, t.TempDir()+"/gone", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestSignaturesFitWithoutAChange(t *testing.T) {
	dir := t.TempDir()
	digest := made(t, source(t), dir+"/b")
	if b, err := open(t, dir+"/b", ""); err != nil {
		t.Fatal(err)
	} else if s, err := b.Signatures(); err != nil || s != nil {
		t.Error(s, err)
	}
	plant(t, dir+"/b", map[string]string{"SIGNATURES/vendor.sig": "signature", "SIGNATURES/future/x": "unknown"})
	b, err := open(t, dir+"/b", "")
	must(t, err)
	equal(t, digest, b.Digest())
	s, err := b.Signatures()
	must(t, err)
	equal(t, map[string][]byte{"vendor.sig": []byte("signature")}, s)
	text, err := os.ReadFile(dir + "/b/SHA256SUMS")
	must(t, err)
	equal(t, text, b.SumsText())
	if _, err := fs.Stat(b.FS(), "SIGNATURES/vendor.sig"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("unsummed files are readable as content")
	}
	plant(t, dir+"/b", map[string]string{"SIGNATURES/link": "-> /etc/passwd"})
	if _, err := open(t, dir+"/b", ""); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// Content that changes after the bundle was opened is not handed out.
func TestReadingVerifies(t *testing.T) {
	src := source(t)
	big := strings.Repeat("0123456789abcdef", inMemory/16) + "!"
	plant(t, src, map[string]string{"big.bin": big})
	out := t.TempDir()
	made(t, src, out+"/b")
	b, err := Open(t.Context(), durable.OS(), out+"/b", Options{})
	must(t, err)
	for name, want := range map[string]string{"upkeep.yaml": "", "big.bin": big} {
		data, err := fs.ReadFile(b.FS(), name)
		if err != nil || want != "" && string(data) != want {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(out, "b", name), os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("X"), 3)
		must(t, err)
		must(t, f.Close())
		if _, err := fs.ReadFile(b.FS(), name); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.FS().Open("../b"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	f, err := b.FS().Open("hooks")
	must(t, err)
	if _, err := io.ReadAll(f); err == nil {
		t.Error("a directory was read")
	}
}

func TestCancelledOpen(t *testing.T) {
	dir := t.TempDir()
	made(t, source(t), dir+"/b.tar.zst")
	made(t, source(t), dir+"/b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range []string{"/b", "/b.tar.zst"} {
		if _, err := Open(ctx, durable.OS(), dir+p, Options{Cache: dir + "/cache"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", p, err)
		}
	}
}
