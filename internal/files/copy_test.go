//go:build linux

package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab/tap/watch"
)

func TestCopyTreeIsExact(t *testing.T) {
	from := oddTree(t, t.TempDir())
	to := t.TempDir() + "/copy"
	want := scan(t, from)
	if _, err := copied(t, from, to); err != nil {
		t.Fatal(err)
	}
	diffTrees(t, want, scan(t, to), Ignore{})
	diffTrees(t, want, scan(t, from), Ignore{}) // the source is as it was
	i, err := durable.OS().Lstat(to + "/sparse")
	if err != nil || i.Alloc > 1<<20 {
		t.Errorf("holes were filled: %d bytes, %v", i.Alloc, err)
	}
}

func TestCopySingleFile(t *testing.T) {
	dir := plant(t, t.TempDir(), map[string]string{"f": "x"})
	_, err := copied(t, dir+"/f", dir+"/g")
	must(t, err)
	diffTrees(t, scan(t, dir+"/f"), scan(t, dir+"/g"), Ignore{})
}

func TestCopyTreeUnderDefaultACL(t *testing.T) {
	from, parent := plant(t, t.TempDir(), map[string]string{"d/f": "x"}), t.TempDir()
	acl := []byte("\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x07\x00\x07\x00\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff")
	if err := durable.OS().SetXattr(parent, "system.posix_acl_default", acl); errors.Is(err, syscall.ENOTSUP) {
		t.Skip("the volume has no ACLs")
	} else {
		must(t, err)
	}
	_, err := copied(t, from, parent+"/copy")
	must(t, err)
	diffTrees(t, scan(t, from), scan(t, parent+"/copy"), Ignore{})
}

// failing fails the nth write call, whichever it is.
type failing struct {
	durable.FS
	left *int
}

var errInjected = errors.New("injected")

func (f failing) Unsynced() durable.FS { return failing{f.FS.Unsynced(), f.left} }

func (f failing) count() error {
	if *f.left--; *f.left == 0 {
		return errInjected
	}
	return nil
}

func (f failing) Create(p string, m os.FileMode) (durable.File, error) {
	if err := f.count(); err != nil {
		return nil, err
	}
	return f.FS.Create(p, m)
}

func (f failing) Mkdir(p string, m os.FileMode) error {
	return errors.Join(f.count(), f.FS.Mkdir(p, m))
}

func (f failing) Symlink(a, b string) error {
	return errors.Join(f.count(), f.FS.Symlink(a, b))
}

func (f failing) Rename(a, b string) error {
	if err := f.count(); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f failing) SyncTree(p string) error { return errors.Join(f.count(), f.FS.SyncTree(p)) }

func TestFailedCopyLeavesNothing(t *testing.T) {
	from := plant(t, t.TempDir(), map[string]string{"a": "1", "d/b": "2", "l": "-> a"})
	for n := 1; ; n++ {
		dir, left := t.TempDir(), n
		_, err := CopyTree(t.Context(), watch.New().Over(failing{durable.OS(), &left}), from, dir+"/copy", Options{})
		if err == nil {
			if n < 5 {
				t.Errorf("only %d calls", n)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		if list, _ := os.ReadDir(dir); len(list) > 0 && n > 1 { // call 1 fails after making the root
			t.Errorf("call %d left %v", n, list)
		}
	}
	to := plant(t, t.TempDir(), map[string]string{"precious": "x"})
	if _, err := copied(t, from, to); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("copy onto a tree: %v", err)
	}
	if _, err := os.Stat(to + "/precious"); err != nil {
		t.Error(err)
	}
}

// writing changes a file while it is read.
type writing struct{ durable.FS }

func (w writing) Unsynced() durable.FS { return writing{w.FS.Unsynced()} }

func (w writing) OpenNoFollow(p string) (durable.ReadFile, error) {
	f, err := w.FS.OpenNoFollow(p)
	if strings.HasSuffix(p, "log") {
		l, _ := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
		_, _ = l.WriteString("more")
		_ = l.Close()
	}
	return f, err
}

func TestCopyAndPackNoticeAWriter(t *testing.T) {
	from := plant(t, t.TempDir(), map[string]string{"a": "1", "log": "2"})
	if _, err := CopyTree(t.Context(), writing{durable.OS()}, from, t.TempDir()+"/c", Options{}); err == nil || !strings.Contains(err.Error(), "log was written to") {
		t.Errorf("copy: %v", err)
	}
	tree := scan(t, from)
	if _, err := Pack(t.Context(), writing{durable.OS()}, io.Discard, from, tree, PackOptions{}); err == nil || !strings.Contains(err.Error(), "log: it was written to") {
		t.Errorf("pack: %v", err)
	}
	var b bytes.Buffer
	packed, err := Pack(t.Context(), writing{durable.OS()}, &b, from, tree, PackOptions{Live: true})
	must(t, err)
	got, err := Unpack(t.Context(), watch.New().FS(), &b, t.TempDir()+"/u", UnpackOptions{Exact: true})
	must(t, err)
	diffTrees(t, packed, got, Ignore{})
	if e, _ := packed.Find("log"); e.Stamp.Settled {
		t.Error("the changing file counts as settled")
	}
}

func TestPackUnpackExact(t *testing.T) {
	from, to := oddTree(t, t.TempDir()), t.TempDir()+"/back"
	want := scan(t, from)
	var b bytes.Buffer
	packed, err := Pack(t.Context(), durable.OS(), &b, from, want, PackOptions{})
	must(t, err)
	var left []Entry // sockets are not packed
	for _, e := range want.Entries {
		if e.Type != Socket {
			left = append(left, e)
		}
	}
	want.Entries = left
	diffTrees(t, want, packed, Ignore{})
	back, err := Unpack(t.Context(), watch.New().FS(), bytes.NewReader(b.Bytes()), to, UnpackOptions{Exact: true})
	must(t, err)
	diffTrees(t, want, back, Ignore{})
	diffTrees(t, want, scan(t, to), Ignore{})
	if i, err := durable.OS().Lstat(to + "/sparse"); err != nil || i.Alloc > 1<<20 {
		t.Errorf("holes were filled: %d, %v", i.Alloc, err)
	}
}

func TestPackPortableIsDeterministic(t *testing.T) {
	from := oddTree(t, t.TempDir())
	var packs []string
	for range 2 {
		var b bytes.Buffer
		_, err := Pack(t.Context(), durable.OS(), &b, from, scan(t, from), PackOptions{Portable: true})
		must(t, err)
		packs = append(packs, b.String())
	}
	if packs[0] != packs[1] {
		t.Error("the same tree gave other bytes")
	}
	if strings.Contains(packs[0], "SCHILY") {
		t.Error("attributes were packed")
	}
}

func TestDeviceNumbers(t *testing.T) {
	for _, d := range []uint64{0, 259, 8<<8 | 1, 0xfff<<8 | 0xff, 1 << 20, 0x12345_00000000 | 0x678<<8 | 0xabc000 | 0xcd} {
		if major, minor := splitRdev(d); joinRdev(major, minor) != d {
			t.Errorf("%x → %d:%d → %x", d, major, minor, joinRdev(major, minor))
		}
	}
}

func TestCancelledUnpack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Unpack(ctx, durable.OS(), bytes.NewReader(nil), t.TempDir()+"/x", UnpackOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCopyOfAnother: a tree of another account is copied as one's own, by an
// account that may not give files away too.
func TestCopyOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of another account")
	}
	from := plant(t, t.TempDir(), map[string]string{"d/f": "x"})
	for _, name := range []string{"/d", "/d/f", ""} {
		must(t, os.Lchown(from+name, 1, 2))
	}
	want := scan(t, from)
	to := t.TempDir() + "/copy"
	_, err := CopyTree(t.Context(), withoutRights{durable.OS()}, from, to, Options{Mine: true})
	must(t, err)
	for i := range want.Entries {
		want.Entries[i].UID, want.Entries[i].GID = uint32(os.Getuid()), uint32(os.Getgid())
	}
	diffTrees(t, want, scan(t, to), Ignore{})
}

// withoutRights gives no file away.
type withoutRights struct{ durable.FS }

func (w withoutRights) Unsynced() durable.FS { return withoutRights{w.FS.Unsynced()} }

func (withoutRights) Chown(path string, _, _ uint32) error {
	return &os.PathError{Op: "chown", Path: path, Err: syscall.EPERM}
}
