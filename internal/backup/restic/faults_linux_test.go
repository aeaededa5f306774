package restic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/backup"
	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// place makes sure that an error tells a person what to do.
func place(t *testing.T, err error, texts ...string) {
	t.Helper()
	var p *backup.PlaceError
	if !errors.As(err, &p) || p.Now == "" {
		t.Fatalf("no word on what to do now: %v", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v; want %q in it", err, text)
		}
	}
}

// fake is a program that says it is restic of a version.
func fake(t *testing.T, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restic")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755))
	return path
}

func TestVersions(t *testing.T) {
	for says, good := range map[string]bool{
		"restic 0.18.1 compiled with go1.25.1 on linux/amd64": true,
		"restic 0.18.0 compiled with go1.24.1 on linux/amd64": true,
		"restic 0.19.0-dev (compiled manually)":               true,
		"restic 1.0.0":                                        true,
		"restic 0.14.0 compiled with go1.19.3 on linux/amd64": false, // Debian 12
		"restic 0.17.3":  false,
		"restic":         false,
		"BusyBox v1.35":  false,
		"restic unknown": false,
	} {
		e := New(Config{Program: fake(t, says), FS: durable.OS()})
		_, _, err := e.Version(t.Context())
		if (err == nil) != good {
			t.Errorf("%q: %v", says, err)
		}
		if err != nil {
			place(t, err, "backup: {program:")
		}
	}
	_, _, err := New(Config{Program: "/nowhere/restic"}).Version(t.Context())
	place(t, err, "is not there", Oldest, "operators.md")
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"/mnt/points": "/mnt/points", "sftp:me@nas:/points": "sftp:me@nas:/points", "sftp://me@nas:22//points": "sftp://me@nas:22//points",
		"rest:https://me:secret@nas/points": "rest:https://me:…@nas/points", "s3:https://nas/points": "s3:https://nas/points",
	} {
		if got := Shown(in); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
}

// TestStaleLock: restic was killed, and left its lock. It is cleared; one of
// another computer, or of a living process, is not.
func TestStaleLock(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	e := cheap(t, dir, durable.OS())
	e.lockWait = time.Second
	p := newProduct(t)
	_, err := e.Finish(t.Context(), p.request("p"))
	check(t, err)
	locks := filepath.Join(dir, "repository", "locks")
	cmd, in := locked(t, e)
	if err := e.Remove(t.Context(), "p"); err == nil {
		t.Fatal("removed under a living restic")
	} else {
		place(t, err, "locked by another restic")
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	_ = in.Close() // likewise
	if list, err := os.ReadDir(locks); err != nil || len(list) != 1 {
		t.Fatalf("the killed restic left %v, %v", list, err)
	}
	check(t, e.Remove(t.Context(), "p"))
	if list, err := os.ReadDir(locks); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// locked starts a restic that waits for input, with its lock in the repository.
func locked(t *testing.T, e *Engine) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.Command(lab.Restic(t), "-r", e.Repository, "--no-cache", "backup", "--stdin")
	cmd.Env = []string{"RESTIC_PASSWORD=" + password}
	in, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	for range 500 {
		if list, err := os.ReadDir(filepath.Join(e.Repository, "locks")); err == nil && len(list) > 0 {
			return cmd, in
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("restic makes no lock")
	return nil, nil
}

func TestWhoseLock(t *testing.T) {
	now := time.Now()
	gone := exec.Command("true")
	check(t, gone.Run())
	for name, c := range map[string]struct {
		l             lock
		dead, foreign bool
	}{
		"ours, gone":           {lock{now, "here", "root", gone.Process.Pid}, true, false},
		"ours, alive":          {lock{now, "here", "root", os.Getpid()}, false, false},
		"another's":            {lock{now, "there", "root", gone.Process.Pid}, false, false},
		"another's, for long":  {lock{now.Add(-time.Hour), "there", "root", 1}, false, true},
		"ours, gone, for long": {lock{now.Add(-time.Hour), "here", "root", gone.Process.Pid}, true, false},
	} {
		if c.l.dead("here") != c.dead || c.l.foreign("here", now) != c.foreign {
			t.Errorf("%s: dead %v, foreign %v", name, c.l.dead("here"), c.l.foreign("here", now))
		}
	}
}

// TestKilledRestic: restic is killed, not we; nothing is made, and the next try
// makes it.
func TestKilledRestic(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	e := cheap(t, dir, durable.OS())
	p := newProduct(t)
	p.write("big", string(random(8<<20)))
	r := p.request("p")
	r.Databases[0].DB = killer{r.Databases[0].DB}
	if _, err := e.Finish(t.Context(), r); err == nil {
		t.Fatal("made, though restic was killed in the midst of a dump")
	}
	if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
		t.Fatalf("listed %v, %v", list, err)
	}
	_, err := e.Finish(t.Context(), p.request("p"))
	check(t, err)
	_, err = e.Sweep(t.Context())
	check(t, err)
	check(t, e.Verify(t.Context(), "p"))
}

// killer kills the restic that reads its dump.
type killer struct{ database.Database }

func (k killer) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	out, err := exec.CommandContext(ctx, "pgrep", "-P", fmt.Sprint(os.Getpid()), "-f", "stdin-filename").Output()
	if err != nil {
		return database.Report{}, fmt.Errorf("no restic is reading: %w", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		return database.Report{}, err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return database.Report{}, err
	}
	for syscall.Kill(pid, 0) == nil && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return k.Database.Dump(ctx, w)
}

// TestFullPlace fills a real volume below the repository.
func TestFullPlace(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	dir := t.TempDir()
	small := filepath.Join(dir, "repository")
	check(t, os.Mkdir(small, 0o755))
	mountSmall(t, small, "3m")
	check(t, os.CopyFS(small, os.DirFS("testdata/repository")))
	e := cheap(t, dir, boundless{durable.OS()}) // so that the forecast does not prevent it
	p := newProduct(t)
	p.write("big", string(random(6<<20)))
	e.before = nil
	_, err := e.Finish(t.Context(), p.request("p"))
	place(t, err, "make room there", "no space left on device")
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

// boundless says that there is always room.
type boundless struct{ durable.FS }

func (b boundless) Free(path string) (durable.VolumeInfo, error) {
	v, err := b.FS.Free(path)
	v.Free = 1 << 50
	return v, err
}

// TestReadOnlyPlace: what is on a volume that cannot be written can be listed,
// verified and put back, and nothing can be added.
func TestReadOnlyPlace(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	dir := t.TempDir()
	at := filepath.Join(dir, "repository")
	check(t, os.Mkdir(at, 0o755))
	mountSmall(t, at, "64m")
	check(t, os.CopyFS(at, os.DirFS("testdata/repository")))
	e := cheap(t, dir, durable.OS())
	p := newProduct(t)
	want := p.scan()
	_, err := e.Finish(t.Context(), p.request("p"))
	check(t, err)
	check(t, unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err = e.Finish(t.Context(), p.request("q"))
	place(t, err, "mount it writable")
	check(t, e.Verify(t.Context(), "p"))
	check(t, os.RemoveAll(p.app))
	_, err = e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: p.app, OpID: "x"})
	check(t, err)
	if got := p.scan(); len(got.Entries) != len(want.Entries) {
		t.Errorf("%d entries, want %d", len(got.Entries), len(want.Entries))
	}
}

// TestDamagedPack: a flipped byte is found, and the pack is named.
func TestDamagedPack(t *testing.T) {
	lab.Slow(t)
	dir := t.TempDir()
	e := cheap(t, dir, durable.OS())
	p := newProduct(t)
	_, err := e.Finish(t.Context(), p.request("p"))
	check(t, err)
	packs, err := filepath.Glob(filepath.Join(dir, "repository", "data", "*", "*"))
	check(t, err)
	for _, pack := range packs {
		text, err := os.ReadFile(pack)
		check(t, err)
		check(t, os.Chmod(pack, 0o600))
		bad := append([]byte{}, text...)
		bad[40] ^= 1
		check(t, os.WriteFile(pack, bad, 0o600))
		err = e.Verify(t.Context(), "p")
		if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(pack)[:8]) {
			t.Errorf("pack %s: %v", filepath.Base(pack), err)
		}
		check(t, os.WriteFile(pack, text, 0o600))
	}
	check(t, e.Verify(t.Context(), "p"))
}
