package durable_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
)

func put(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want one that is %v", err, want)
	}
}

// only fails when a call left anything but the named files behind.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var have []string
	for _, e := range list {
		have = append(have, e.Name())
	}
	if d := cmp.Diff(names, have); d != "" {
		t.Fatalf("files in %s (-want +have):\n%s", dir, d)
	}
}

func TestAppend(t *testing.T) {
	fsys := durable.OS()
	p := put(t, filepath.Join(t.TempDir(), "a"), "begun")
	w, err := fsys.Append(p)
	must(t, err)
	_, err = io.WriteString(w, ", ended")
	must(t, errors.Join(err, w.Sync(), w.Close()))
	if got := content(t, p); got != "begun, ended" {
		t.Errorf("it holds %q", got)
	}
}

func TestWriteFile(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for name, fsys := range map[string]durable.FS{"synced": durable.OS(), "unsynced": durable.OS().Unsynced()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := filepath.Join(dir, "a")
			must(t, fsys.WriteFile(p, []byte("one"), 0o640))
			must(t, fsys.WriteFile(p, []byte("two"), 0o644))
			i, err := fsys.Lstat(p)
			must(t, err)
			if content(t, p) != "two" || i.Mode != 0o644 {
				t.Fatalf("%q with mode %v", content(t, p), i.Mode)
			}
			only(t, dir, "a")
		})
	}
}

func TestCreate(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	p := filepath.Join(dir, "f")
	f, err := fsys.Create(p, 0o4755)
	must(t, err)
	_, err = io.WriteString(f, "abc")
	must(t, err)
	_, err = f.WriteAt([]byte("z"), 1<<20)
	must(t, err)
	must(t, f.Truncate(2<<20))
	must(t, f.Sync())
	must(t, f.Close())
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), p) {
		t.Errorf("second close: %v", err)
	}
	i, err := fsys.Stat(p)
	must(t, err)
	if i.Size != 2<<20 || i.Mode.Perm() != 0o755 || i.Alloc >= i.Size {
		t.Errorf("%+v", i)
	}
	r, err := fsys.Open(p)
	must(t, err)
	defer r.Close()
	b := make([]byte, 3)
	if _, err := r.ReadAt(b, 1<<20-1); err != nil || string(b) != "\x00z\x00" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestDirectories(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	fsys, dir := durable.OS(), t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	must(t, fsys.MkdirAll(deep, 0o755))
	must(t, fsys.MkdirAll(deep, 0o700))
	for _, p := range []string{deep, filepath.Dir(deep)} {
		if i, err := fsys.Lstat(p); err != nil || i.Mode != fs.ModeDir|0o755 {
			t.Errorf("%s: %v, %v", p, i.Mode, err)
		}
	}
	put(t, filepath.Join(dir, "z"), "")
	list, err := fsys.ReadDir(dir)
	must(t, err)
	if d := cmp.Diff([]durable.DirEntry{{"a", fs.ModeDir}, {"z", 0}}, list); d != "" {
		t.Error(d)
	}
}

func TestRenameAndReplace(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	a, b := put(t, filepath.Join(dir, "x", "a"), "a"), put(t, filepath.Join(dir, "y", "b"), "b")
	wants(t, fsys.Rename(a, b), fs.ErrExist)
	must(t, fsys.Rename(a, filepath.Join(dir, "y", "a")))
	must(t, fsys.Replace(filepath.Join(dir, "y", "a"), b))
	only(t, filepath.Join(dir, "x"))
	only(t, filepath.Join(dir, "y"), "b")
	if content(t, b) != "a" {
		t.Error("not replaced")
	}
}

func TestSwapLink(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	put(t, filepath.Join(dir, "1.0", "v"), "1.0")
	put(t, filepath.Join(dir, "2.0", "v"), "2.0")
	link := filepath.Join(dir, "current")
	for _, v := range []string{"1.0", "2.0", "1.0"} {
		must(t, fsys.SwapLink(link, v))
		if got := content(t, filepath.Join(link, "v")); got != v {
			t.Errorf("%s, want %s", got, v)
		}
	}
	only(t, dir, "1.0", "2.0", "current")
}

// A reader that opens files through the exchanged name meanwhile must find each one, always of one tree.
func TestExchangeNeverShowsAMissingFile(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	a, b := filepath.Join(dir, "app"), filepath.Join(dir, ".upkeep-app-1")
	put(t, filepath.Join(a, "v"), "old")
	put(t, filepath.Join(b, "v"), "new")
	var stop atomic.Bool
	var reads, missing atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < 5_000_000 && !stop.Load(); n++ {
			reads.Add(1)
			if got, err := os.ReadFile(filepath.Join(a, "v")); err != nil || string(got) != "old" && string(got) != "new" {
				missing.Add(1)
			}
		}
	}()
	for range 500 {
		must(t, fsys.Unsynced().Exchange(a, b))
		runtime.Gosched()
	}
	must(t, fsys.Exchange(a, b))
	stop.Store(true)
	<-done
	if missing.Load() > 0 || reads.Load() == 0 {
		t.Errorf("%d of %d reads found nothing", missing.Load(), reads.Load())
	}
	if content(t, filepath.Join(a, "v")) != "new" { // 501 swaps
		t.Error("not exchanged")
	}
}

func TestExchangeUnsupported(t *testing.T) {
	a := put(t, filepath.Join(t.TempDir(), "a"), "a")
	b := filepath.Join("/dev/shm", fmt.Sprintf("upkeep-test-%d", os.Getpid()))
	if err := os.WriteFile(b, []byte("b"), 0o600); err != nil {
		t.Skipf("no second volume to try it on: %v", err)
	}
	defer os.Remove(b)
	wants(t, durable.OS().Exchange(a, b), durable.ErrExchangeUnsupported)
	wants(t, durable.OS().Exchange(a, b), syscall.EXDEV)
}

func TestMetadata(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	f, link := put(t, filepath.Join(dir, "f"), "x"), filepath.Join(dir, "l")
	must(t, fsys.Symlink("f", link))
	must(t, fsys.Link(f, filepath.Join(dir, "g")))
	must(t, fsys.Mknod(filepath.Join(dir, "p"), fs.ModeNamedPipe|0o622, 0))
	at := time.Unix(1_600_000_000, 123_456_789)
	must(t, fsys.Chmod(f, 0o751|fs.ModeSetgid))
	must(t, fsys.Chtimes(f, at))
	must(t, fsys.Chtimes(link, at.Add(time.Hour)))
	i, err := fsys.Lstat(f)
	must(t, err)
	if i.Mode != 0o751|fs.ModeSetgid || !i.MTime.Equal(at) || i.Nlink != 2 || i.Size != 1 || i.Ino == 0 || i.CTime.IsZero() || !i.IsRegular() {
		t.Errorf("%+v", i)
	}
	l, err := fsys.Lstat(link)
	must(t, err)
	if !l.IsLink() || !l.MTime.Equal(at.Add(time.Hour)) {
		t.Errorf("%+v", l)
	}
	if s, err := fsys.Stat(link); err != nil || s.Ino != i.Ino {
		t.Errorf("%+v, %v", s, err)
	}
	if p, err := fsys.Lstat(filepath.Join(dir, "p")); err != nil || p.Mode != fs.ModeNamedPipe|0o622 {
		t.Errorf("%v, %v", p.Mode, err)
	}
	if s, err := fsys.Readlink(link); err != nil || s != "f" {
		t.Errorf("%q, %v", s, err)
	}
	must(t, fsys.SyncFile(f))
	must(t, fsys.SyncDir(dir))
	must(t, fsys.SyncTree(dir))
}

func TestOwnerOfLinkItself(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("changing owners needs root")
	}
	fsys, dir := durable.OS(), t.TempDir()
	f, link := put(t, filepath.Join(dir, "f"), "x"), filepath.Join(dir, "l")
	must(t, fsys.Symlink("f", link))
	must(t, fsys.Chown(link, 12, 34))
	i, _ := fsys.Lstat(f)
	l, _ := fsys.Lstat(link)
	if i.UID != 0 || l.UID != 12 || l.GID != 34 {
		t.Errorf("file %d, link %d:%d", i.UID, l.UID, l.GID)
	}
}

func TestXattrs(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	f := put(t, filepath.Join(dir, "f"), "x")
	if m, err := fsys.Xattrs(f); err != nil || m != nil {
		t.Fatalf("%v, %v", m, err)
	}
	if err := fsys.SetXattr(f, "user.small", []byte{0, 1, 2}); errors.Is(err, syscall.ENOTSUP) {
		t.Skip("the volume has no extended attributes")
	}
	want := map[string][]byte{"user.small": {0, 1, 2}, "user.big": []byte(strings.Repeat("b", 2000)), "user.empty": {}}
	for n, v := range want {
		must(t, fsys.SetXattr(f, n, v))
	}
	m, err := fsys.Xattrs(f)
	must(t, err)
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	must(t, fsys.RemoveXattr(f, "user.big"))
	if m, _ := fsys.Xattrs(f); len(m) != 2 {
		t.Errorf("%d left", len(m))
	}
}

func TestPreallocateAndFree(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	p := filepath.Join(dir, "reserve")
	for _, size := range []int64{3 << 20, 1 << 20, 5 << 20} {
		must(t, fsys.Preallocate(p, size))
		if i, err := fsys.Lstat(p); err != nil || i.Size != size || i.Alloc < size {
			t.Errorf("%+v, %v", i, err)
		}
	}
	here, err := fsys.Free(dir)
	must(t, err)
	later, err := fsys.Free(filepath.Join(dir, "not", "yet"))
	must(t, err)
	if here.ID == "" || here.ID != later.ID || here.Free <= 0 || here.Total < here.Free || here.FreeInodes == 0 {
		t.Errorf("%+v, %+v", here, later)
	}
	if proc, err := fsys.Free("/proc/self"); err != nil || proc.ID == here.ID {
		t.Errorf("%+v, %v", proc, err)
	}
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{"/a/.upkeep-tmp-0123": true, ".upkeep-tmp-": true, "/a/.upkeep-app-1": false, "x": false} {
		if durable.IsTemp(name) != want {
			t.Error(name)
		}
	}
}

// What is behind a link changes places with the link: the folder that held it
// has no path of its own afterwards, and must be synced all the same.
func TestExchangeOfALinkWithWhatLiesBehindIt(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	put(t, filepath.Join(dir, "real", "sub", "tree", "a"), "behind")
	link := filepath.Join(dir, "link")
	must(t, fsys.Symlink("real", link))
	must(t, fsys.Exchange(link, filepath.Join(link, "sub", "tree")))
	if got := content(t, filepath.Join(link, "a")); got != "behind" {
		t.Errorf("%q", got)
	}
}

func TestAFifoBlocksNobody(t *testing.T) {
	fsys := durable.OS()
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, fsys.Mknod(fifo, fs.ModeNamedPipe|0o644, 0))
	_, err := fsys.ReadFile(fifo)
	for what, err := range map[string]error{"ReadFile": err, "SyncDir": fsys.SyncDir(fifo)} {
		if err == nil || !strings.Contains(err.Error(), fifo) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
