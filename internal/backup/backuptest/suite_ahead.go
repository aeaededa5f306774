package backuptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
)

// marked is a database whose mark the test moves, and that counts its dumps.
type marked struct {
	database.Database
	mark  *int // negative: there is none
	dumps *int
	err   error // of a dump
}

func (m marked) Mark(context.Context) (string, error) {
	if *m.mark < 0 {
		return "", nil
	}
	return fmt.Sprint(*m.mark), nil
}

func (m marked) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	if m.err != nil {
		return database.Report{}, m.err
	}
	mark, _ := m.Mark(ctx)
	r, err := m.Database.Dump(ctx, w)
	r.Mark = mark
	*m.dumps++
	return r, err
}

// busy is a database that somebody writes to all the time.
type busy struct{ marked }

func (b busy) Mark(ctx context.Context) (string, error) {
	*b.mark++
	return b.marked.Mark(ctx)
}

// dumped makes sure that the point's dump is what the database holds now.
func (s *stage) dumped(e backup.Engine, id string) {
	s.t.Helper()
	p, err := e.Find(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	part, err := p.Part("database")
	if err != nil {
		s.t.Fatal(err)
	}
	now, err := s.db().Fingerprint(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if ds := database.Compare(part.Dump.Fingerprint, now); len(ds) > 0 {
		s.t.Fatalf("the dump is not what is there: %s", database.Summary(ds))
	}
	if got := s.on.Dumps(s.t, s.dir, id); len(got) != 1 || strings.Contains(got[0], "@") {
		s.t.Fatalf("dumps in the restore point: %q, want one, that is called as dumps are", got)
	}
	if err := errors.Join(e.Verify(s.t.Context(), id), e.RestoreDatabase(s.t.Context(), id, "database", s.db())); err != nil {
		s.t.Fatal(err)
	}
}

// testAhead: a database that nobody writes to is dumped in the first pass, and
// never with less in it than it has at the end.
func testAhead(t *testing.T, on Subject) {
	for _, c := range []struct {
		name          string
		database      func(m marked) database.Database
		between       func(s *stage, m marked)
		first, second int // dumps, after the first pass and at the end
	}{
		{"nobody writes", nil, nil, 1, 1},
		{"written since", nil, func(s *stage, m marked) { *m.mark++; s.sql("INSERT INTO t VALUES (3, 'late')") }, 1, 2},
		{"no mark since", nil, func(s *stage, m marked) { *m.mark = -1; s.sql("INSERT INTO t VALUES (3, 'late')") }, 1, 2},
		{"the dump is gone", nil, func(s *stage, m marked) {
			s.on.LoseAhead(s.t, s.dir)
		}, 1, 2},
		{"somebody writes all the time", func(m marked) database.Database { return busy{m} }, nil, 0, 1},
		{"there is no mark", func(m marked) database.Database { *m.mark = -1; return m }, nil, 0, 1},
		{"locked in the first pass", func(m marked) database.Database {
			m.err = fmt.Errorf("cannot dump: %w", database.ErrInUse)
			return m
		}, nil, 0, 1},
	} {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.name, fresh), func(t *testing.T) {
				s := newStage(t, on)
				s.small()
				mark, dumps := 1, 0
				m := marked{Database: s.db(), mark: &mark, dumps: &dumps}
				r := s.request("p")
				r.Ahead, r.Databases[0].DB = true, m
				if c.database != nil {
					r.Databases[0].DB = c.database(m)
				}
				e := s.engine()
				if err := e.Prepare(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				if dumps != c.first {
					t.Errorf("%d dumps in the first pass, want %d", dumps, c.first)
				}
				if c.between != nil {
					c.between(s, m)
				}
				if fresh {
					e = s.engine()
				}
				r.Databases[0].DB = m
				s.point(e, r, false)
				if dumps != c.second {
					t.Errorf("%d dumps in all, want %d", dumps, c.second)
				}
				s.dumped(e, "p")
			})
		}
	}
	t.Run("a dump that cannot be made is known before anything is closed", func(t *testing.T) {
		s := newStage(t, on)
		s.small()
		mark, dumps := 1, 0
		r := s.request("p")
		r.Ahead, r.Databases[0].DB = true, marked{Database: s.db(), mark: &mark, dumps: &dumps, err: database.ErrPermission}
		if err := s.engine().Prepare(t.Context(), r); !errors.Is(err, database.ErrPermission) {
			t.Errorf("Prepare gives %v", err)
		}
		if left := s.on.Names(t, s.dir); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// testAheadKilled: killed at any moment, the same point is made in the end, and
// holds what was written between the passes.
func testAheadKilled(t *testing.T, on Subject) {
	for _, written := range []bool{false, true} {
		s := newStage(t, on)
		s.small()
		mark, dumps := 0, 0
		request := func() backup.Request {
			r := s.request("p")
			r.Ahead, r.Databases[0].DB = true, marked{Database: s.db(), mark: &mark, dumps: &dumps}
			return r
		}
		for point := 0; ; point = on.next(point) {
			s.dir = filepath.Join(t.TempDir(), "points")
			mortal := DieAfter(durable.OS(), point)
			e := s.over(mortal)
			err := e.Prepare(t.Context(), request())
			if written {
				mark++
				s.sql("INSERT INTO t VALUES (4, 'between')")
			}
			if err == nil {
				_, err = e.Finish(t.Context(), request())
			}
			if err != nil && !mortal.Dead() {
				t.Fatalf("failed alive at %d: %v", point, err)
			}
			if err != nil && point > 300 {
				t.Fatal("never done", err)
			}
			next := s.engine()
			s.point(next, request(), false)
			s.dumped(next, "p")
			if err == nil {
				break
			}
		}
	}
}
