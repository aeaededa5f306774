//go:build linux

package files

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap/watch"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plant makes files from "path" → content; a path that ends in / is a directory, content "-> x" a link.
func plant(t testing.TB, root string, files map[string]string) string {
	t.Helper()
	must(t, os.MkdirAll(root, 0o755))
	for p, content := range files {
		full := join(root, p)
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		target, link := strings.CutPrefix(content, "-> ")
		switch {
		case strings.HasSuffix(p, "/"):
			must(t, os.MkdirAll(full, 0o755))
		case link:
			must(t, os.Symlink(target, full))
		default:
			must(t, os.WriteFile(full, []byte(content), 0o644))
		}
	}
	return root
}

func scan(t testing.TB, root string, exclude ...string) Tree {
	t.Helper()
	tree, err := Scan(context.Background(), durable.OS(), root, Options{Hash: true, Exclude: exclude})
	must(t, err)
	return tree
}

// oddTree has one of everything: the exactness list.
func oddTree(t testing.TB, root string) string {
	t.Helper()
	plant(t, root, map[string]string{
		"bin/tool": "#!/bin/sh\n", "etc/a b\n\\c": "odd", "naïve ünïcode": "u", "not-utf8-\xff\xfe": "n", "empty": "",
		"empty-dir/": "", "link": "-> bin/tool", "dangling": "-> /nowhere/at all", "link-\xff": "-> \xfe", "a=b": "equals",
	})
	must(t, os.Chmod(join(root, "bin/tool"), 0o755|os.ModeSetuid))
	must(t, os.Chmod(join(root, "empty"), 0o000))
	must(t, os.Chmod(join(root, "empty-dir"), 0o777|os.ModeSticky|os.ModeSetgid))
	must(t, os.Link(join(root, "bin/tool"), join(root, "also-tool")))
	must(t, os.Link(join(root, "bin/tool"), join(root, "zz-tool")))
	must(t, syscall.Mkfifo(join(root, "fifo"), 0o620))
	must(t, syscall.Mknod(join(root, "socket"), syscall.S_IFSOCK|0o600, 0))
	f, err := os.Create(join(root, "sparse"))
	must(t, err)
	_, err = f.WriteAt([]byte("in the middle"), 5<<20)
	must(t, err)
	must(t, f.Truncate(10<<20))
	must(t, f.Close())
	fsys := durable.OS()
	if err := fsys.SetXattr(join(root, "bin/tool"), "user.origin", []byte{0, 1, 'x', '\n'}); err != nil && !errors.Is(err, syscall.ENOTSUP) {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		must(t, os.Lchown(join(root, "link"), 1234, 4321))
		must(t, os.Lchown(join(root, "etc"), 65534, 100))
		must(t, os.Chown(join(root, "not-utf8-\xff\xfe"), 7, 8))
		plant(t, root, map[string]string{"capable": "binary", "acl": "shared"})
		// cap_net_bind_service+ep, VFS_CAP_REVISION_2; and an ACL of user::rw- user:7:rwx group::r-- mask::rwx other::---.
		must(t, fsys.SetXattr(join(root, "capable"), "security.capability", []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")))
		err := fsys.SetXattr(join(root, "acl"), "system.posix_acl_access", []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x07\x00\x07\x00\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"))
		if err != nil && !errors.Is(err, syscall.ENOTSUP) {
			t.Fatal(err)
		}
		_ = syscall.Mknod(join(root, "null"), syscall.S_IFCHR|0o666, 1<<8|3) // not in every container
	}
	at := time.Unix(1_500_000_000, 987_654_321)
	for _, p := range []string{"link", "bin/tool", "fifo", "sparse", "etc", "bin", "empty-dir", ".", "naïve ünïcode"} {
		must(t, fsys.Chtimes(join(root, p), at))
	}
	return root
}

// copied and staged are CopyTree and Stage, on a file system that package watch
// looks at: when they say that all is done, it must be durable.
func copied(t testing.TB, from, to string) (Tree, error) {
	t.Helper()
	d := watch.New()
	tree, err := CopyTree(t.Context(), d.FS(), from, to, Options{})
	lasting(t, d, err)
	return tree, err
}

func staged(t testing.TB, payload io.Reader, dest string, o StageOptions) (Tree, error) {
	t.Helper()
	d := watch.New()
	tree, err := Stage(t.Context(), d.FS(), payload, dest, o)
	lasting(t, d, err)
	return tree, err
}

func lasting(t testing.TB, d *watch.Disk, err error) {
	t.Helper()
	if dirty := d.Dirty(); err == nil && len(dirty) > 0 {
		t.Errorf("it is done before these are durable: %q", dirty)
	}
}

func diffTrees(t testing.TB, want, got Tree, ignore Ignore) {
	t.Helper()
	if d := Compare(want, got, ignore); len(d) > 0 {
		t.Errorf("%d differences: %v", len(d), d)
	}
}

// tarball makes a tar stream of headers; Name, Typeflag and Linkname matter, the content is the name.
func tarball(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if h.Size == 0 {
				h.Size = int64(len(h.Name))
			}
		}
		must(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, h.Name+strings.Repeat("\x00", int(h.Size)-len(h.Name)))
			must(t, err)
		}
	}
	must(t, w.Close())
	return b.Bytes()
}

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	must(t, err)
	return e.EncodeAll(data, nil)
}

func equal(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
