package crashfs

import (
	"fmt"
	"io/fs"
	"testing"

	"pgregory.net/rapid"
)

var names = rapid.SampledFrom([]string{"/a", "/b", "/c", "/a/a", "/a/b", "/b/a", "/b/b", "/c/a", "/a/a/a", "/b/a/a", "/a/b/c", "/b/b/c"})

// moves are random calls that lose nothing: they make, move, swap and sync. It says what was done.
func moves(t *rapid.T, f *FS) {
	l := f.Unsynced()
	for range rapid.IntRange(1, 30).Draw(t, "calls") {
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		w := l
		if rapid.IntRange(0, 5).Draw(t, "synced") == 0 {
			w = f
		}
		switch rapid.IntRange(0, 7).Draw(t, "call") {
		case 0, 1:
			_ = w.Mkdir(a, 0o755)
		case 2:
			_ = create(w, a, "content of "+a, true)
		case 3, 4:
			_ = w.Rename(a, b)
		case 5:
			_ = w.Exchange(a, b)
		case 6:
			_ = f.SyncDir(a)
		case 7:
			_ = f.SyncFile(a)
		}
	}
}

// inodes counts the names of each inode, by walking the tree as programs do, and checks what the volume says of itself.
func inodes(t rapid.TB, f *FS) map[uint64]int {
	t.Helper()
	found := map[uint64]int{}
	var walk func(string) uint64
	walk = func(dir string) uint64 {
		list, err := f.ReadDir(dir + "/")
		must(t, err)
		subs := uint64(0)
		for _, e := range list {
			p := dir + "/" + e.Name
			i, err := f.Lstat(p)
			must(t, err)
			found[i.Ino]++
			if i.IsDir() {
				subs++
				if n := walk(p); n != i.Nlink {
					t.Fatalf("%s has %d links, want %d", p, i.Nlink, n)
				}
				if err := errsOf(f.Stat(p + "/../" + e.Name)); err != nil {
					t.Fatalf("%s has another parent: %v", p, err)
				}
			}
		}
		return subs + 2
	}
	walk("")
	return found
}

func errsOf(_ any, err error) error { return err }

// Whatever part of moves and swaps reaches the disk, no file that was on it is lost, and none has two names.
func TestMovesAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := New()
		moves(t, f)
		durable := inodes(t, f.Crash(KeepNone()))
		for seed := range uint64(20) {
			c := f.Crash(KeepSome(seed))
			have := inodes(t, c)
			for ino, n := range have {
				if n > 1 {
					t.Fatalf("seed %d: inode %d has %d names:\n%s", seed, ino, n, c.Snapshot())
				}
			}
			for ino := range durable {
				if have[ino] == 0 {
					t.Fatalf("seed %d: inode %d was durable and is lost:\n%s", seed, ino, c.Snapshot())
				}
			}
			if again := f.Clone().Crash(KeepSome(seed)); again.SnapshotTimes() != c.SnapshotTimes() {
				t.Fatalf("seed %d gives two disks", seed)
			}
			if d := c.Dirty(); len(d) > 0 || c.v.used != c.Clone().v.used || c.Crash(KeepNone()).Snapshot() != c.Snapshot() {
				t.Fatalf("seed %d: the disk itself is not durable: %q", seed, d)
			}
		}
	})
}

// Every call of the synced view is durable when it returns, but Create's name.
func TestSyncedIsDurable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := New()
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			a, b := names.Draw(t, "a"), names.Draw(t, "b")
			what := rapid.IntRange(0, len(synced)-1).Draw(t, "call")
			err := synced[what](f, a, b)
			if c := f.Crash(KeepNone()); c.SnapshotTimes() != f.SnapshotTimes() {
				t.Fatalf("call %d on %s and %s (%v) leaves %q:\n%snot\n%s", what, a, b, err, f.Dirty(), c.SnapshotTimes(), f.SnapshotTimes())
			}
			if d := f.Dirty(); len(d) > 0 {
				t.Fatalf("call %d on %s and %s leaves %q", what, a, b, d)
			}
			inodes(t, f)
		}
	})
}

var synced = []func(f *FS, a, b string) error{
	func(f *FS, a, b string) error { return f.WriteFile(a, []byte(b), 0o640) },
	func(f *FS, a, b string) error { return f.Mkdir(a, 0o751) },
	func(f *FS, a, b string) error { return f.MkdirAll(a, 0o711) },
	func(f *FS, a, b string) error { return f.Rename(a, b) },
	func(f *FS, a, b string) error { return f.Replace(a, b) },
	func(f *FS, a, b string) error { return f.Exchange(a, b) },
	func(f *FS, a, b string) error { return f.Link(a, b) },
	// dangling: durable.FS syncs the directory that a path names after the call, which may be another one when it led through the
	// very link that was replaced
	func(f *FS, a, b string) error { return f.Symlink(b+"-", a) },
	func(f *FS, a, b string) error { return f.SwapLink(a, b+"-") },
	func(f *FS, a, b string) error { return f.Mknod(a, fs.ModeNamedPipe|0o600, 0) },
	func(f *FS, a, b string) error { return f.Remove(a) },
	func(f *FS, a, b string) error { return f.RemoveAll(a) },
	func(f *FS, a, b string) error { return f.Chmod(a, 0o711) },
	func(f *FS, a, b string) error { return f.SetXattr(a, "user.k", []byte(b)) },
	func(f *FS, a, b string) error { return f.Preallocate(a, 100) },
	func(f *FS, a, b string) error {
		if err := create(f, a, b, true); err != nil {
			return err
		}
		return f.parents("", a)
	},
}

// All calls, synced or not, on a volume that is cut and goes on: what is told of it stays true.
func TestCutAgainAndAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := New()
		for n := range rapid.IntRange(1, 60).Draw(t, "calls") {
			w := &FS{f.v, rapid.Bool().Draw(t, "lazy")}
			_ = synced[rapid.IntRange(0, len(synced)-1).Draw(t, "call")](w, names.Draw(t, "a"), names.Draw(t, "b"))
			if c := f.Clone(); c.SnapshotTimes() != f.SnapshotTimes() || fmt.Sprint(c.Dirty()) != fmt.Sprint(f.Dirty()) || c.v.used != f.v.used || c.v.inodes != f.v.inodes {
				t.Fatalf("a copy is something else:\n%s\nnot\n%s", c.SnapshotTimes(), f.SnapshotTimes())
			}
			if len(f.Dirty()) == 0 && f.Crash(KeepNone()).Snapshot() != f.Snapshot() {
				t.Fatal("something is lost that is not dirty")
			}
			if all := f.Crash(KeepAll()); all.SnapshotTimes() != f.SnapshotTimes() || all.v.used != f.v.used || all.v.inodes != f.v.inodes {
				t.Fatalf("all that was written is something else:\n%s\nnot\n%s", all.SnapshotTimes(), f.SnapshotTimes())
			}
			if n%7 == 6 {
				f = f.Crash(KeepSome(rapid.Uint64().Draw(t, "seed")))
				inodes(t, f)
			}
		}
	})
}
