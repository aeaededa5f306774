package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/backup"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/database/sqlite"
	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/lab"
	"upkeep/internal/lab/tap/watch"
)

// byHand is the way that docs/reference/restore-point.md describes. The test
// below runs what the page says, so that both stay true.
func byHand(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "restore-point.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```sh\n")
	script, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the page has no script")
	}
	return script
}

// TestPlainTools restores a point of two passes with sha256sum, zstd, tar and
// xargs alone, and age where it is encrypted.
func TestPlainTools(t *testing.T) {
	lab.Root(t) // owners, capabilities and devices
	t.Run("plain", func(t *testing.T) { plainTools(t, false) })
	t.Run("encrypted", func(t *testing.T) { plainTools(t, true) })
}

func plainTools(t *testing.T, lock bool) {
	top := t.TempDir()
	app, points := filepath.Join(top, "app"), filepath.Join(top, "points")
	if err := os.Mkdir(app, 0o755); err != nil {
		t.Fatal(err)
	}
	backuptest.Exact(t, app)
	config := Config{Dir: points, FS: durable.OS()}
	if lock {
		config.Encrypt = encryption(t)
		text, err := config.Encrypt.Identity()
		if err := errors.Join(err, os.WriteFile(points+".key", text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	e := New(config)
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}}
	if err := e.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(app, "odd")), os.WriteFile(filepath.Join(app, "odd"), []byte("a file now"), 0o600),
		os.WriteFile(filepath.Join(app, "etc/app.conf"), []byte("changed"), 0o640), os.Remove(filepath.Join(app, "etc/second name"))); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Finish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	plainly(t, app, points, filepath.Join(top, "restored"))
	// and one that was amended
	if err := errors.Join(os.Remove(filepath.Join(app, "odd")), os.Mkdir(filepath.Join(app, "odd"), 0o700), os.WriteFile(filepath.Join(app, "odd/late"), []byte("late"), 0o600),
		os.WriteFile(filepath.Join(app, "etc/app.conf"), []byte("CHANGED"), 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Amend(t.Context(), r, "app"); err != nil {
		t.Fatal(err)
	}
	plainly(t, app, points, filepath.Join(top, "amended"))
}

// plainly restores what the page says, and compares.
func plainly(t *testing.T, app, points, to string) {
	t.Helper()
	want, err := files.Scan(t.Context(), durable.OS(), app, files.Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", byHand(t))
	cmd.Env = append(os.Environ(), "POINT="+filepath.Join(points, "p"), "PART=app", "TO="+to, "KEY="+points+".key")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := files.Scan(t.Context(), durable.OS(), to, files.Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	if list := files.Compare(want, got, files.Ignore{}); len(list) > 0 {
		t.Errorf("restored by hand: %d differences: %v", len(list), list[:min(6, len(list))])
	}
}

// TestMounts restores in place around a mount, and below it, where an interrupted
// try has left something: all of the tree, and some of it.
func TestMounts(t *testing.T) {
	lab.Root(t)
	for name, include := range map[string][]string{"all": nil, "some": {"data/file", "program"}} {
		t.Run(name, func(t *testing.T) { aroundMount(t, include) })
	}
}

func aroundMount(t *testing.T, include []string) {
	top := t.TempDir()
	app := filepath.Join(top, "app")
	data := filepath.Join(app, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	mountSmall(t, data, "4m")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, program := filepath.Join(data, "file"), filepath.Join(app, "program")
	write(file, "old")
	write(program, "old")
	want, err := files.Scan(t.Context(), durable.OS(), app, files.Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	disk := watch.New()
	e := New(Config{Dir: filepath.Join(top, "points"), FS: disk.FS()})
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app, Include: include}}}
	if _, err := e.Finish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	write(file, "new")
	write(program, "new")
	write(files.StagingName(file, "x"), "half")
	done, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: app, OpID: "x"})
	if err != nil || !done.InPlace {
		t.Fatalf("restored %+v, %v; want in place", done, err)
	}
	if dirty := disk.Dirty(); len(dirty) > 0 {
		t.Errorf("restored before these were durable: %q", dirty)
	}
	got, err := files.Scan(t.Context(), durable.OS(), app, files.Options{Hash: true})
	ignore := files.Ignore{}
	if include != nil {
		ignore = files.Fingerprint() // folders above what was included get other times
	}
	if list := files.Compare(want, got, ignore); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestRealFullDisk fills a real volume: the folder of restore points, and the
// place of a restore.
func TestRealFullDisk(t *testing.T) {
	lab.Root(t)
	top := t.TempDir()
	app, small := filepath.Join(top, "app"), filepath.Join(top, "small")
	if err := errors.Join(os.Mkdir(app, 0o755), os.Mkdir(small, 0o755), os.WriteFile(filepath.Join(app, "f"), random(3<<20), 0o644)); err != nil {
		t.Fatal(err)
	}
	mountSmall(t, small, "2m")
	liar := boundless{durable.OS()} // so that the forecast does not prevent it
	e := New(Config{Dir: filepath.Join(small, "points"), FS: liar})
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}}
	_, finishErr := e.Finish(t.Context(), r)
	for _, err := range []error{e.Prepare(t.Context(), r), finishErr} {
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("on a full volume: %v", err)
		}
	}
	if list, err := e.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("listed %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(small, "points", "p.partial", "app.tar.zst")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the room was not given back: %v", err)
	}
	e = New(Config{Dir: filepath.Join(top, "points"), FS: liar})
	if _, err := e.Finish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(small, "f"), []byte("survives"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, inPlace := range []bool{false, true} {
		target := filepath.Join(small, "f")
		if _, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: target, OpID: "x", InPlace: inPlace}); err == nil {
			t.Error("restored to a full volume")
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != "survives" {
			t.Errorf("the target is %q, %v", got, err)
		}
	}
	left, err := os.ReadDir(small)
	if err != nil || len(left) != 2 {
		t.Errorf("left on the volume: %v, %v", left, err)
	}
}

// boundless says that there is always room.
type boundless struct{ durable.FS }

func (b boundless) Free(path string) (durable.VolumeInfo, error) {
	v, err := b.FS.Free(path)
	v.Free = 1 << 50
	return v, err
}

// TestStopped: the temporary copy of a SQLite dump is gone, whatever happens.
func TestStopped(t *testing.T) {
	tmp := t.TempDir()
	path := filepath.Join(t.TempDir(), "app.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := sqlite.New(sqlite.Config{Path: path, FS: durable.OS(), Temp: tmp, OpID: "x"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := New(Config{Dir: t.TempDir(), FS: durable.OS()})
	if _, err := e.Finish(ctx, backup.Request{ID: "p", Databases: []backup.DatabasePart{{Name: "db", DB: db}}}); err == nil {
		t.Error("made although cancelled")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
