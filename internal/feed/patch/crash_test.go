package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/lab"
	"upkeep/internal/lab/crashfs"
	"upkeep/internal/lab/tap"
)

var errDead = errors.New("the process is dead")

// killed applies a patch on a disk where an earlier try has left something (or
// not), ends the process before each operation or after it, cuts the power, and applies
// it again. A mutant does something else at some sites.
func killed(ctx context.Context, w world, leftover, bad bool, mutant func(tap.Op, func() error) error) error {
	next, patch := w.next, w.patch
	if bad {
		patch = patch[:len(patch)-1]
		patch = append(bytes.Clone(patch), w.patch[len(patch)]^1)
	}
	apply := func(fsys durable.FS, patch string) error {
		return Apply(ctx, fsys, "/d/old", patch, "/d/dest", wanted(next), 0)
	}
	for n := 1; ; n++ {
		for _, after := range []bool{false, true} {
			fsys := crashfs.New()
			err := errors.Join(fsys.MkdirAll("/d", 0o755), fsys.WriteFile("/d/old", w.old, 0o644), fsys.WriteFile("/d/good", w.patch, 0o644), fsys.WriteFile("/d/patch", patch, 0o644))
			if leftover {
				err = errors.Join(err, fsys.WriteFile("/d/dest"+Making, []byte("from a killed try"), 0o644))
			}
			if err != nil {
				return err
			}
			dead, seen := false, 0
			err = apply(tap.FS(tap.FS(fsys, func(op tap.Op, do func() error) error {
				if dead {
					return errDead
				}
				if seen++; seen != n {
					return do()
				}
				if dead = true; after {
					_ = do() // it is dead anyway
				}
				return errDead
			}), mutant), "/d/patch")
			if !dead && (err == nil) == bad {
				return fmt.Errorf("undisturbed: %w", err)
			}
			for i, keep := range []crashfs.Keep{crashfs.KeepNone(), crashfs.KeepAll(), crashfs.KeepSome(uint64(n))} {
				disk := fsys.Crash(keep)
				got, rerr := disk.ReadFile("/d/dest")
				if rerr == nil && !bytes.Equal(got, next) || err == nil && rerr != nil {
					return fmt.Errorf("operation %d, disk %d: %v; %d bytes, %v", n, i, err, len(got), rerr)
				}
				if _, rerr := disk.Lstat("/d/dest" + Making); !dead && rerr == nil {
					return fmt.Errorf("operation %d, disk %d: something is left", n, i)
				}
				if err := apply(disk, "/d/good"); err != nil {
					return fmt.Errorf("operation %d, disk %d: the next try: %w", n, i, err)
				}
				if got, err := disk.ReadFile("/d/dest"); err != nil || !bytes.Equal(got, next) {
					return fmt.Errorf("operation %d, disk %d: after the next try: %d bytes, %v", n, i, len(got), err)
				}
			}
			if !dead {
				return nil
			}
		}
	}
}

// cases are whether something is left of an earlier try, and whether the patch is bad.
func cases() [][2]bool { return [][2]bool{{false, false}, {true, false}, {false, true}} }

// TestKilled: killed at any operation, with the power cut, the payload is there
// whole or not at all, and the next try makes it.
func TestKilled(t *testing.T) {
	w := newWorld(t)
	for _, c := range cases() {
		if err := killed(t.Context(), w, c[0], c[1], func(_ tap.Op, do func() error) error { return do() }); err != nil {
			t.Errorf("leftover %v, bad patch %v: %v", c[0], c[1], err)
		}
	}
}

// TestMutants: TestKilled notices each call of durable that is left out or made
// without its syncs.
func TestMutants(t *testing.T) {
	lab.Slow(t)
	w, sites := newWorld(t), map[string]bool{}
	for _, c := range cases() {
		_ = killed(t.Context(), w, c[0], c[1], func(op tap.Op, do func() error) error {
			sites[op.Site] = true
			return do()
		})
	}
	for site := range sites {
		for _, how := range []string{"omit", "lazy"} {
			made := false
			caught := slices.ContainsFunc(cases(), func(c [2]bool) bool {
				return killed(t.Context(), w, c[0], c[1], func(op tap.Op, do func() error) error {
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
				}) != nil
			})
			if made && !caught {
				t.Errorf("survives: %s %s", how, site)
			}
		}
	}
	t.Logf("%d sites", len(sites))
}
