package crashfs

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
)

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// with makes a volume with /a and /b, durable, and files of the given paths in them that hold "old".
func with(t testing.TB, paths ...string) *FS {
	t.Helper()
	f := New()
	must(t, f.MkdirAll("/a", 0o755))
	must(t, f.MkdirAll("/b", 0o755))
	for _, p := range paths {
		must(t, f.WriteFile(p, []byte("old"), 0o644))
	}
	if d := f.Dirty(); len(d) > 0 {
		t.Fatalf("not durable: %q", d)
	}
	return f
}

// state is content by path, "dir" for directories.
func contents(t testing.TB, f *FS) string {
	t.Helper()
	var out []string
	var walk func(string)
	walk = func(dir string) {
		list, err := f.ReadDir(dir)
		must(t, err)
		for _, e := range list {
			p := strings.TrimSuffix(dir, "/") + "/" + e.Name
			switch {
			case e.Type.IsDir():
				if p != "/a" && p != "/b" {
					out = append(out, p+"/")
				}
				walk(p)
			case e.Type == fs.ModeSymlink:
				s, err := f.Readlink(p)
				must(t, err)
				out = append(out, p+"->"+s)
			default:
				b, err := f.ReadFile(p)
				must(t, err)
				out = append(out, p+"="+string(b))
			}
		}
	}
	walk("/")
	return strings.Join(out, " ")
}

func create(f durable.FS, path, text string, sync bool) error {
	w, err := f.Create(path, 0o640)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err = w.Write([]byte(text)); err == nil && sync {
		err = w.Sync()
	}
	return err
}

// Each case says what the disk holds when only what was synced is on it.
func TestKeepNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		do    func(f, lazy durable.FS) error
		none  string
	}{
		{"synced write", []string{"/a/x"}, func(f, _ durable.FS) error { return f.WriteFile("/a/x", []byte("new"), 0o600) }, "/a/x=new"},
		{"unsynced write", []string{"/a/x"}, func(_, l durable.FS) error { return l.WriteFile("/a/x", []byte("new"), 0o600) }, "/a/x=old"},
		{"unsynced new", nil, func(_, l durable.FS) error { return l.WriteFile("/a/x", []byte("new"), 0o600) }, ""},
		{"name without content", nil, func(f, l durable.FS) error {
			return errs(l.WriteFile("/a/x", []byte("new"), 0o600), f.SyncDir("/a"))
		}, "/a/x="},
		{"content without name", nil, func(f, l durable.FS) error {
			return errs(l.WriteFile("/a/x", []byte("new"), 0o600), f.SyncFile("/a/x"))
		}, ""},
		{"both", nil, func(f, l durable.FS) error {
			return errs(l.WriteFile("/a/x", []byte("new"), 0o600), l.SyncFile("/a/x"), l.SyncDir("/a"))
		}, "/a/x=new"},
		{"a tree", nil, func(f, l durable.FS) error {
			return errs(l.MkdirAll("/a/d/e", 0o755), l.WriteFile("/a/d/e/x", []byte("new"), 0o600), l.SyncTree("/a/d"))
		}, "/a/d/ /a/d/e/ /a/d/e/x=new"},
		{"create does not sync", nil, func(f, _ durable.FS) error { return create(f, "/a/x", "new", true) }, ""},
		{"create and directory", nil, func(f, _ durable.FS) error {
			return errs(create(f, "/a/x", "new", true), f.SyncDir("/a"))
		}, "/a/x=new"},
		{"create, no sync, and directory", nil, func(f, _ durable.FS) error {
			return errs(create(f, "/a/x", "new", false), f.SyncDir("/a"))
		}, "/a/x="},
		{"create, and a later name in the directory", nil, func(f, _ durable.FS) error {
			return errs(create(f, "/a/x", "new", true), f.Symlink("t", "/a/l"))
		}, "/a/l->t /a/x=new"},
		{"another directory does not help", nil, func(f, _ durable.FS) error {
			return errs(create(f, "/a/x", "new", true), f.Symlink("t", "/b/l"))
		}, "/b/l->t"},
		{"directory without name", nil, func(f, l durable.FS) error {
			return errs(l.Mkdir("/a/d", 0o755), f.WriteFile("/a/d/x", []byte("new"), 0o600))
		}, ""},
		{"directory named later", nil, func(f, l durable.FS) error {
			return errs(l.Mkdir("/a/d", 0o755), f.WriteFile("/a/d/x", []byte("new"), 0o600), f.SyncDir("/a"))
		}, "/a/d/ /a/d/x=new"},
		{"synced twice in an unnamed directory", nil, func(f, l durable.FS) error {
			return errs(l.Mkdir("/a/d", 0o755), f.WriteFile("/a/d/x", []byte("1"), 0o600), f.WriteFile("/a/d/x", []byte("2"), 0o600), f.Remove("/a/d/x"))
		}, ""},
		{"rename", []string{"/a/x"}, func(f, _ durable.FS) error { return f.Rename("/a/x", "/b/y") }, "/b/y=old"},
		{"unsynced rename", []string{"/a/x"}, func(_, l durable.FS) error { return l.Rename("/a/x", "/b/y") }, "/a/x=old"},
		{"rename, source synced", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(l.Rename("/a/x", "/b/y"), f.SyncDir("/a"))
		}, "/b/y=old"},
		{"rename, target synced", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(l.Rename("/a/x", "/b/y"), f.SyncDir("/b"))
		}, "/b/y=old"},
		{"rename into a directory without name", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(l.Mkdir("/b/d", 0o755), f.Rename("/a/x", "/b/d/x"))
		}, "/a/x=old"},
		{"and then the old name anew", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(l.Mkdir("/b/d", 0o755), f.Rename("/a/x", "/b/d/x"), f.WriteFile("/a/x", []byte("new"), 0o600))
		}, "/a/x=new /b/d/ /b/d/x=old"},
		{"exchange", []string{"/a/x", "/b/y"}, func(f, l durable.FS) error {
			return errs(f.WriteFile("/b/y", []byte("new"), 0o600), l.Exchange("/a/x", "/b/y"))
		}, "/a/x=old /b/y=new"},
		{"exchange, one synced", []string{"/a/x", "/b/y"}, func(f, l durable.FS) error {
			return errs(f.WriteFile("/b/y", []byte("new"), 0o600), l.Exchange("/a/x", "/b/y"), f.SyncDir("/b"))
		}, "/a/x=new /b/y=old"},
		{"link", nil, func(f, l durable.FS) error {
			return errs(f.SwapLink("/a/l", "one"), l.SwapLink("/a/l", "two"))
		}, "/a/l->one"},
		{"unsynced remove", []string{"/a/x"}, func(_, l durable.FS) error { return l.Remove("/a/x") }, "/a/x=old"},
		{"remove", []string{"/a/x"}, func(f, _ durable.FS) error { return f.Remove("/a/x") }, ""},
		{"unsynced remove of a tree", []string{"/a/x"}, func(_, l durable.FS) error { return l.RemoveAll("/a") }, "/a/x=old"},
		{"remove of a tree", []string{"/a/x"}, func(f, _ durable.FS) error {
			return errs(f.MkdirAll("/a/d/e", 0o700), f.RemoveAll("/a/d"))
		}, "/a/x=old"},
		{"moved out, then removed", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(f.Mkdir("/b/d", 0o700), f.Rename("/a/x", "/b/d/x"), l.Rename("/b/d/x", "/a/y"), f.RemoveAll("/b/d"))
		}, "/a/y=old"},
		{"content of two names", []string{"/a/x"}, func(f, l durable.FS) error {
			return errs(f.Link("/a/x", "/b/y"), l.Remove("/a/x"))
		}, "/a/x=old /b/y=old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := with(t, c.files...)
			must(t, c.do(f, f.Unsynced()))
			if got := contents(t, f.Crash(KeepNone())); got != c.none {
				t.Errorf("the disk has %q, want %q", got, c.none)
			}
			if all := f.Crash(KeepAll()); all.Snapshot() != f.Snapshot() || len(all.Dirty()) > 0 {
				t.Errorf("all written is\n%s not\n%s or dirty: %q", all.Snapshot(), f.Snapshot(), all.Dirty())
			}
			if d := f.Dirty(); len(d) == 0 && contents(t, f) != c.none {
				t.Error("something is lost that is not dirty")
			}
			must(t, f.SyncTree("/"))
			if s := f.Crash(KeepNone()).Snapshot(); s != f.Snapshot() || len(f.Dirty()) > 0 {
				t.Errorf("after a sync of all the disk has\n%s want\n%s dirty: %q", s, f.Snapshot(), f.Dirty())
			}
		})
	}
}

func errs(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestMetadataLasts(t *testing.T) {
	f := with(t, "/a/x")
	must(t, f.SetXattr("/a/x", "user.old", []byte("v")))
	before, synced := f.Snapshot(), f.Clone()
	change := func(w durable.FS) {
		must(t, w.Chmod("/a/x", 0o4751))
		must(t, w.SetXattr("/a/x", "user.k", []byte("v")))
		must(t, w.Chown("/a", 7, 8))
		must(t, w.Chtimes("/a/x", time.Unix(5, 6)))
	}
	change(f.Unsynced())
	if s := f.Crash(KeepNone()).Snapshot(); s != before {
		t.Errorf("unsynced metadata lasted:\n%s", s)
	}
	if d := f.Dirty(); !slices.Equal(d, []string{"metadata of /a", "metadata of /a/x"}) {
		t.Errorf("dirty: %q", d)
	}
	change(synced)
	if s := synced.Crash(KeepNone()); s.SnapshotTimes("/a/x") != synced.SnapshotTimes("/a/x") || s.Snapshot() != f.Snapshot() {
		t.Errorf("synced metadata is lost:\n%s", s.Snapshot())
	}
}

// The seeds reach every state that is allowed, and no other one.
func TestKeepSomeReachesAll(t *testing.T) {
	f := with(t, "/a/x", "/b/y")
	l := f.Unsynced()
	must(t, l.Rename("/a/x", "/b/x"))
	must(t, l.Remove("/b/y"))
	must(t, l.WriteFile("/a/n", []byte("new"), 0o600))
	must(t, l.Mkdir("/a/d", 0o755))
	must(t, f.SyncFile("/a/n"))
	moved, removed := []string{"/a/x=old", "/b/x=old"}, []string{"/b/y=old", ""}
	fresh, dir := []string{"/a/n=new", "/a/.upkeep-tmp-0000000000000003=new", ""}, []string{"/a/d/", ""}
	want := map[string]bool{}
	for _, m := range moved {
		for _, r := range removed {
			for _, n := range fresh {
				for _, d := range dir {
					s := slices.DeleteFunc([]string{m, r, n, d}, func(s string) bool { return s == "" })
					slices.Sort(s)
					want[strings.Join(s, " ")] = false
				}
			}
		}
	}
	for seed := range uint64(2000) {
		got := contents(t, f.Crash(KeepSome(seed)))
		if _, ok := want[got]; !ok {
			t.Fatalf("seed %d gives %q", seed, got)
		}
		want[got] = true
	}
	for s, seen := range want {
		if !seen {
			t.Errorf("no seed gives %q", s)
		}
	}
}

func TestTornContent(t *testing.T) {
	f := New()
	must(t, f.WriteFile("/log", []byte(strings.Repeat("s", 5000)), 0o600))
	p, err := f.v.must("/log", false)
	must(t, err)
	w := &file{v: f.v, n: p.node, path: "/log", at: 5000}
	_, err = w.Write([]byte(strings.Repeat("u", 10000)))
	must(t, err)
	kinds := map[string]int{}
	for seed := range uint64(400) {
		b, err := f.Crash(KeepSome(seed)).ReadFile("/log")
		must(t, err)
		text := string(b)
		if !strings.HasPrefix(text, strings.Repeat("s", 5000)) {
			t.Fatalf("seed %d lost synced content", seed)
		}
		rest := strings.TrimLeft(text[5000:], "u")
		if strings.Trim(rest, "\x00") != "" {
			t.Fatalf("seed %d made content up", seed)
		}
		switch {
		case len(text) == 5000:
			kinds["old"]++
		case len(text) == 15000 && rest == "":
			kinds["new"]++
		case rest == "":
			kinds["prefix"]++
		default:
			kinds["zeros"]++
		}
	}
	if len(kinds) != 4 {
		t.Error(kinds)
	}
}

// A copy and its original do not hear of each other, not by shared bytes either.
func TestClone(t *testing.T) {
	f := with(t, "/a/x")
	w, err := f.Create("/a/w", 0o600)
	must(t, err)
	_, err = w.Write([]byte("one"))
	must(t, err)
	c := f.Clone()
	before := c.Snapshot()
	_, err = w.Write([]byte("two"))
	must(t, err)
	must(t, f.Unsynced().Rename("/a/x", "/a/y"))
	must(t, f.Chmod("/a", 0o700))
	must(t, f.Mkdir("/c", 0o700))
	if c.Snapshot() != before {
		t.Errorf("the copy changed:\n%s", c.Snapshot())
	}
	if got := contents(t, c.Crash(KeepNone())); got != "/a/x=old" {
		t.Errorf("the copy forgot what is not synced: %q", got)
	}
	after := f.Snapshot()
	p, err := c.v.must("/a/w", false)
	must(t, err)
	cw := &file{v: c.v, n: p.node, at: 3}
	_, err = cw.Write([]byte("abc"))
	must(t, err)
	must(t, c.RemoveAll("/b"))
	must(t, c.SyncTree("/"))
	if f.Snapshot() != after {
		t.Errorf("the original changed:\n%s", f.Snapshot())
	}
}

func TestInodeStaysOverRename(t *testing.T) {
	f := with(t, "/a/x")
	i, err := f.Lstat("/a/x")
	must(t, err)
	must(t, f.Rename("/a/x", "/b/y"))
	for name, g := range map[string]*FS{"live": f, "clone": f.Clone(), "cut": f.Crash(KeepNone())} {
		j, err := g.Lstat("/b/y")
		must(t, err)
		if i.Ino != j.Ino || !i.MTime.Equal(j.MTime) || i.CTime.Equal(j.CTime) && name == "live" {
			t.Errorf("%s: %+v, then %+v", name, i, j)
		}
	}
}

// tree is about what a small upgrade works on.
func tree(t testing.TB) *FS {
	f := New()
	for d := range 10 {
		must(t, f.MkdirAll(fmt.Sprintf("/srv/app/d%d", d), 0o755))
		for n := range 10 {
			must(t, f.WriteFile(fmt.Sprintf("/srv/app/d%d/f%d", d, n), []byte(strings.Repeat("x", 500)), 0o644))
		}
	}
	l := f.Unsynced()
	for n := range 20 {
		must(t, l.WriteFile(fmt.Sprintf("/srv/app/d1/n%d", n), []byte("new"), 0o644))
	}
	return f
}

func BenchmarkClone(b *testing.B) {
	f := tree(b)
	b.ReportAllocs()
	for b.Loop() {
		f.Clone()
	}
}

func BenchmarkCrash(b *testing.B) {
	f := tree(b)
	for name, k := range map[string]Keep{"none": KeepNone(), "all": KeepAll(), "some": KeepSome(1)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.Crash(k)
			}
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	f := tree(b)
	for b.Loop() {
		f.Snapshot()
	}
}

func BenchmarkThousandOps(b *testing.B) {
	for b.Loop() {
		f := New()
		for n := range 250 {
			p := fmt.Sprintf("/f%d", n%50)
			must(b, f.WriteFile(p, []byte("content"), 0o644))
			must(b, f.Rename(p, p+"x"))
			must(b, f.Chmod(p+"x", 0o600))
			must(b, f.Remove(p+"x"))
		}
	}
}

// Two directories that went into each other one after the other, with a way back between: no part of it makes a loop that
// nothing leads to.
func TestNoLoops(t *testing.T) {
	f := New()
	must(t, f.Mkdir("/x", 0o755))
	must(t, f.Mkdir("/y", 0o755))
	l := f.Unsynced()
	must(t, l.Rename("/x", "/y/x"))
	must(t, l.Rename("/y/x", "/x"))
	must(t, l.Rename("/y", "/x/y"))
	for seed := range uint64(300) {
		if c := f.Crash(KeepSome(seed)); c.v.inodes != 3 {
			t.Fatalf("seed %d leaves\n%s", seed, c.Snapshot())
		}
	}
}

// What is synced shares bytes with what is written later, and must not change with it.
func TestSyncedContentStays(t *testing.T) {
	f := New()
	w, err := f.Create("/f", 0o600)
	must(t, err)
	_, err = w.Write([]byte("abcdef"))
	must(t, err)
	must(t, w.Sync())
	must(t, f.SyncDir("/"))
	must(t, w.Truncate(3))
	_, err = w.WriteAt([]byte("XYZ"), 3)
	must(t, err)
	if got := contents(t, f.Crash(KeepNone())); got != "/f=abcdef" {
		t.Error(got)
	}
	if got := contents(t, f); got != "/f=abcXYZ" {
		t.Error(got)
	}
}

// What a program makes has its mode from the first; what durable makes may be
// there before it.
func TestAProgramsFileIsBornWithItsMode(t *testing.T) {
	f := with(t, "/a/x")
	must(t, f.Careless().Overwrite("/a/program", []byte("new"), 0o644))
	must(t, f.Unsynced().WriteFile("/a/ours", []byte("new"), 0o644))
	seen := map[string]bool{}
	for seed := range uint64(2000) {
		c := f.Crash(KeepSome(seed))
		for _, name := range []string{"program", "ours"} {
			if info, err := c.Lstat("/a/" + name); err == nil {
				seen[fmt.Sprintf("%s %o", name, info.Mode.Perm())] = true
			}
		}
	}
	if seen["program 600"] || !seen["program 644"] || !seen["ours 600"] || !seen["ours 644"] {
		t.Errorf("seen: %v", seen)
	}
}
