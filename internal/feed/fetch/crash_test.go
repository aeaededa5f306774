package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
)

var errDead = errors.New("the process is dead")

// dying ends the process at its nth operation: before it, in the middle of it, or after it.
type dying struct {
	n    int
	when string

	dead bool
	seen int
}

func (d *dying) hook(op tap.Op, do func() error) error {
	if d.dead {
		return errDead
	}
	if d.seen++; d.seen != d.n {
		return do()
	}
	d.dead = true
	switch {
	case d.when == "after":
		_ = do()
	case d.when == "torn" && op.Torn != nil:
		_ = op.Torn()
	}
	return errDead
}

const length = 400_000 // bytes of the file

// scene is a disk with what an earlier try has left, and what is fetched to it.
type scene struct {
	name   string
	part   []byte
	source func(good []byte) Source
	broken bool // nobody is honest
	kept   int  // bytes of the part then; 0: there is none
}

func scenes() []scene {
	honest := func(good []byte) Source { return fakeOf(good) }
	lie := func(good []byte) []byte {
		lie := bytes.Clone(good)
		lie[7] ^= 1
		return lie
	}
	return []scene{
		{name: "new", source: honest},
		{name: "begun", part: bytes.Repeat([]byte("good"), 20_000), source: honest},
		{name: "foreign part", part: bytes.Repeat([]byte("bad"), 20_000), source: honest},
		{name: "longer part", part: bytes.Repeat([]byte("bad"), 200_000), source: honest},
		{name: "a liar first", source: func(good []byte) Source { return Mirrors(fakeOf(lie(good)), fakeOf(good)) }},
		{name: "a liar alone", source: func(good []byte) Source { return fakeOf(lie(good)) }, broken: true},
		{name: "it breaks", source: func(good []byte) Source { return fakeOf(good[:len(good)-1]) }, broken: true, kept: length - 1},
		{name: "a liar, and it breaks", source: func(good []byte) Source { return Mirrors(fakeOf(lie(good)), fakeOf(good[:100])) },
			broken: true, kept: 100},
	}
}

// fakeOf has one file, whatever its name.
func fakeOf(b []byte) Source {
	return fake(func(_ context.Context, _ string, offset int64) (io.ReadCloser, int64, error) {
		if offset > int64(len(b)) {
			return nil, 0, ErrWrong
		}
		return io.NopCloser(bytes.NewReader(b[offset:])), -1, nil
	})
}

// try kills a process at every operation, cuts the power, and has the next one
// fetch the file; wrong is what an operation at some site does instead of
// what it should. It gives what is lost, and the sites.
func (s scene) try(ctx context.Context, mutate func(tap.Op, func() error) error) (sites map[string]bool, err error) {
	good := bytes.Repeat([]byte("good"), length/4)
	sites = map[string]bool{}
	f := func(fsys durable.FS, source Source) error {
		f := Fetcher{FS: fsys, Source: source}
		return f.File(ctx, "app", int64(len(good)), sumOf(good), "/feed/app")
	}
	mutated := func(op tap.Op, do func() error) error {
		sites[op.Site] = true
		return mutate(op, do)
	}
	disk := func() *crashfs.FS {
		fsys := crashfs.New()
		err := fsys.MkdirAll("/feed", 0o755)
		if s.part != nil {
			err = errors.Join(err, fsys.WriteFile("/feed/app.part", s.part, 0o644))
		}
		if err != nil {
			panic(err)
		}
		return fsys
	}
	for _, when := range []string{"before", "torn", "after"} {
		for n := 1; ; n++ {
			fsys, d := disk(), &dying{n: n, when: when}
			err := f(tap.FS(tap.FS(fsys, d.hook), mutated), s.source(good))
			if (err == nil) == (s.broken || d.dead && when != "after") && !(d.dead && err != nil) {
				return sites, fmt.Errorf("%s operation %d: %v", when, n, err)
			}
			for i, keep := range []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepAll(), crashfs.KeepSome(uint64(n)), crashfs.KeepSome(uint64(n + 1000))} {
				after := fsys.Crash(keep)
				data, rerr := after.ReadFile("/feed/app")
				if rerr == nil && !bytes.Equal(data, good) {
					return sites, fmt.Errorf("%s operation %d, disk %d: there are %d bytes of something else", when, n, i, len(data))
				}
				if err == nil && rerr != nil {
					return sites, fmt.Errorf("%s operation %d, disk %d: what was fetched is gone: %w", when, n, i, rerr)
				}
				part, rerr := after.ReadFile("/feed/app.part")
				if !d.dead && s.broken {
					if (rerr == nil) != (s.kept > 0) || len(part) != s.kept {
						return sites, fmt.Errorf("%s operation %d, disk %d: the part has %d bytes, %v", when, n, i, len(part), rerr)
					}
				}
				if err := f(after, fakeOf(good)); err != nil {
					return sites, fmt.Errorf("%s operation %d, disk %d: the next try: %w", when, n, i, err)
				}
				list, rerr := after.ReadDir("/feed")
				if data, err := after.ReadFile("/feed/app"); err != nil || !bytes.Equal(data, good) || len(list) != 1 {
					return sites, fmt.Errorf("%s operation %d, disk %d: after the next try: %v %v %v", when, n, i, list, err, rerr)
				}
			}
			if !d.dead {
				break
			}
		}
	}
	return sites, nil
}

// plain is no mutant.
func plain(_ tap.Op, do func() error) error { return do() }

// TestKilled: killed at any operation, with the power cut, the file is there
// whole or not at all, and the next try brings it.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range scenes() {
			if _, err := s.try(t.Context(), plain); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	})
}

// TestMutants: TestKilled notices each call of durable that is left out or
// made without its syncs.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	synctest.Test(t, mutants)
}

func mutants(t *testing.T) {
	reached := map[string][]scene{}
	for _, s := range scenes() {
		sites, err := s.try(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		for site := range sites {
			reached[site] = append(reached[site], s)
		}
	}
	for site, scenes := range reached {
		for _, how := range []string{"omit", "lazy"} {
			made := false
			caught := slices.ContainsFunc(scenes, func(s scene) bool {
				_, err := s.try(t.Context(), func(op tap.Op, do func() error) error {
					switch {
					case op.Site != site:
					case how == "omit":
						made = true
						return nil
					case op.Lazy != nil && op.Name != "Create": // which never waits for the name
						made = true
						return op.Lazy()
					}
					return do()
				})
				return err != nil
			})
			if made && !caught {
				t.Errorf("survives: %s %s", how, site)
			}
		}
	}
	t.Logf("%d sites", len(reached))
}
