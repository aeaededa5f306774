package backuptest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// testDamage flips, cuts and takes away: each is found by Verify, and nothing
// is restored from it.
func testDamage(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	e := s.engine()
	if err := e.Prepare(t.Context(), s.request("p")); err != nil {
		t.Fatal(err)
	}
	s.write("conf", "changed between the passes")
	if err := os.Remove(filepath.Join(s.app, "bin/app")); err != nil {
		t.Fatal(err)
	}
	backedUp, dumped := s.scan(s.app), databasetest.Fingerprint(t, s.db())
	s.point(e, s.request("p"), false)
	s.write("conf", "the state that must survive")
	s.sql("INSERT INTO t VALUES (9, 'survives')")
	now, content := s.scan(s.app), databasetest.Fingerprint(t, s.db())
	list := on.Stored(t, s.dir)
	if len(list) < 5 {
		t.Fatalf("stored %v", list)
	}
	for _, path := range list {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damages := map[string]func() error{
			"gone":  func() error { return os.Remove(path) },
			"empty": func() error { return os.WriteFile(path, nil, 0o600) },
			"cut":   func() error { return os.WriteFile(path, whole[:len(whole)-1], 0o600) },
			"grown": func() error { return os.WriteFile(path, append(append([]byte{}, whole...), 0), 0o600) },
		}
		for _, at := range []int{0, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
			if on.Spare != nil && on.Spare(path, whole, at) {
				continue
			}
			damages["flipped at "+time.Duration(at).String()] = func() error {
				bad := append([]byte{}, whole...)
				bad[at] ^= 0x20
				return os.WriteFile(path, bad, 0o600)
			}
		}
		for name, damage := range damages {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			what := filepath.Base(path) + " " + name
			err := e.Verify(t.Context(), "p")
			if !errors.Is(err, backup.ErrDamaged) && !(errors.Is(err, backup.ErrNotFound) && name == "gone") && !(err != nil && on.Place != nil && on.Place(path)) {
				t.Errorf("%s: Verify: %v", what, err)
			}
			if err != nil && strings.Contains(err.Error(), "unpack into") {
				t.Errorf("%s: Verify only reads, and says: %v", what, err)
			}
			_, filesErr := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x"})
			dbErr := e.RestoreDatabase(t.Context(), "p", "database", s.db())
			// What is restored all the same is what was backed up.
			if filesErr == nil {
				same(t, what, backedUp, s.scan(s.app))
			}
			if dbErr == nil {
				databasetest.Same(t, what, dumped, databasetest.Fingerprint(t, s.db()))
			}
			sumsOnly := filepath.Base(path) == "SHA256SUMS" // for people; nothing is restored by it
			if filesErr == nil && dbErr == nil && !sumsOnly && on.Place == nil {
				t.Errorf("%s: all was restored", what)
			}
			if filesErr != nil {
				same(t, what, now, s.scan(s.app))
			}
			if dbErr != nil {
				databasetest.Same(t, what, content, databasetest.Fingerprint(t, s.db()))
			}
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, whole, 0o600)); err != nil {
				t.Fatal(err)
			}
			s.write("conf", "the state that must survive")
			if err := errors.Join(os.RemoveAll(filepath.Join(s.app, "data"))); err != nil {
				t.Fatal(err)
			}
			s.sql("INSERT INTO t VALUES (9, 'survives')")
			now, content = s.scan(s.app), databasetest.Fingerprint(t, s.db())
		}
	}
	if err := e.Verify(t.Context(), "p"); err != nil {
		t.Fatalf("whole again: %v", err)
	}
}

// testKilled dies before every single writing call: there is no restore point
// or a good one, and the next process gets a good one.
func testKilled(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	for point := 0; ; point = on.next(point) {
		s.dir = filepath.Join(t.TempDir(), "points")
		mortal := DieAfter(durable.OS(), point)
		e := s.over(mortal)
		s.write("conf", "before")
		err := e.Prepare(t.Context(), s.request("p"))
		s.write("conf", "between")
		want := s.scan(s.app)
		if err == nil {
			_, err = e.Finish(t.Context(), s.request("p"))
		}
		next := s.engine()
		list, listErr := next.List(t.Context())
		if listErr != nil {
			t.Fatal(listErr)
		}
		if err == nil && len(list) != 1 {
			t.Fatalf("made, and not listed: %v", list)
		}
		for _, p := range list {
			if p.Broken != "" {
				t.Fatalf("died at %d: listed as broken: %s", point, p.Broken)
			}
			if err := next.Verify(t.Context(), p.ID); err != nil {
				t.Fatalf("died at %d: a bad restore point is listed: %v", point, err)
			}
		}
		if point%2 == 0 {
			if _, err := next.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := on.Names(t, s.dir); len(left) != len(list) {
				t.Fatalf("died at %d: left after the sweep: %v", point, left)
			}
		}
		s.point(next, s.request("p"), false)
		if err := next.Verify(t.Context(), "p"); err != nil {
			t.Fatalf("died at %d, made again: %v", point, err)
		}
		tree, treeErr := next.Tree(t.Context(), "p", "app")
		if treeErr != nil {
			t.Fatal(treeErr)
		}
		same(t, "made again", want, tree)
		if err == nil {
			if point < 10 {
				t.Errorf("only %d moments to die at", point)
			}
			return
		}
		if !mortal.Dead() {
			t.Fatalf("failed alive at %d: %v", point, err)
		}
		if point > 300 {
			t.Fatal("never done")
		}
	}
}

// testRestoreKilled dies before every writing call of a restore: an exchanged
// tree is the old or the restored one, and the next run completes it.
func testRestoreKilled(t *testing.T, on Subject) {
	for _, inPlace := range []bool{false, true} {
		s := newStage(t, on)
		s.small()
		want := s.scan(s.app)
		s.point(s.engine(), s.request("p"), false)
		for point := 0; ; point = on.next(point) {
			s.write("conf", "new")
			s.write("added/file", "new")
			if err := os.RemoveAll(filepath.Join(s.app, "data")); err != nil {
				t.Fatal(err)
			}
			old := s.scan(s.app)
			keep := filepath.Join(t.TempDir(), "old")
			to := backup.Target{Path: s.app, OpID: "run/step/undo", InPlace: inPlace, KeepOld: keep}
			mortal := DieAfter(durable.OS(), point)
			_, err := s.over(mortal).RestoreFiles(t.Context(), "p", "app", to)
			if err == nil {
				same(t, "restored", want, s.scan(s.app))
				clean(t, filepath.Dir(s.app))
				if point < 10 {
					t.Errorf("only %d moments to die at", point)
				}
				break
			}
			if !mortal.Dead() {
				t.Fatalf("failed alive at %d: %v", point, err)
			}
			if got := s.scan(s.app); !inPlace {
				restored := len(files.Compare(want, got, files.Ignore{})) == 0
				untouched := len(files.Compare(old, got, files.Ignore{})) == 0
				if !restored && !untouched {
					t.Fatalf("died at %d: neither old nor restored: %v", point, files.Compare(old, got, files.Ignore{}))
				}
			}
			done, err := s.engine().RestoreFiles(t.Context(), "p", "app", to)
			if err != nil {
				t.Fatalf("died at %d, run again: %v", point, err)
			}
			same(t, "run again", want, s.scan(s.app))
			if !inPlace {
				if done.Old != keep {
					t.Fatalf("died at %d: the replaced tree is at %q", point, done.Old)
				}
				same(t, "the replaced tree", old, s.scan(keep))
			}
			clean(t, filepath.Dir(s.app))
			if point > 500 {
				t.Fatal("never done")
			}
		}
	}
}

// rigid is a volume that cannot exchange.
type rigid struct{ durable.FS }

func (rigid) Exchange(string, string) error { return durable.ErrExchangeUnsupported }

func (r rigid) Unsynced() durable.FS { return rigid{r.FS.Unsynced()} }

func testNoExchange(t *testing.T, on Subject) {
	s := newStage(t, on)
	Exact(t, s.app)
	want := s.scan(s.app)
	s.point(s.engine(), s.request("p"), false)
	s.ruin()
	done, err := s.over(rigid{durable.OS()}).RestoreFiles(t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x"})
	if err != nil || !done.InPlace {
		t.Fatalf("restored %v, in place %v", err, done.InPlace)
	}
	same(t, "restored", want, s.scan(s.app))
	clean(t, filepath.Dir(s.app))
}

// testFullDisk runs out of room at every call that takes some.
func testFullDisk(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	for point := 0; ; point = on.next(point + 1) {
		s.dir = filepath.Join(t.TempDir(), "points")
		full := FullAfter(durable.OS(), point)
		e := s.over(full)
		err := e.Prepare(t.Context(), s.request("p"))
		if err == nil {
			_, err = e.Finish(t.Context(), s.request("p"))
		}
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("full at %d: %v", point, err)
		}
		nothing(t, s.engine(), "p")
		if point > 300 {
			t.Fatal("never done")
		}
	}
}

// small is a volume with little room, by its own word.
type smallVolume struct {
	durable.FS
	free int64
}

func (v smallVolume) Free(path string) (durable.VolumeInfo, error) {
	info, err := v.FS.Free(path)
	info.Free = v.free
	return info, err
}

func testNoRoom(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	e := s.over(smallVolume{durable.OS(), 4000})
	_, finishErr := e.Finish(t.Context(), s.request("p"))
	for _, err := range []error{e.Prepare(t.Context(), s.request("p")), finishErr} {
		var short *backup.SpaceError
		if !errors.Is(err, backup.ErrSpace) || !errors.As(err, &short) || short.Free != 4000 || short.Bytes < 9000 || !strings.Contains(err.Error(), "4.0 kB") {
			t.Errorf("no room: %v", err)
		}
	}
	nothing(t, e, "p")
	needs, err := s.engine().Space(t.Context(), s.request("p"))
	var sum int64
	for _, n := range needs {
		sum += n.Bytes
	}
	info, inspectErr := s.db().Inspect(t.Context())
	if floor := s.scan(s.app).Bytes() + info.SizeBytes; err != nil || inspectErr != nil || sum < floor {
		t.Errorf("needs %+v, %v; want at least %d", needs, err, floor)
	}
	p := s.point(s.engine(), s.request("p"), false)
	if p.Size() > sum {
		t.Errorf("took %d, and %d were announced", p.Size(), sum)
	}
	old := s.scan(s.app)
	s.write("conf", "changed")
	now := s.scan(s.app)
	if _, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x"}); !errors.Is(err, backup.ErrSpace) {
		t.Errorf("restored without room: %v", err)
	}
	same(t, "refused", now, s.scan(s.app))
	// in place only what differs is written
	if _, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: s.app, OpID: "x", InPlace: true}); err != nil {
		t.Errorf("one small file, with little room: %v", err)
	}
	same(t, "put back in place", old, s.scan(s.app))
}

// testCancelled stops at moments spread over the work.
func testCancelled(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	for i := range 10 {
		s.write(strings.Repeat("f", i+1), strings.Repeat("content", 20000))
	}
	e := s.engine()
	begin := time.Now()
	s.point(e, s.request("whole"), true)
	whole := time.Since(begin)
	made := 0
	for i := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i)/8)
		r := s.request("p")
		err := e.Prepare(ctx, r)
		if err == nil {
			_, err = e.Finish(ctx, r)
		}
		cancel()
		if err == nil {
			made++
			if err := e.Remove(t.Context(), "p"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		if _, err := e.Find(t.Context(), "p"); !errors.Is(err, backup.ErrNotFound) {
			t.Errorf("cancelled, and there is a point: %v", err)
		}
	}
	if made == 8 {
		t.Error("nothing was cancelled in time")
	}
}

// testLive backs up under a product that writes, and then at rest: what is
// restored is what was there in the end.
func testLive(t *testing.T, on Subject) {
	s := newStage(t, on)
	s.small()
	stop := context.WithCancel
	ctx, cancel := stop(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := filepath.Join(s.app, "data", "live")
			_ = os.WriteFile(name, []byte(strings.Repeat("x", i%70000)), 0o644) // a product may fail
			_ = os.Rename(name, filepath.Join(s.app, "data", "renamed"))
			_ = os.WriteFile(filepath.Join(s.app, "data", "grows"), []byte(strings.Repeat("y", i%90000)), 0o600)
		}
	})
	e := s.engine()
	for i := range 5 {
		r := s.request("live")
		r.Live = true
		r.ID += string(rune('a' + i))
		p := s.point(e, r, i%2 == 0)
		if p.Consistency != backup.Live {
			t.Errorf("made live, and said to be %s", p.Consistency)
		}
		if err := e.Verify(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	r := s.request("rest")
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	cancel()
	wg.Wait()
	want := s.scan(s.app)
	s.point(e, r, false)
	if err := os.RemoveAll(s.app); err != nil {
		t.Fatal(err)
	}
	if _, err := e.RestoreFiles(t.Context(), "rest", "app", backup.Target{Path: s.app, OpID: "x"}); err != nil {
		t.Fatal(err)
	}
	same(t, "restored", want, s.scan(s.app))
}

var _ database.Database = failing{}
