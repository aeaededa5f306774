package restic

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// liar is a program that hands everything on to restic, but for one thing.
const liar = `#!/bin/bash
for a in "$@"; do case $a in backup|forget|prune|check|dump|unlock|snapshots) command=$a; break;; esac; done
if [ -n "$RESTIC_PASSWORD_FILE" ]; then # it can be read once
	RESTIC_PASSWORD=$(cat "$RESTIC_PASSWORD_FILE"); export RESTIC_PASSWORD; unset RESTIC_PASSWORD_FILE
fi
lie() {
	case LIE in
	forgets-nothing) [ "$command" = forget ] && exit 0;;
	prunes-nothing) [ "$command" = prune ] && exit 0;;
	unlocks-nothing) [ "$command" = unlock ] && exit 0;;
	checks-nothing) [ "$command" = check ] && exit 0;;
	reads-from-memory) # what was read once is not read again
		[ "$command" = dump ] || return
		at=MEMORY/$(echo "${@: -2}" | sha256sum | cut -c 1-64)
		[ -e "$at" ] && exec cat "$at"
		@RESTIC@ "$@" >"$at.new" || { code=$?; rm -f "$at.new"; exit $code; }
		mv "$at.new" "$at"
		exec cat "$at";;
	leaves-out) [ "$command" = backup ] && exec @RESTIC@ "${@:1:5}" backup --exclude left.out "${@:7}";;
	cuts-dumps) [ "$command" = backup ] && case "$*" in *--stdin*) head -c 1000 | @RESTIC@ "$@"; exit;; esac;;
	writes-first) # a product does
		[ "$command" = backup ] && date >PRODUCT/data.new && mkdir -p PRODUCT/folder && date >PRODUCT/folder/new;;
	stores-nothing)
		[ "$command" = backup ] || return
		out=$(@RESTIC@ "$@") || exit
		@RESTIC@ "${@:1:5}" forget "$(printf %s "$out" | grep -o '"snapshot_id":"[0-9a-f]*"' | cut -d '"' -f 4)" >/dev/null || exit
		printf '%s\n' "$out"; exit;;
	esac
}
lie "$@"
exec @RESTIC@ "$@"
`

// through makes the program for a lie about the product.
func through(t *testing.T, lie string, product ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restic")
	text := strings.NewReplacer("LIE", lie, "MEMORY", t.TempDir(), "PRODUCT", strings.Join(product, ""), "@RESTIC@", lab.Restic(t)).Replace(liar)
	check(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// TestLies: tests notice a restic that leaves out a call or lies, and an engine
// that writes its record first. Each runs once more in a process of its own, with
// an honest one in between as well: it is the lie that fails it.
func TestLies(t *testing.T) {
	lab.Slow(t)
	for _, c := range []struct{ lie, test string }{
		{"forgets-nothing", "^TestContract$/^Removing$"},
		{"prunes-nothing", "^TestRoomComesBack$"},
		{"unlocks-nothing", "^TestStaleLock$"},
		{"checks-nothing", "^TestDamagedPack$"},
		{"reads-from-memory", "^TestDamagedPack$"},
		{"record-first", "^TestContract$/^Killed$"},
	} {
		t.Run(c.lie, func(t *testing.T) {
			for _, lie := range []string{"none", c.lie} {
				if lie == "none" && c.lie == "record-first" {
					continue // nothing is in between
				}
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+c.test, "-test.v")
				cmd.Env = append(os.Environ(), "UPKEEP_RESTIC_LIE="+lie)
				out, err := cmd.CombinedOutput()
				if !strings.Contains(string(out), "--- ") || strings.Contains(string(out), "--- SKIP") {
					t.Fatalf("%s did not run:\n%s", c.test, out)
				}
				if failed := err != nil && strings.Contains(string(out), "--- FAIL"); failed != (lie != "none") {
					t.Errorf("%s with %s: failed %v\n%s", c.test, lie, failed, out)
				}
			}
		})
	}
}

// TestNotStored: where restic says that all is well, and has stored less than it
// was given, no restore point is made.
func TestNotStored(t *testing.T) {
	lab.Slow(t)
	for _, lie := range []string{"none", "leaves-out", "cuts-dumps", "stores-nothing"} {
		e := cheap(t, t.TempDir(), durable.OS())
		e.Program = through(t, lie)
		p := newProduct(t)
		p.write("left.out", "it matters")
		_, err := e.Finish(t.Context(), p.request("p"))
		t.Log(lie, err)
		if (err == nil) != (lie == "none") {
			t.Errorf("%s: %v", lie, err)
		}
		e.Program, e.program = lab.Restic(t), ""
		if list, listErr := e.List(t.Context()); listErr != nil || (len(list) > 0) != (lie == "none") {
			t.Errorf("%s: %v, %v", lie, list, listErr)
		}
	}
}

// TestAppearsMeanwhile: what a product makes between the description and restic's
// reading is no part of a live point, which is whole without it; a point at rest
// is not made.
func TestAppearsMeanwhile(t *testing.T) {
	lab.Slow(t)
	for _, live := range []bool{true, false} {
		e := cheap(t, t.TempDir(), durable.OS())
		p := newProduct(t)
		e.Program = through(t, "writes-first", p.app)
		p.write("a", "it matters")
		r := p.request("p")
		r.Databases, r.Live = nil, live
		_, err := e.Finish(t.Context(), r)
		if (err == nil) != live {
			t.Fatalf("live %v: %v", live, err)
		}
		if live {
			check(t, e.Verify(t.Context(), r.ID))
		}
	}
}

// TestRoomComesBack: what a removed point has held alone is gone from the disk.
func TestRoomComesBack(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	e := cheap(t, dir, durable.OS())
	p := newProduct(t)
	_, err := e.Finish(t.Context(), p.request("small"))
	check(t, err)
	before := room(t, dir)
	p.write("big", string(random(8<<20)))
	_, err = e.Finish(t.Context(), p.request("big"))
	check(t, err)
	if with := room(t, dir); with < before+8<<20 {
		t.Fatalf("%d bytes with the large file, %d without", with, before)
	}
	check(t, e.Remove(t.Context(), "big"))
	if after := room(t, dir); after > before+1<<20 {
		t.Errorf("%d bytes after it was removed, %d before it was made", after, before)
	}
	check(t, e.Verify(t.Context(), "small"))
}

// room is what the repository holds.
func room(t *testing.T, dir string) (n int64) {
	t.Helper()
	check(t, filepath.WalkDir(filepath.Join(dir, "repository"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	}))
	return n
}

// recordFirst is an engine that says of a point that it is there before it is.
type recordFirst struct {
	*Engine
	elsewhere *Engine
}

func (e recordFirst) Finish(ctx context.Context, r backup.Request) (backup.Point, error) {
	done, list, err := e.done(ctx, r)
	if err != nil || done {
		return e.Engine.Finish(ctx, r)
	}
	p, err := e.elsewhere.Finish(ctx, r)
	if err != nil {
		return p, err
	}
	if err := e.open(ctx); err != nil {
		return p, err
	}
	if err := e.seal(ctx, &p, notes{}, 0); err != nil {
		return p, err
	}
	return e.finish(ctx, r, list)
}

// lying is the subject of the contract with what UPKEEP_RESTIC_LIE says.
func lying(s backuptest.Subject) backuptest.Subject {
	if os.Getenv("UPKEEP_RESTIC_LIE") != "record-first" {
		return s
	}
	make := s.Make
	s.Make = func(t *testing.T, dir string, fsys durable.FS) backup.Engine {
		return recordFirst{make(t, dir, fsys).(*Engine), cheap(t, t.TempDir(), durable.OS())}
	}
	return s
}
