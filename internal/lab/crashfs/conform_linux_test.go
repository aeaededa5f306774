package crashfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"upkeep/internal/durable"
	"upkeep/internal/lab/crashfs"
)

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is the same tree on the machine and in memory, under the same path.
type pair struct {
	dir string
	mem *crashfs.FS

	own, os durable.FS // the views that are compared, both synced or both not
}

// newPair makes the tree that all operations are tried on.
func newPair(t rapid.TB, dir string) pair {
	t.Helper()
	syscall.Umask(0o022)
	o := durable.OS().Unsynced()
	for _, d := range []string{"d", "d/sub", "e", "empty", "setgid"} {
		must(t, o.Mkdir(filepath.Join(dir, d), 0o755))
	}
	for _, f := range []string{"f", "g", "d/f", "d/sub/f"} {
		must(t, o.WriteFile(filepath.Join(dir, f), []byte("content of "+f), 0o644))
	}
	must(t, o.Link(filepath.Join(dir, "f"), filepath.Join(dir, "e/hard")))
	for link, target := range map[string]string{"l": "f", "ld": "d", "dangling": "nowhere", "loop": "loop", "e/up": "../d"} {
		must(t, o.Symlink(target, filepath.Join(dir, link)))
	}
	must(t, o.Mknod(filepath.Join(dir, "fifo"), fs.ModeNamedPipe|0o640, 0))
	must(t, o.Chmod(filepath.Join(dir, "setgid"), 0o755|fs.ModeSetgid))
	p := pair{dir: dir, mem: crashfs.New()}
	p.mem.As(uint32(os.Geteuid()), uint32(os.Getegid()))
	must(t, p.mem.LoadOS(dir))
	p.same(t, "after loading")
	return p
}

func (p pair) view(synced bool) pair {
	p.own, p.os = p.mem, durable.OS()
	if !synced {
		p.own, p.os = p.mem.Unsynced(), durable.OS().Unsynced()
	}
	return p
}

// same compares both trees.
func (p pair) same(t rapid.TB, when string) {
	t.Helper()
	want, err := crashfs.Snapshot(durable.OS(), false, p.dir)
	must(t, err)
	if d := cmp.Diff(want, p.mem.Snapshot(p.dir)); d != "" {
		t.Fatalf("%s (-machine +memory):\n%s", when, d)
	}
}

// op is one call; what it gives is part of the comparison.
type op struct {
	name string
	do   func(fsys durable.FS) (any, error)
}

// try makes one call on both and compares what comes of it.
func (p pair) try(t rapid.TB, o op) {
	t.Helper()
	want, werr := o.do(p.os)
	have, herr := o.do(p.own)
	if d := cmp.Diff(fmt.Sprint(want), fmt.Sprint(have)); d != "" && werr == nil && herr == nil {
		t.Fatalf("%s gives (-machine +memory):\n%s", o.name, d)
	}
	if d := cmp.Diff(said(werr), said(herr)); d != "" {
		t.Fatalf("%s fails (-machine +memory):\n%s", o.name, d)
	}
}

// said is all of an error that callers can see.
func said(err error) []string {
	if err == nil {
		return nil
	}
	out := []string{err.Error()}
	var e *durable.Error
	if errors.As(err, &e) {
		out = append(out, "op "+e.Op, "path "+e.Path, "other "+e.Other)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		out = append(out, "a PathError")
	}
	for _, is := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrClosed, durable.ErrExchangeUnsupported, durable.ErrNotDurable,
		durable.ErrRefused, durable.ErrUnsupported, syscall.ENOTDIR, syscall.ENOTEMPTY, syscall.EISDIR, syscall.EINVAL, syscall.ELOOP, syscall.ENOSPC,
		syscall.ENODATA, syscall.EBUSY, syscall.EEXIST, syscall.EPERM, syscall.ENXIO, syscall.EOPNOTSUPP, syscall.ENAMETOOLONG, io.EOF} {
		if errors.Is(err, is) {
			out = append(out, "is "+is.Error())
		}
	}
	return out
}

func none(err error) (any, error) { return nil, err }

// facts are what must be alike of a file.
func facts(i durable.Info, err error) (any, error) {
	if i.IsDir() || i.IsLink() {
		i.Alloc = 0
	}
	if i.IsDir() {
		i.Size = 0
	}
	return fmt.Sprint(i.Name, i.Mode, i.Size, i.UID, i.GID, i.Nlink, i.Rdev, i.Alloc), err
}

func read(r durable.ReadFile, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	part := make([]byte, 4)
	n, perr := r.ReadAt(part, 3)
	_, serr := r.Seek(-1, io.SeekStart)
	cerr := errors.Join(r.Close(), r.Close())
	return fmt.Sprint(string(b), n, string(part), perr, serr, cerr), err
}

// build makes a file through a handle: writes, holes, a cut, a late write.
func build(fsys durable.FS, path string, perm fs.FileMode, size int64) (any, error) {
	w, err := fsys.Create(path, perm)
	if err != nil {
		return nil, err
	}
	_, e1 := io.WriteString(w, "abc")
	_, e2 := w.WriteAt([]byte("z"), size)
	e3 := w.Truncate(size / 2)
	_, e4 := io.WriteString(w, "def")
	_, e5 := w.WriteAt([]byte("z"), -1)
	e6, e7, e8, e9 := w.Truncate(-1), w.Sync(), w.Close(), w.Close()
	_, e10 := w.Write([]byte("late"))
	return fmt.Sprint(said(e1), said(e2), said(e3), said(e4), said(e5), said(e6), said(e7), said(e8), said(e9), said(e10), said(w.Sync()), said(w.Truncate(1))), nil
}

// extend goes on with a file through a handle.
func extend(fsys durable.FS, path string) (any, error) {
	w, err := fsys.Append(path)
	if err != nil {
		return nil, err
	}
	_, e1 := io.WriteString(w, "more")
	e2, e3 := w.Truncate(2), w.Sync()
	_, e4 := io.WriteString(w, "end")
	return fmt.Sprint(said(e1), said(e2), said(e3), said(e4), said(w.Close())), nil
}

// single are the calls with one path, pairs those with two.
func single(p string) []op {
	at := time.Unix(1_600_000_000, 123_456_789)
	ops := []op{
		{"WriteFile", func(f durable.FS) (any, error) { return none(f.WriteFile(p, []byte("written"), 0o640)) }},
		{"Create", func(f durable.FS) (any, error) { return build(f, p, 0o4750, 20_000) }},
		{"Append", func(f durable.FS) (any, error) { return extend(f, p) }},
		{"Mkdir", func(f durable.FS) (any, error) { return none(f.Mkdir(p, 0o777)) }},
		{"MkdirAll", func(f durable.FS) (any, error) { return none(f.MkdirAll(p, 0o711)) }},
		{"SwapLink", func(f durable.FS) (any, error) { return none(f.SwapLink(p, "e")) }},
		{"SwapLink to nothing", func(f durable.FS) (any, error) { return none(f.SwapLink(p, "")) }},
		{"Remove", func(f durable.FS) (any, error) { return none(f.Remove(p)) }},
		{"RemoveAll", func(f durable.FS) (any, error) { return none(f.RemoveAll(p)) }},
		{"Symlink", func(f durable.FS) (any, error) { return none(f.Symlink("d/f", p)) }},
		{"Mknod", func(f durable.FS) (any, error) { return none(f.Mknod(p, fs.ModeNamedPipe|0o622, 0)) }},
		{"Mknod of a socket", func(f durable.FS) (any, error) { return none(f.Mknod(p, fs.ModeSocket|0o622, 0)) }},
		{"Mknod of a file", func(f durable.FS) (any, error) { return none(f.Mknod(p, 0o622, 0)) }},
		{"Chmod", func(f durable.FS) (any, error) { return none(f.Chmod(p, 0o751|fs.ModeSetuid|fs.ModeSetgid)) }},
		{"Chtimes", func(f durable.FS) (any, error) { return none(f.Chtimes(p, at)) }},
		{"SetXattr", func(f durable.FS) (any, error) { return none(f.SetXattr(p, "user.k", []byte("v"))) }},
		{"SetXattr without space", func(f durable.FS) (any, error) { return none(f.SetXattr(p, "k", []byte("v"))) }},
		{"RemoveXattr", func(f durable.FS) (any, error) { return none(f.RemoveXattr(p, "user.k")) }},
		{"Preallocate", func(f durable.FS) (any, error) { return none(f.Preallocate(p, 10_000)) }},
		{"Preallocate less", func(f durable.FS) (any, error) { return none(f.Preallocate(p, 5)) }},
		{"SyncFile", func(f durable.FS) (any, error) { return none(f.SyncFile(p)) }},
		{"SyncDir", func(f durable.FS) (any, error) { return none(f.SyncDir(p)) }},
		{"Open", func(f durable.FS) (any, error) { return read(f.Open(p)) }},
		{"OpenNoFollow", func(f durable.FS) (any, error) { return read(f.OpenNoFollow(p)) }},
		{"Lstat", func(f durable.FS) (any, error) { return facts(f.Lstat(p)) }},
		{"Stat", func(f durable.FS) (any, error) { return facts(f.Stat(p)) }},
		{"ReadDir", func(f durable.FS) (any, error) { return f.ReadDir(p) }},
		{"ReadFile", func(f durable.FS) (any, error) { return f.ReadFile(p) }},
		{"Readlink", func(f durable.FS) (any, error) { return f.Readlink(p) }},
		{"Xattrs", func(f durable.FS) (any, error) { return f.Xattrs(p) }},
		{"Free", func(f durable.FS) (any, error) {
			_, err := f.Free(p)
			return none(err)
		}},
		{"Mounts", func(f durable.FS) (any, error) { return f.Mounts(p) }},
	}
	if os.Geteuid() == 0 {
		ops = append(ops, op{"Chown", func(f durable.FS) (any, error) { return none(f.Chown(p, 12, 34)) }},
			op{"SetXattr trusted", func(f durable.FS) (any, error) { return none(f.SetXattr(p, "trusted.k", []byte("v"))) }},
			op{"Mknod of a device", func(f durable.FS) (any, error) {
				return none(f.Mknod(p, fs.ModeDevice|fs.ModeCharDevice|0o600, 0x103))
			}})
	}
	for i := range ops {
		ops[i].name += " " + p
	}
	return ops
}

func double(a, b string) []op {
	ops := []op{
		{"Rename", func(f durable.FS) (any, error) { return none(f.Rename(a, b)) }},
		{"Replace", func(f durable.FS) (any, error) { return none(f.Replace(a, b)) }},
		{"Exchange", func(f durable.FS) (any, error) { return none(f.Exchange(a, b)) }},
		{"Link", func(f durable.FS) (any, error) { return none(f.Link(a, b)) }},
	}
	for i := range ops {
		ops[i].name += " " + a + " " + b
	}
	return ops
}

// waits says whether the machine would wait for ever: it opens a FIFO without O_NONBLOCK there. Devices are somebody's.
func (p pair) waits(name, path string) bool {
	i, err := p.mem.Stat(path)
	if err != nil {
		return false
	}
	call, _, _ := strings.Cut(name, " ")
	return i.Mode&fs.ModeNamedPipe != 0 && (call == "ReadFile" || call == "SyncDir") ||
		i.Mode&fs.ModeDevice != 0 && (call == "Open" || call == "OpenNoFollow" || strings.HasPrefix(call, "Sync") || call == "ReadFile" || call == "Preallocate") ||
		i.Mode.Type()&^fs.ModeDir != 0 && call == "Preallocate"
}

// quick is a folder on which a sync costs nothing, where there is one.
func quick(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "crashfs")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var paths = []string{"f", "g", "d", "d/f", "d/sub", "d/sub/f", "e", "e/hard", "e/up", "e/up/f", "empty", "l", "ld", "ld/f", "dangling", "loop", "loop/x",
	"fifo", "setgid/new", "new", "new/x", "d/new", "f/x", "l/x", "dangling/x", "d/../f", "d/.", "d/..", "f/", "d/", "ld/", "new/", "."}

// Each call on each kind of path, from the same start.
func TestEachCall(t *testing.T) {
	base := quick(t)
	n := 0
	var p pair
	var start string
	each := func(ops func(dir string) []op, about string) {
		for i := range ops("") {
			if p.mem == nil || p.mem.SnapshotTimes(p.dir) != start { // the last call changed it
				dir := filepath.Join(base, fmt.Sprint(n))
				n++
				must(t, os.Mkdir(dir, 0o755))
				p = newPair(t, dir)
				start = p.mem.SnapshotTimes(dir)
			}
			o := ops(p.dir)[i]
			if p.waits(o.name, p.dir+"/"+about) {
				continue
			}
			q := p.view(i%2 == 0)
			t.Run(strings.ReplaceAll(strings.ReplaceAll(o.name, p.dir+"/", ""), "/", "_"), func(t *testing.T) {
				q.try(t, o)
				q.same(t, o.name)
			})
		}
	}
	for _, a := range paths {
		each(func(dir string) []op { return single(dir + "/" + a) }, a)
	}
	for _, a := range paths {
		others := []string{"f", "d", "d/new", "new", "e/hard"}
		if os.Getenv("UPKEEP_SLOW") == "1" {
			others = append(others, "d/f", "d/sub", "empty", "l", "ld", "ld/new", "d/sub/new", "f/x", "new/x", "fifo")
		}
		for _, b := range others {
			if strings.HasSuffix(a, "/.") || strings.HasSuffix(a, "/..") || a == "." {
				continue
			}
			each(func(dir string) []op { return double(dir+"/"+a, dir+"/"+b) }, a)
		}
	}
	for _, p := range []string{"", "x", "/", "/.."} {
		pr := pair{mem: crashfs.New(), own: crashfs.New(), os: durable.OS()}
		for _, o := range single(p) {
			call, _, _ := strings.Cut(o.name, " ")
			if p == "x" || p == "" || call == "RemoveAll" || call == "Mkdir" || call == "SwapLink" || call == "Readlink" {
				if p == "" && call == "SyncTree" {
					continue
				}
				pr.try(t, o)
			}
		}
	}
}

// Long runs of calls leave the same trees.
func TestSequences(t *testing.T) {
	base := quick(t)
	n := 0
	names := []string{"f", "g", "d", "d/f", "d/sub", "d/sub/f", "e", "e/hard", "e/up/f", "empty", "l", "ld", "ld/f", "fifo", "setgid/a", "a", "a/b", "a/b/c", "d/a", "setgid"}
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		must(t, os.Mkdir(dir, 0o755))
		defer os.RemoveAll(dir)
		p := newPair(t, dir).view(rapid.Bool().Draw(t, "synced"))
		path := rapid.SampledFrom(names)
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			a, b := filepath.Join(dir, path.Draw(t, "path")), filepath.Join(dir, path.Draw(t, "other"))
			ops := append(double(a, b), single(a)...)
			o := ops[rapid.IntRange(0, len(ops)-1).Draw(t, "call")]
			if p.waits(o.name, a) {
				continue
			}
			p.try(t, o)
		}
		p.same(t, "after all")
		if c := p.mem.Crash(crashfs.KeepAll()); c.Snapshot(dir) != p.mem.Snapshot(dir) {
			t.Fatalf("a cut that keeps all changes the tree")
		}
		must(t, p.mem.SyncTree("/"))
		if c := p.mem.Crash(crashfs.KeepNone()); c.SnapshotTimes(dir) != p.mem.SnapshotTimes(dir) {
			t.Fatalf("after a sync a cut changes the tree")
		}
	})
}
