package sqlite_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	driver "modernc.org/sqlite"

	"upkeep/internal/journal"
	"upkeep/internal/journal/journaltest"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// TestMain turns the test program into a writer when it is asked to; see
// writer. Locks are those of open files, as in the command itself.
func TestMain(m *testing.M) {
	if _, err := driver.OFDLocking(true); err != nil && !errors.Is(err, driver.ErrOFDLockingUnavailable) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if path := os.Getenv("UPKEEP_TEST_WRITER"); path != "" {
		if err := writer(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) *sqlite.Journal {
	t.Helper()
	j, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestContract(t *testing.T) {
	journaltest.Suite(t, func(t *testing.T) journaltest.Journal { return open(t, filepath.Join(t.TempDir(), "journal.db")) })
}

// Any path will do, whatever its characters mean in an address.
func TestOddPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c=d#e%20ü&mode=memory")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal:%.db")
	journaltest.Open(t, open(t, path), "r")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want one that only its owner can read", info, err)
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(dir, "none", "journal.db"), time.Now); err == nil || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a journal in a folder that is not there: %v", err)
	}
}

// What is written is there for the next process.
func TestProjection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	e := journaltest.Open(t, j, "r")
	if row, ok, err := j.OpenedRun(t.Context()); err != nil || !ok || row.ID != "r" || row.By != "ann" {
		t.Errorf("the open run is %+v, %v, %v", row, ok, err)
	}
	if _, err := j.CloseRun(t.Context(), e.Seq, "r", journaltest.Closing()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	p, err := j.Plan(t.Context(), journaltest.Plan().Digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(journaltest.Plan(), p); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if _, err := j.Plan(t.Context(), "none"); err == nil || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a plan that is not there: %v", err)
	}
	rows, err := j.Runs(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d runs, %v", len(rows), err)
	}
	r, end := rows[0], journaltest.Closing()
	if r.Result != end.Body.Result || r.Version != "2.0" || r.Outage != end.Outage || r.Work != 1 || r.Closed.IsZero() || r.From != "1.0" {
		t.Errorf("the run is %+v", r)
	}
	record, err := j.Record(t.Context())
	if diff := cmp.Diff(end.Record, record); diff != "" || err != nil {
		t.Errorf("the record (-want +got): %v\n%s", err, diff)
	}
	// what a later run has taken away is not installed any more
	next := journaltest.Closing()
	next.Record, next.Gone = []journal.Installed{{Component: "app", Version: "1.0"}, {Component: "calls", Version: "1.4"}}, []string{"tapes"}
	for i, c := range []journal.Closing{next, {Body: next.Body, Record: next.Record[:1], Gone: []string{"calls"}}} {
		later := fmt.Sprint("later", i)
		e, err := j.OpenRun(t.Context(), later, journaltest.Plan(), run.Opened{Plan: journaltest.Plan().Digest})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.CloseRun(t.Context(), e.Seq, later, c); err != nil {
			t.Fatal(err)
		}
		record, err := j.Record(t.Context())
		if diff := cmp.Diff(next.Record[:2-i], record); diff != "" || err != nil {
			t.Errorf("the record after %s (-want +got): %v\n%s", later, err, diff)
		}
	}
	once, err := j.Once(t.Context())
	if diff := cmp.Diff(end.Once, once); diff != "" || err != nil {
		t.Errorf("the markers (-want +got): %v\n%s", err, diff)
	}
	if _, ok, err := j.OpenedRun(t.Context()); ok || err != nil {
		t.Errorf("the closed run is open: %v", err)
	}
	if err := j.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// Going through the runs gives each once, also of many, and with another that is
// opened meanwhile; nothing is read that is not wanted. The last that has ended is
// no open one.
func TestLatest(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if _, ok, err := j.LastEnded(t.Context()); ok || err != nil {
		t.Errorf("of no run one has ended: %v", err)
	}
	if end, err := j.LastEnd(t.Context()); !end.IsZero() || err != nil {
		t.Errorf("no run has ended at %v, %v", end, err)
	}
	var want []string
	for i := range 60 {
		id := fmt.Sprint("r", i)
		result, took := run.ResultOld, time.Duration(0)
		if i%3 == 0 {
			result, took = run.ResultNew, time.Duration(i)
		}
		seq := journaltest.Open(t, j, id).Seq
		for _, x := range []struct {
			dir run.Direction
			of  run.Ended
		}{{run.Do, run.Ended{OK: true, Took: time.Hour}}, {run.Do, run.Ended{OK: true, Took: took}}, {run.Undo, run.Ended{OK: true, Took: time.Hour}}} {
			e, err := j.Append(t.Context(), seq, run.Entry{Run: id, Kind: run.Outcome, Step: "swap", Dir: x.dir}, x.of)
			if err != nil {
				t.Fatal(err)
			}
			seq = e.Seq
		}
		// later it only fails
		e, err := j.Append(t.Context(), seq, run.Entry{Run: id, Kind: run.Outcome, Step: "early", Dir: run.Do}, run.Ended{Took: time.Hour, OK: i == 0})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.CloseRun(t.Context(), e.Seq, id, journal.Closing{Body: run.Closed{Result: result, Version: "1"}}); err != nil {
			t.Fatal(err)
		}
		want = slices.Insert(want, 0, id)
	}
	var got []string
	err := j.Latest(t.Context(), func(r journal.Run) (bool, error) {
		if got = append(got, r.ID); len(got) == 3 {
			journaltest.Open(t, j, "meanwhile")
		}
		return true, nil
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got): %v\n%s", err, diff)
	}
	n := 0
	stop := errors.New("stop")
	if err := j.LatestNew(t.Context(), func(r journal.Run) (bool, error) {
		if n++; r.ID != fmt.Sprint("r", 60-3*n) {
			t.Errorf("the %d. is %s", n, r.ID)
		}
		if n == 4 {
			return true, stop
		}
		return true, nil
	}); !errors.Is(err, stop) || n != 4 {
		t.Errorf("it went on to %d, %v", n, err)
	}
	ended, ok, err := j.LastEnded(t.Context())
	if err != nil || !ok || ended.ID != "r59" {
		t.Errorf("the last that has ended is %+v, %v, %v", ended, ok, err)
	}
	if end, err := j.LastEnd(t.Context()); err != nil || !end.Equal(ended.Closed) {
		t.Errorf("it ended at %v and not %v, %v", ended.Closed, end, err)
	}
	for n, want := range map[int]map[string]time.Duration{30: {"swap": 57, "early": time.Hour}, 5: {"swap": 57}} {
		got, err := j.Took(t.Context(), n)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("of %d runs (-want +got): %v\n%s", n, err, diff)
		}
	}
}

// A part of the list is a part of the list, and what is read of one run alone is
// what is read of it among all.
func TestParts(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	results := []run.Result{run.ResultNew, run.ResultOld, run.ResultMilestone, run.ResultOld, run.ResultOld}
	for i, result := range results {
		id := fmt.Sprint("r", i)
		seq := journaltest.Add(t, j, id, journaltest.Open(t, j, id).Seq, id).Seq
		if _, err := j.CloseRun(t.Context(), seq, id, journal.Closing{Body: run.Closed{Result: result, Version: "1"}}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := j.Runs(t.Context())
	if err != nil || len(rows) != len(results) {
		t.Fatalf("%d runs, %v", len(rows), err)
	}
	for _, c := range []struct{ skip, n, from, to int }{{0, 2, 0, 2}, {3, 9, 3, 5}, {5, 9, 0, 0}, {0, 0, 0, 0}} {
		got, err := j.Recent(t.Context(), c.skip, c.n)
		if diff := cmp.Diff(rows[c.from:c.to], got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%+v: %v\n%s", c, err, diff)
		}
	}
	for version, want := range map[string]int{"1": 1, "2": 0} {
		var got []string
		err := j.Reached(t.Context(), version, func(r journal.Run) (bool, error) { got = append(got, r.ID); return true, nil })
		if err != nil || len(got) != want || want > 0 && got[0] != "r0" {
			t.Errorf("version %s was reached by %+v, %v", version, got, err)
		}
	}
	if r, ok, err := j.LastChange(t.Context()); err != nil || !ok || r.ID != "r2" {
		t.Errorf("the last change is %+v, %v, %v", r, ok, err)
	}
	if r, ok, err := j.Find(t.Context(), "r1"); err != nil || !ok || cmp.Diff(rows[3], r) != "" {
		t.Errorf("r1 is %+v, %v, %v", r, ok, err)
	}
	if _, ok, err := j.Find(t.Context(), "r"); err != nil || ok {
		t.Errorf("a part of an id finds something: %v", err)
	}
	all, err := j.Entries(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	own, err := j.Entries(t.Context(), "r1", 0)
	if diff := cmp.Diff(all[3:6], own); diff != "" || err != nil {
		t.Errorf("the entries of r1: %v\n%s", err, diff)
	}
}

// Several connections, as of several processes: exactly one opens a run.
func TestOneOpenRunAcrossConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	errs := make([]error, 6)
	done := make(chan struct{})
	for i := range errs {
		go func() {
			defer func() { done <- struct{}{} }()
			j, err := sqlite.Open(context.Background(), path, time.Now)
			if err != nil {
				errs[i] = err
				return
			}
			defer j.Close()
			p := journaltest.Plan()
			_, errs[i] = j.OpenRun(context.Background(), fmt.Sprint("r", i), p, run.Opened{Plan: p.Digest})
		}()
	}
	for range errs {
		<-done
	}
	journaltest.Winner(t, errs)
	if err := open(t, path).Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// The clock may be set back: the order of entries is theirs, not the clock's.
func TestClockSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(-time.Hour); return now }
	j, err := sqlite.Open(t.Context(), path, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	want := []run.Entry{journaltest.Open(t, j, "late")}
	want = append(want, journaltest.Add(t, j, "late", want[0].Seq, "x"))
	e, err := j.CloseRun(t.Context(), want[1].Seq, "late", journaltest.Closing())
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, e)
	if diff := cmp.Diff(want, must(j.Entries(t.Context(), "late", 0))); diff != "" {
		t.Errorf("entries (-written +read):\n%s", diff)
	}
	journaltest.Open(t, j, "early")
	rows, err := j.Runs(t.Context())
	if err != nil || len(rows) != 2 || rows[0].ID != "early" {
		t.Errorf("the latest run is not the first of %+v: %v", rows, err)
	}
	if err := j.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A reader that is interrupted has not found a damaged journal.
func TestInterruptedReader(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Entries(ctx, "r", 0); !errors.Is(err, context.Canceled) || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("reading with a context that has ended: %v", err)
	}
}

// writer appends to a run until it has written enough, and says so of every
// entry that is durable.
func writer(path string) error {
	j, err := sqlite.Open(context.Background(), path, time.Now)
	if err != nil {
		return err
	}
	defer j.Close()
	out := json.NewEncoder(os.Stdout)
	return journaltest.Insist(context.Background(), j, "r", 40, func(i int) string { return fmt.Sprint(os.Getpid(), "/", i) }, func(e run.Entry) {
		_ = out.Encode(e)
	})
}

// child starts a writer.
func child(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(must(os.Executable()))
	cmd.Env = append(os.Environ(), "UPKEEP_TEST_WRITER="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func told(t *testing.T, lines *bufio.Scanner) []run.Entry {
	t.Helper()
	var all []run.Entry
	for lines.Scan() {
		var e run.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			break // the line of a writer that was killed
		}
		all = append(all, e)
	}
	return all
}

// contained checks that every entry that a writer was told to be durable is
// in the journal.
func contained(t *testing.T, path string, told []run.Entry) {
	t.Helper()
	j, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := map[int64]run.Entry{}
	for _, e := range must(j.Entries(t.Context(), "r", 0)) {
		all[e.Seq] = e
	}
	for _, e := range told {
		if diff := cmp.Diff(e, all[e.Seq]); diff != "" {
			t.Errorf("entry %d was durable and is gone (-written +read):\n%s", e.Seq, diff)
		}
	}
}

func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	journaltest.Open(t, open(t, path), "r")
	first, firstLines := child(t, path)
	second, secondLines := child(t, path)
	wrote := append(told(t, firstLines), told(t, secondLines)...)
	if err := errors.Join(first.Wait(), second.Wait()); err != nil {
		t.Fatal(err)
	}
	if len(wrote) != 80 {
		t.Fatalf("%d entries were written, want 80", len(wrote))
	}
	contained(t, path, wrote)
}

// kill -9 in the middle of appending: all that was acknowledged is there.
func TestKilledWriters(t *testing.T) {
	rounds := 6
	if os.Getenv("UPKEEP_SLOW") == "1" {
		rounds = 60
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	journaltest.Open(t, open(t, path), "r")
	killed := 0
	for i := range rounds {
		cmd, lines := child(t, path)
		time.AfterFunc(time.Duration(10+rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		wrote := told(t, lines)
		if err := cmd.Wait(); err != nil && len(wrote) > 0 {
			killed++
		}
		contained(t, path, wrote)
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
	t.Logf("%d of %d writers were killed while they wrote", killed, rounds)
	if killed == 0 && rounds > 6 {
		t.Error("no writer was killed while it wrote: the test shows nothing")
	}
}

// A full disk is an error that says so; the journal stays as it was, and
// goes on when there is room.
func TestFullDisk(t *testing.T) {
	lab.Root(t)
	dir := small(t, 400<<10)
	j, err := sqlite.Open(t.Context(), filepath.Join(dir, "journal.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	last := journaltest.Open(t, j, "r")
	var full error
	for range 100 {
		e, err := j.Append(t.Context(), last.Seq, run.Entry{Run: "r", Kind: run.Outcome, Step: "a", Dir: run.Do}, run.Ended{Evidence: strings.Repeat("x", 20<<10)})
		if err != nil {
			full = err
			break
		}
		last = e
	}
	if full == nil || errors.Is(full, journal.ErrDamaged) || !strings.Contains(full.Error(), "disk is full") {
		t.Fatalf("a full disk gives %v", full)
	}
	all, err := j.Entries(t.Context(), "r", 0)
	if err != nil || all[len(all)-1].Seq != last.Seq {
		t.Fatalf("after it the journal ends at entry %d, want %d: %v", all[len(all)-1].Seq, last.Seq, err)
	}
	if err := j.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	room(t, dir, 4<<20)
	journaltest.Add(t, j, "r", last.Seq, "room again")
}
