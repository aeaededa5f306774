package backuptest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/database"
)

// provable is a database whose scratch databases the test counts. As on a
// server, making one moves the mark.
type provable struct {
	marked
	proofs *int
	while  func()                      // a scratch database is there
	room   func(*database.ScratchRoom) // what Inspect says
	lie    bool                        // the report speaks of rows that the dump has not
}

func (p provable) Scratch(ctx context.Context) (database.Database, error) {
	*p.proofs++
	*p.mark++
	if p.while != nil {
		p.while()
	}
	return p.Database.Scratch(ctx)
}

func (p provable) Inspect(ctx context.Context) (database.Info, error) {
	info, err := p.Database.Inspect(ctx)
	if p.room != nil {
		p.room(&info.Scratch)
	}
	return info, err
}

func (p provable) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	r, err := p.marked.Dump(ctx, w)
	if p.lie && err == nil {
		rows := r.Fingerprint.Tables["t"]
		rows.Count += 7
		r.Fingerprint.Tables["t"] = rows
	}
	return r, err
}

// testProven: a dump is restored into a scratch database before it counts; what
// was proven while users work is not proven in the outage, and the record says
// by what each part is known.
func testProven(t *testing.T, on Subject) {
	for _, c := range []struct {
		name          string
		ahead         bool
		change        func(s *stage, p *provable)
		between       func(s *stage, p provable)
		dumps, proofs int
	}{
		{"nobody writes", true, nil, nil, 1, 1},
		{"written since", true, nil, func(s *stage, p provable) { *p.mark++; s.sql("INSERT INTO t VALUES (3, 'late')") }, 2, 2},
		{"written while it is proven", true, func(s *stage, p *provable) {
			once := false
			p.while = func() {
				if !once {
					s.sql("INSERT INTO t VALUES (3, 'meanwhile')")
				}
				once = true
			}
		}, nil, 2, 2},
		{"only in the outage", false, nil, nil, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, on)
			s.small()
			mark, dumps, proofs := 1, 0, 0
			p := provable{marked: marked{Database: s.db(), mark: &mark, dumps: &dumps}, proofs: &proofs}
			if c.change != nil {
				c.change(s, &p)
			}
			r := s.request("p")
			r.Ahead, r.Databases[0].Prove, r.Databases[0].DB = c.ahead, true, p
			e := s.engine()
			if err := e.Prepare(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if c.between != nil {
				c.between(s, p)
			}
			e = s.engine()
			point := s.point(e, r, false)
			if dumps != c.dumps || proofs != c.proofs {
				t.Errorf("%d dumps and %d proofs, want %d and %d", dumps, proofs, c.dumps, c.proofs)
			}
			for name, by := range map[string]string{"app": backup.ByReading, "database": backup.ByRestoring} {
				if part, err := point.Part(name); err != nil || part.Proof == nil || part.Proof.By != by || part.Proof.At.IsZero() {
					t.Errorf("part %s: proof %+v, %v; want by %q", name, part.Proof, err, by)
				}
			}
			s.dumped(e, "p")
			s.sql("INSERT INTO t VALUES (5, 'amended')")
			amended, err := e.Amend(t.Context(), r, "database")
			if part, _ := amended.Part("database"); err != nil || proofs != c.proofs+1 || part.Proof == nil || part.Proof.By != backup.ByRestoring {
				t.Errorf("amended: %+v, %v, %d proofs", part.Proof, err, proofs)
			}
		})
	}
	t.Run("not asked for", func(t *testing.T) {
		s := newStage(t, on)
		s.small()
		point := s.point(s.engine(), s.request("p"), false)
		if part, err := point.Part("database"); err != nil || part.Proof == nil || part.Proof.By != backup.ByReading {
			t.Errorf("proof %+v, %v", part.Proof, err)
		}
	})
}

// testNotProven: what cannot be proven is no restore point, and the reason is
// said: which table, and what was expected.
func testNotProven(t *testing.T, on Subject) {
	for _, c := range []struct {
		name   string
		change func(p *provable)
		is     error
		says   string
	}{
		{"rows are missing", func(p *provable) { p.lie = true }, backup.ErrNotProven, "rows of t: changed from 9 rows"},
		{"no room", func(p *provable) {
			p.room = func(r *database.ScratchRoom) { r.Bytes = 1 << 60 }
		}, backup.ErrSpace, "free"},
		{"no right", func(p *provable) {
			p.room = func(r *database.ScratchRoom) { r.Problem = "the account may not make one" }
		}, database.ErrScratch, "the account may not make one"},
	} {
		for _, ahead := range []bool{true, false} {
			s := newStage(t, on)
			s.small()
			mark, dumps, proofs := 1, 0, 0
			p := provable{marked: marked{Database: s.db(), mark: &mark, dumps: &dumps}, proofs: &proofs}
			c.change(&p)
			r := s.request("p")
			r.Ahead, r.Databases[0].Prove, r.Databases[0].DB = ahead, true, p
			e := s.engine()
			err := e.Prepare(t.Context(), r)
			if err == nil {
				if ahead {
					t.Errorf("%s: the first pass is through", c.name)
				}
				_, err = e.Finish(t.Context(), r)
			}
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, ahead %v: %v", c.name, ahead, err)
			}
			if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
				t.Errorf("%s: it counts as a restore point: %v, %v", c.name, list, err)
			}
			if ahead {
				if left := on.Names(t, s.dir); len(left) > 0 {
					t.Errorf("%s: left: %v", c.name, left)
				}
			}
		}
	}
}
