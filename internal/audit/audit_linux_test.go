package audit

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
)

const path = "/hub/audit.jsonl"

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func alone() (func(), error) { return func() {}, nil }

func open(t testing.TB, fsys durable.FS) *Log {
	t.Helper()
	l, err := Open(fsys, path, alone, func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func disk(t testing.TB) *crashfs.FS {
	t.Helper()
	d := crashfs.New()
	if err := d.MkdirAll("/hub", 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// change notes one change and its result.
func change(l *Log, what, result string) error {
	n, err := l.Begin("anna", "operator", what, map[string]string{"installation": "notes"})
	if err == nil {
		err = l.End(n, result, "")
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, fsys durable.Reader, known ...Head) Report {
	t.Helper()
	r, err := Verify(fsys, path, known...)
	must(t, err)
	return r
}

func TestLog(t *testing.T) {
	d := disk(t)
	l := open(t, d)
	must(t, change(l, "start", "done"))
	n, err := l.Begin("bert", "administrator", "person-add", map[string]string{"name": "x\n\x1b[2J", "long": strings.Repeat("é", textMost)})
	must(t, err)
	again := open(t, d) // another process
	must(t, change(again, "decide", "refused"))
	must(t, l.End(n, "failed", "no room"))
	list, more, err := l.Acts(0, 2)
	must(t, err)
	if len(list) != 2 || !more || list[0].Do != "decide" || list[0].Result != "refused" || list[1].N != n || list[1].Result != "failed" || list[1].Text != "no room" || list[1].On["name"] != "x\n\x1b[2J" {
		t.Errorf("%+v, %v", list, more)
	}
	if list, more, err = l.Acts(2, 2); err != nil || len(list) != 1 || more || list[0].Do != "start" {
		t.Errorf("the rest: %+v, %v, %v", list, more, err)
	}
	if list, more, err = l.Acts(7, 2); err != nil || len(list) != 0 || more {
		t.Errorf("behind the end: %+v, %v, %v", list, more, err)
	}
	raw, err := d.ReadFile(path)
	must(t, err)
	if bytes.Count(raw, []byte("\n")) != 6 || bytes.ContainsAny(raw, "\x1b") {
		t.Errorf("a name has written lines of its own:\n%s", raw)
	}
	if i, err := d.Lstat(path); err != nil || i.Mode != 0o600 {
		t.Errorf("%v, %v", i.Mode, err)
	}
	hn, hash := l.Head()
	if r := verify(t, d, Head{hn, hash}); len(r.Breaks) > 0 || r.Entries != 6 || r.Head != hash || len(r.Open) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestTampered: whatever is cut, changed, moved or taken out is found.
func TestTampered(t *testing.T) {
	d := disk(t)
	l := open(t, d)
	for i := range 6 {
		must(t, change(l, fmt.Sprint("change", i), "done"))
	}
	hn, hash := l.Head()
	whole, err := d.ReadFile(path)
	must(t, err)
	list := bytes.SplitAfter(whole, []byte("\n"))[:12]
	other := disk(t)
	lo := open(t, other)
	for i := range 6 {
		must(t, change(lo, fmt.Sprint("another", i), "done"))
	}
	foreign, err := other.ReadFile(path)
	must(t, err)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	swapped := slices.Clone(list)
	swapped[3], swapped[6] = swapped[6], swapped[3]
	for _, tt := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"a word changed", bytes.Replace(whole, []byte("change2"), []byte("change9"), 1), "no entry"},
		{"one taken out", join(join(list[:4]...), join(list[5:]...)), "entry 5 is missing"},
		{"several taken out", join(join(list[:4]...), join(list[7:]...)), "5 to 7 are missing"},
		{"two exchanged", join(swapped...), "missing"},
		{"one twice", join(join(list[:4]...), list[3], join(list[4:]...)), "written twice"},
		{"the beginning cut", join(list[2:]...), "begins with entry 3"},
		{"another log's end", join(join(list[:4]...), bytes.Join(bytes.SplitAfter(foreign, []byte("\n"))[4:], nil)), "exchanged"},
		{"something in between", join(join(list[:4]...), []byte("hello\n"), join(list[4:]...)), "6 bytes"},
		{"the end cut", join(list[:10]...), "the end of the log was cut"},
		{"everything gone", nil, "the end of the log was cut"},
		{"written anew", foreign, "written anew"},
		{"a blank in a line", bytes.Replace(whole, []byte(`{"n":3,`), []byte(`{"n": 3,`), 1), "no entry"},
		{"something added to a line", bytes.Replace(whole, []byte(`{"n":3,`), []byte(`{"x":1,"n":3,`), 1), "no entry"},
	} {
		must(t, d.WriteFile(path, tt.raw, 0o600))
		r := verify(t, d, Head{hn, hash})
		if got := fmt.Sprint(r.Breaks); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.want)
		}
		must(t, change(open(t, d), "after it", "done")) // goes on, and hides nothing
		if r := verify(t, d, Head{hn, hash}); len(r.Breaks) == 0 {
			t.Errorf("%s: after the next change nothing shows any more", tt.name)
		}
	}
}

// TestTamperedAnyhow: no edit of a log with a noted head goes unnoticed.
func TestTamperedAnyhow(t *testing.T) {
	d := disk(t)
	l := open(t, d)
	for i := range 4 {
		must(t, change(l, fmt.Sprint("change", i), "done"))
	}
	hn, hash := l.Head()
	whole, err := d.ReadFile(path)
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(whole)).Draw(t, "from")
		to := rapid.IntRange(from, min(len(whole), from+400)).Draw(t, "to")
		put := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "put")
		raw := slices.Concat(whole[:from], put, whole[to:])
		if bytes.Equal(raw, whole) {
			return
		}
		d := crashfs.New()
		if err := errors.Join(d.MkdirAll("/hub", 0o700), d.WriteFile(path, raw, 0o600)); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(d, path, Head{hn, hash})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Breaks) == 0 && !(r.Torn && bytes.HasPrefix(raw, whole)) {
			t.Errorf("%d to %d by %q goes unnoticed: %+v", from, to, put, r)
		}
	})
}

// TestCrashes: whenever the process or the power goes, every entry that was written
// is there, what is torn is mended, and the log verifies.
func TestCrashes(t *testing.T) {
	begin := disk(t)
	must(t, change(open(t, begin), "first", "done"))
	mended := 0
	for n, torn := 0, false; ; {
		now := begin.Crash(crashfs.KeepAll())
		died, ops := false, 0
		fsys := tap.FS(now, func(op tap.Op, do func() error) error {
			if died {
				return errDead
			}
			if ops++; ops > n {
				died = true
				if torn && op.Torn != nil {
					_ = op.Torn()
				}
				return errDead
			}
			return do()
		})
		l, err := Open(fsys, path, alone, func() time.Time { return start })
		must(t, err)
		var durable []string
		for i := range 3 {
			if id, err := l.Begin("anna", "operator", fmt.Sprint("change", i), nil); err == nil {
				durable = append(durable, fmt.Sprintf("begin %d", id))
				if l.End(id, "done", "") == nil {
					durable = append(durable, fmt.Sprintf("end %d", id))
				}
			}
		}
		if !died {
			if n < 12 {
				t.Fatalf("only %d operations", n)
			}
			break
		}
		for i, keep := range []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepAll(), crashfs.KeepSome(uint64(n)), crashfs.KeepSome(uint64(n) + 1000), crashfs.KeepSome(uint64(n) + 2000)} {
			left := now.Crash(keep)
			must(t, change(open(t, left), "after the crash", "done"))
			r := verify(t, left)
			mended += r.Mended
			if len(r.Breaks) > 0 || r.Torn {
				t.Errorf("%d (%d): %+v", n, i, r)
			}
			raw, err := left.ReadFile(path)
			must(t, err)
			found := map[string]bool{}
			must(t, read(bytes.NewReader(raw), 0, func(p piece) error {
				found[fmt.Sprintf("%s %d", p.entry.Kind, max(p.entry.Of, p.record.N*int64(b2i(p.entry.Kind == Begin))))] = true
				return nil
			}))
			for _, want := range durable {
				if !found[want] {
					t.Errorf("%d (%d): %s is lost, and was on the disk", n, i, want)
				}
			}
		}
		if torn = !torn; !torn {
			n++
		}
	}
	if mended == 0 {
		t.Error("nothing was torn: the test shows nothing")
	}
	t.Logf("%d torn places mended", mended)
}

var errDead = errors.New("the process is dead")

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestTornAnyhow: whatever a power cut leaves behind the last whole entry is mended.
func TestTornAnyhow(t *testing.T) {
	base := disk(t)
	must(t, change(open(t, base), "first", "done"))
	whole, err := base.ReadFile(path)
	must(t, err)
	next, _, err := line(3, verify(t, base).Head, Entry{Kind: Begin, By: "anna"})
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		tail := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 1, 200), rapid.Map(rapid.IntRange(1, len(next)-1), func(n int) []byte { return next[:n] }),
			rapid.Just(next[:len(next)-1]), rapid.Map(rapid.IntRange(1, len(next)-1), func(n int) []byte { return append(make([]byte, n), next[n:]...) }),
			rapid.Map(rapid.IntRange(lineMost, 3*lineMost), func(n int) []byte { return make([]byte, n) })).Draw(t, "tail")
		d := crashfs.New()
		if err := errors.Join(d.MkdirAll("/hub", 0o700), d.WriteFile(path, slices.Concat(whole, tail), 0o600)); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(d, path); err != nil || !r.Torn || len(r.Breaks) > 0 {
			t.Fatalf("before: %+v, %v", r, err)
		}
		l, err := Open(d, path, alone, time.Now)
		if err == nil {
			err = errors.Join(change(l, "a", "done"), change(l, "b", "done"))
		}
		r, verr := Verify(d, path)
		if err != nil || verr != nil || len(r.Breaks) > 0 || r.Mended != 1 || r.Entries != 7 {
			t.Fatalf("after: %+v, %v, %v", r, err, verr)
		}
		raw, err := d.ReadFile(path)
		if err != nil || !bytes.HasPrefix(raw, slices.Concat(whole, tail)) {
			t.Fatalf("what was there is not any more: %v", err)
		}
	})
}

// TestFullDisk: what cannot be noted is refused; once there is room, the results
// that could not be noted are.
func TestFullDisk(t *testing.T) {
	lab.Root(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	fsys, at := durable.OS(), filepath.Join(dir, "audit.jsonl")
	l, err := Open(fsys, at, alone, time.Now)
	must(t, err)
	must(t, change(l, "first", "done"))
	running, err := l.Begin("anna", "operator", "start", nil)
	must(t, err)
	reserve := filepath.Join(dir, "fill")
	for size := int64(60 << 10); size > 0 && fsys.Preallocate(reserve, size) != nil; size -= 4096 {
	}
	var refused error
	n := 0
	for ; n < 1000 && refused == nil; n++ { // what is left of the last page
		_, refused = l.Begin("bert", "operator", "decide", map[string]string{"why": strings.Repeat("x", 400)})
	}
	if !errors.Is(refused, syscall.ENOSPC) {
		t.Fatalf("after %d: %v", n, refused)
	}
	if err := l.End(running, "done", ""); err == nil {
		t.Error("the result was noted on a full disk")
	}
	must(t, fsys.Remove(reserve))
	must(t, change(l, "later", "done"))
	r, err := Verify(fsys, at)
	if err != nil || len(r.Breaks) > 0 || slices.Contains(r.Open, running) || r.Mended > 1 {
		t.Errorf("%+v, %v", r, err)
	}
	t.Logf("%+v", r)
}

// TestFailedSync: nobody goes on over what may not be on the disk.
func TestFailedSync(t *testing.T) {
	d := disk(t)
	fail := false
	l := open(t, tap.FS(d, func(op tap.Op, do func() error) error {
		if fail && strings.Contains(op.String(), "Sync") {
			return errDead
		}
		return do()
	}))
	must(t, change(l, "first", "done"))
	fail = true
	if _, err := l.Begin("anna", "operator", "start", nil); !errors.Is(err, errDead) {
		t.Fatalf("the sync fails: %v", err)
	}
	fail = false
	if _, err := l.Begin("anna", "operator", "start", nil); err == nil || !strings.Contains(err.Error(), "started anew") {
		t.Errorf("after that: %v", err)
	}
	must(t, change(open(t, d), "in the next process", "done"))
	if r := verify(t, d); len(r.Breaks) > 0 {
		t.Errorf("%+v", r)
	}
}

func FuzzRead(f *testing.F) {
	raw, _, _ := line(1, origin, Entry{Kind: Begin, By: "anna"})
	f.Add(raw)
	f.Add([]byte("{\n\n\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		at := int64(0)
		err := read(bytes.NewReader(raw), 0, func(p piece) error {
			if p.at != at || p.size == 0 {
				t.Errorf("a gap at %d: %+v", at, p)
			}
			at += p.size
			return nil
		})
		if err != nil || at != int64(len(raw)) {
			t.Errorf("%d of %d bytes, %v", at, len(raw), err)
		}
	})
}
