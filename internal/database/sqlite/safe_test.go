package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
	"upkeep/internal/durable"
)

// TestMain is also the product that crashes: it runs SQL and ends without
// closing anything.
func TestMain(m *testing.M) {
	path := os.Getenv("UPKEEP_TEST_CRASH")
	if path == "" {
		os.Exit(m.Run())
	}
	h, err := open(context.Background(), path, time.Second)
	if err == nil {
		_, err = h.ExecContext(context.Background(), os.Getenv("UPKEEP_TEST_SQL"))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	os.Exit(0)
}

func crash(t *testing.T, path, sql string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "UPKEEP_TEST_CRASH="+path, "UPKEEP_TEST_SQL="+sql)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the crashing product: %v: %s", err, out)
	}
}

const (
	wal = "PRAGMA journal_mode = wal;"
	// many dirty pages and a small cache force them into the file before the commit.
	hot = "PRAGMA cache_size = 2; BEGIN; INSERT INTO posts (id, author, body) WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, 1, hex(randomblob(400)) FROM n;"
)

// states are the ways in which a product can leave its file.
var states = []struct {
	name  string
	make  func(t *testing.T, path string)
	posts string // how many are there for who reads rightly
}{
	{"rollback, closed", func(t *testing.T, p string) { crash(t, p, databasetest.Fill) }, "3"},
	{"rollback, crashed in a write", func(t *testing.T, p string) { crash(t, p, databasetest.Fill); crash(t, p, hot) }, "3"},
	{"wal, closed", func(t *testing.T, p string) { run(t, p, wal+databasetest.Fill) }, "3"},
	{"wal, crashed", func(t *testing.T, p string) {
		run(t, p, wal+databasetest.Fill)
		crash(t, p, "INSERT INTO posts VALUES (4, 1, 'only in the log')")
	}, "4"},
	{"wal, crashed in a write", func(t *testing.T, p string) { run(t, p, wal+databasetest.Fill); crash(t, p, hot) }, "3"},
	{"wal, crashed, index lost", func(t *testing.T, p string) {
		run(t, p, wal+databasetest.Fill)
		crash(t, p, "INSERT INTO posts VALUES (4, 1, 'only in the log')")
		if err := os.Remove(p + "-shm"); err != nil {
			t.Fatal(err)
		}
	}, "4"},
	{"wal, crashed before its index was made", func(t *testing.T, p string) {
		run(t, p, wal+databasetest.Fill)
		crash(t, p, "INSERT INTO posts VALUES (4, 1, 'only in the log')")
		if err := os.Truncate(p+"-shm", 0); err != nil {
			t.Fatal(err)
		}
	}, "4"},
	{"wal, crashed when it was opened", func(t *testing.T, p string) {
		run(t, p, wal+databasetest.Fill)
		for _, empty := range []string{"-wal", "-shm"} {
			if err := os.WriteFile(p+empty, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}, "3"},
	{"wal, crashed before the log's first page", func(t *testing.T, p string) {
		run(t, p, wal+databasetest.Fill)
		crash(t, p, "INSERT INTO posts VALUES (4, 1, 'x'); PRAGMA wal_checkpoint(RESTART)")
		if err := os.Truncate(p+"-wal", logHeader); err != nil {
			t.Fatal(err)
		}
	}, "4"},
	{"wal, in use", func(t *testing.T, p string) { use(t, p, wal+databasetest.Fill+"INSERT INTO posts VALUES (4, 1, 'x')") }, "4"},
	{"rollback, in use", func(t *testing.T, p string) { use(t, p, databasetest.Fill+"BEGIN; SELECT * FROM users") }, "3"},
}

func run(t *testing.T, path, sql string) {
	t.Helper()
	h, err := open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.ExecContext(t.Context(), sql)
	if err := errors.Join(err, h.close()); err != nil {
		t.Fatal(err)
	}
}

// use keeps the file open until the test ends.
func use(t *testing.T, path, sql string) *handle {
	t.Helper()
	h, err := open(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.close() })
	if _, err = h.ExecContext(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return h
}

// folder is every file of the folder with its content. The index of the log is
// shared memory with the readers' own marks, and counts by its presence only.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range list {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), "-shm") {
			data = nil
		}
		m[e.Name()] = fmt.Sprintf("%d %x", len(data), sha256.Sum256(data))
	}
	return m
}

// TestReadingNeverWrites: Query, Inspect, Fingerprint and Dump see the right
// content and leave every byte as it is.
func TestReadingNeverWrites(t *testing.T) {
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			dir, tmp := t.TempDir(), t.TempDir()
			path := filepath.Join(dir, "app.db")
			s.make(t, path)
			inUse := strings.HasSuffix(s.name, "in use")
			var before map[string]string
			if !inUse { // reading the file ourselves would take the locks of a user in this process away
				before = folder(t, dir)
			}
			db := New(Config{Path: path, FS: durable.OS(), Temp: tmp, OpID: "x"})
			if got, err := db.Query(t.Context(), "SELECT count(*) FROM posts"); got != s.posts || err != nil {
				t.Errorf("read %q, %v; want %s", got, err, s.posts)
			}
			if _, err := db.Inspect(t.Context()); err != nil {
				t.Error(err)
			}
			print := databasetest.Fingerprint(t, db)
			dump, report := databasetest.Dump(t, db)
			databasetest.Same(t, "report", print, report.Fingerprint)
			for _, sql := range []string{"DELETE FROM posts", "CREATE TABLE x (a)", "PRAGMA user_version = 3", "SELECT 1; DELETE FROM posts"} {
				_, _ = db.Query(t.Context(), sql) // a pragma may be silently ignored; the bytes tell
			}
			if !inUse {
				if diff := cmp.Diff(before, folder(t, dir)); diff != "" {
					t.Errorf("reading changed the folder: %s", diff)
				}
			}
			if left := folder(t, tmp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			// The dump is a database of its own.
			alone := filepath.Join(t.TempDir(), "alone.db")
			if err := os.WriteFile(alone, dump, 0o600); err != nil {
				t.Fatal(err)
			}
			databasetest.Same(t, "the dump alone", print, databasetest.Fingerprint(t, New(Config{Path: alone, FS: durable.OS()})))
		})
	}
}

// dying is a file system whose process dies at a call that writes: that call
// and all later ones do nothing.
type dying struct {
	durable.FS
	left *int
}

var errDead = errors.New("killed")

func (d dying) die() error {
	*d.left--
	if *d.left < 0 {
		return errDead
	}
	return nil
}

func (d dying) Unsynced() durable.FS { return dying{d.FS.Unsynced(), d.left} }

func (d dying) Create(p string, m fs.FileMode) (durable.File, error) {
	if err := d.die(); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(p, m)
	return dyingFile{f, d}, err
}
func (d dying) Remove(p string) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.FS.Remove(p)
}
func (d dying) Replace(a, b string) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.FS.Replace(a, b)
}
func (d dying) Chmod(p string, m fs.FileMode) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.FS.Chmod(p, m)
}
func (d dying) Chown(p string, u, g uint32) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.FS.Chown(p, u, g)
}

type dyingFile struct {
	durable.File
	d dying
}

func (f dyingFile) Write(p []byte) (int, error) {
	if err := f.d.die(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// TestRestoreKilled dies before every single write, from every state of the old
// file: the content is old or new, and the next run completes it.
func TestRestoreKilled(t *testing.T) {
	source := subject(t, "wal")
	source.Exec(t, databasetest.Fill+"UPDATE users SET note = 'from the dump'")
	dump, report := databasetest.Dump(t, source.DB)
	for _, s := range states {
		if strings.HasSuffix(s.name, "in use") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for point := 0; ; point++ {
				path := filepath.Join(t.TempDir(), "app.db")
				s.make(t, path)
				db := New(Config{Path: path, FS: durable.OS(), Temp: t.TempDir(), OpID: "x"})
				old := databasetest.Fingerprint(t, db)
				left := point
				mortal := New(Config{Path: path, FS: dying{durable.OS(), &left}, Temp: t.TempDir(), OpID: "x"})
				err := mortal.Restore(t.Context(), bytes.NewReader(dump))
				got := databasetest.Fingerprint(t, db)
				if err == nil {
					databasetest.Same(t, "restored", report.Fingerprint, got)
					if list := folder(t, filepath.Dir(path)); len(list) != 1 {
						t.Errorf("left behind: %v", list)
					}
					if point < 4 {
						t.Errorf("only %d points to die at", point)
					}
					return
				}
				if got.Digest() != old.Digest() && got.Digest() != report.Fingerprint.Digest() {
					t.Fatalf("died at %d: neither old nor new: %s", point, database.Summary(database.Compare(old, got)))
				}
				if err := db.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
					t.Fatalf("died at %d, run again: %v", point, err)
				}
				databasetest.Same(t, "run again", report.Fingerprint, databasetest.Fingerprint(t, db))
				if point > 50 {
					t.Fatal("never completes")
				}
			}
		})
	}
}

// TestInUse: while the product has the file open, nothing is replaced.
func TestInUse(t *testing.T) {
	source := subject(t, "delete")
	source.Exec(t, databasetest.Fill)
	dump, _ := databasetest.Dump(t, source.DB)
	for _, s := range states {
		if !strings.HasSuffix(s.name, "in use") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			s.make(t, path)
			db := New(Config{Path: path, FS: durable.OS(), OpID: "x"})
			db.patience = 50 * time.Millisecond
			old := databasetest.Fingerprint(t, db)
			if err := db.Restore(t.Context(), bytes.NewReader(dump)); !errors.Is(err, database.ErrInUse) {
				t.Errorf("restored under the product: %v", err)
			}
			databasetest.Same(t, "refused", old, databasetest.Fingerprint(t, db))
		})
	}
}

// TestRestoreOver: the old file may be gone, damaged, or behind a link; owner,
// mode and attributes stay.
func TestRestoreOver(t *testing.T) {
	source := subject(t, "wal")
	source.Exec(t, databasetest.Fill)
	dump, report := databasetest.Dump(t, source.DB)
	for name, make := range map[string]func(t *testing.T, path string) error{
		"gone":    func(t *testing.T, p string) error { return nil },
		"empty":   func(t *testing.T, p string) error { return os.WriteFile(p, nil, 0o640) },
		"garbage": func(t *testing.T, p string) error { return os.WriteFile(p, bytes.Repeat([]byte("x"), 9000), 0o640) },
		"cut":     func(t *testing.T, p string) error { return os.WriteFile(p, dump[:len(dump)/2], 0o640) },
		"stray logs": func(t *testing.T, p string) error {
			crash(t, p, wal+databasetest.Fill)
			return os.WriteFile(p, dump[:100], 0o640)
		},
		"link": func(t *testing.T, p string) error {
			run(t, p+".real", databasetest.Fill)
			return os.Symlink(p+".real", p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			if err := make(t, path); err != nil {
				t.Fatal(err)
			}
			real := path
			if name == "link" {
				real += ".real"
			}
			info, err := durable.OS().Lstat(real)
			if err == nil {
				if err := os.Chmod(real, 0o604); err != nil {
					t.Fatal(err)
				}
				if os.Geteuid() == 0 {
					if err := os.Chown(real, 12, 34); err != nil {
						t.Fatal(err)
					}
				}
				info, _ = durable.OS().Lstat(real)
			}
			db := New(Config{Path: path, FS: durable.OS(), OpID: "x"})
			if err := db.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
				t.Fatal(err)
			}
			databasetest.Same(t, "restored", report.Fingerprint, databasetest.Fingerprint(t, db))
			after, err := durable.OS().Lstat(real)
			if err != nil {
				t.Fatal(err)
			}
			if name != "gone" && (after.Mode != info.Mode || after.UID != info.UID || after.GID != info.GID) {
				t.Errorf("was %v %d:%d, is %v %d:%d", info.Mode, info.UID, info.GID, after.Mode, after.UID, after.GID)
			}
		})
	}
}

// TestErrors tells causes apart.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("no database at all. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"missing": database.ErrNoDatabase, "folder": database.ErrNoDatabase, "text": database.ErrDamaged} {
		db := New(Config{Path: filepath.Join(dir, name), FS: durable.OS()})
		if _, err := db.Query(t.Context(), "SELECT 1 FROM sqlite_schema"); !errors.Is(err, want) || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s: %v; want %v", name, err, want)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("something was made: %v, %v", list, err)
	}
}
