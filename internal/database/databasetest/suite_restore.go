package databasetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"upkeep/internal/database"
)

func testRoundTrip(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	want := Fingerprint(t, s.DB)
	dump, report := Dump(t, s.DB)
	Same(t, "the dump only read", want, Fingerprint(t, s.DB))
	Same(t, "the report describes the dump", want, report.Fingerprint)
	if report.Bytes != int64(len(dump)) || report.Kind != s.DB.Kind() || report.Server == "" || report.Tool == "" || report.Format == "" {
		t.Errorf("report %+v does not fit %d bytes", report, len(dump))
	}
	for _, sql := range []string{"", mess, "DROP VIEW names; DROP TABLE posts; DROP TABLE users"} {
		s.Exec(t, sql)
		for range 2 {
			// OneByteReader would be slow: half reads are odd enough.
			if err := s.DB.Restore(t.Context(), iotest.HalfReader(bytes.NewReader(dump))); err != nil {
				t.Fatalf("after %q: %v", sql, err)
			}
			Same(t, "restored after "+sql, want, Fingerprint(t, s.DB))
		}
	}
	s.Exec(t, "INSERT INTO posts VALUES (50, 3, 'the product goes on')")
}

// testLive dumps under a writer: the report must describe the dump, not what
// was there a moment before or after.
func testLive(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	s.Exec(t, "INSERT INTO posts (id, author) WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, 1 FROM n")
	ctx, stop := context.WithCancel(t.Context())
	wrote := make(chan int)
	go func() {
		n := 0
		for i := 10000; i < 100000 && ctx.Err() == nil; i++ {
			if s.Do(ctx, fmt.Sprintf("INSERT INTO posts VALUES (%d, 1, 'live'); UPDATE users SET note = 'n%[1]d'", i)) == nil {
				n++
			}
		}
		wrote <- n
	}()
	var dumps [][]byte
	var reports []database.Report
	for range 3 {
		dump, report := Dump(t, s.DB)
		dumps, reports = append(dumps, dump), append(reports, report)
	}
	stop()
	if n := <-wrote; n == 0 {
		t.Fatal("nothing was written meanwhile")
	}
	for i := range dumps {
		if err := s.DB.Restore(t.Context(), bytes.NewReader(dumps[i])); err != nil {
			t.Fatal(err)
		}
		Same(t, "dumped while written", reports[i].Fingerprint, Fingerprint(t, s.DB))
	}
}

func testEmpty(t *testing.T, s Subject) {
	want := Fingerprint(t, s.DB)
	dump, _ := Dump(t, s.DB)
	s.Exec(t, Fill)
	if err := s.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	Same(t, "emptied", want, Fingerprint(t, s.DB))
}

func testBrokenWriter(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	dump, _ := Dump(t, s.DB)
	full := errors.New("no space left on the stick")
	for _, room := range []int{0, 1, len(dump) / 2, len(dump) - 1} {
		if report, err := s.DB.Dump(t.Context(), &limited{room: room, err: full}); !errors.Is(err, full) || report.Bytes != 0 {
			t.Errorf("dump with room for %d bytes: %v, %+v; want the writer's error and no report", room, err, report)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.DB.Dump(ctx, io.Discard); err == nil {
		t.Error("a cancelled dump succeeded")
	}
}

func testBrokenDumps(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	dump, _ := Dump(t, s.DB)
	s.Exec(t, mess)
	before := Fingerprint(t, s.DB)
	bad := errors.New("sum differs")
	for name, r := range map[string]io.Reader{
		"empty":           bytes.NewReader(nil),
		"not a dump":      bytes.NewReader(bytes.Repeat([]byte("lorem ipsum "), 5000)),
		"cut early":       bytes.NewReader(dump[:20]),
		"cut in half":     bytes.NewReader(dump[:len(dump)/2]),
		"cut at the end":  bytes.NewReader(dump[:len(dump)-1]),
		"fails at once":   iotest.ErrReader(bad),
		"fails half way":  io.MultiReader(bytes.NewReader(dump[:len(dump)/2]), iotest.ErrReader(bad)),
		"fails after all": io.MultiReader(bytes.NewReader(dump), iotest.ErrReader(bad)),
	} {
		err := s.DB.Restore(t.Context(), r)
		if err == nil {
			t.Fatalf("%s: restored", name)
		}
		if name[0] == 'f' && !errors.Is(err, bad) {
			t.Errorf("%s: %v; want the reader's error", name, err)
		}
		Same(t, "a restore that failed ("+name+")", before, Fingerprint(t, s.DB))
	}
}

func testInterrupted(t *testing.T, s Subject) {
	s.Exec(t, Fill)
	want := Fingerprint(t, s.DB)
	dump, _ := Dump(t, s.DB)
	s.Exec(t, mess)
	before := Fingerprint(t, s.DB)
	for _, at := range []int{0, len(dump) / 3, len(dump) - 1, len(dump)} {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.DB.Restore(ctx, &tripwire{r: bytes.NewReader(dump), at: at, trip: cancel})
		cancel()
		got := Fingerprint(t, s.DB)
		if err == nil {
			Same(t, "a restore that was too fast to be cancelled", want, got)
			s.Exec(t, mess)
			continue
		}
		if before.Digest() != got.Digest() && want.Digest() != got.Digest() {
			t.Fatalf("cancelled at byte %d: neither before nor after: %s", at, database.Summary(database.Compare(before, got)))
		}
	}
	if err := s.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
		t.Fatalf("run again: %v", err)
	}
	Same(t, "run again", want, Fingerprint(t, s.DB))
}

// limited takes room bytes and then fails.
type limited struct {
	room int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	l.room -= n
	if n < len(p) {
		return n, l.err
	}
	return n, nil
}

// tripwire calls trip once at bytes have been read.
type tripwire struct {
	r    io.Reader
	at   int
	trip func()
}

func (w *tripwire) Read(p []byte) (int, error) {
	if w.at <= 0 {
		w.trip()
	}
	n, err := w.r.Read(p[:min(len(p), max(1, w.at))])
	w.at -= n
	return n, err
}
