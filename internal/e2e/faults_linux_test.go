package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// notes installs the sample product with a release to upgrade to.
func notes(t *testing.T) *sitetest.Site {
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Bundle("2.0")
	return s
}

// putBack gives an upgrade that has to fail, and checks that everything is as
// it was and the reason is on the screen.
func putBack(t *testing.T, s *sitetest.Site, reason string, args ...string) sitetest.Result {
	t.Helper()
	before := s.Snapshot()
	r := s.Must(6, append([]string{"upgrade", "--yes", "--from", s.Releases}, args...)...)
	wants(t, flat(r.Out), reason)
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s\n%s", d, s.Log())
	}
	return r
}

// Hooks that go wrong.
func TestBadHook(t *testing.T) {
	t.Run("exits 1", func(t *testing.T) {
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "echo no such colour; exit 1")
		putBack(t, s, `failed at step h1\.hooks\.after-install\.app .*POSTINSTALL_app\.sh failed with exit code 1.*no such colour.*back on 1\.0`)
	})
	t.Run("hangs", func(t *testing.T) {
		lab.Slow(t)
		s := notes(t)
		s.Replace(s.Document, "backup: {keep: 3}", "backup: {keep: 3}\nlimits: {hooks: 1s}")
		s.Hook("hooks/POSTINSTALL_app.sh", "trap '' TERM; sleep 60 & wait; sleep 60")
		began := time.Now()
		putBack(t, s, `POSTINSTALL_app\.sh.*deadline`)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("floods", func(t *testing.T) {
		lab.Slow(t)
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; echo end")
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		var size int64
		for _, name := range []string{"log", "events.jsonl"} {
			info, err := os.Stat(filepath.Join(s.Runs()[0], name))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if size > 20<<20 {
			t.Errorf("log and events have %d bytes", size)
		}
	})
	t.Run("forks and exits", func(t *testing.T) {
		lab.Slow(t)
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "sleep 321 & setsid sleep 321 & exit 0")
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		wants(t, s.Log(), `left 2 processes behind; they were ended`)
	})
	t.Run("is changed after the yes", func(t *testing.T) {
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0")
		before := s.Snapshot()
		out, code := answerLate(t, s, func() { s.Hook("hooks/POSTINSTALL_app.sh", "exit 0 # other") }, "upgrade", "--from", s.Releases)
		wants(t, flat(out), `POSTINSTALL_app\.sh.*changed`)
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0")
		if d := sitetest.Diff(before, s.Snapshot()); code != 6 || d != "" {
			t.Errorf("exit code %d\nnot as it was:\n%s", code, d)
		}
	})
	t.Run("is changed while the run is under way", func(t *testing.T) {
		lab.Slow(t)
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0")
		s.Hook("hooks/STARTUPDATE_app.sh", "touch "+s.Marks+"/begun; while [ ! -e "+s.Marks+"/go ]; do sleep 0.01; done")
		before := s.Snapshot()
		wait := s.Began("upgrade", "--yes", "--from", s.Releases)
		await(t, filepath.Join(s.Marks, "begun"))
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0 # other")
		if err := os.WriteFile(filepath.Join(s.Marks, "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		r := wait()
		wants(t, flat(r.Out), `POSTINSTALL_app\.sh.*changed`)
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0")
		if d := sitetest.Diff(before, s.Snapshot()); r.Code != 6 || d != "" {
			t.Errorf("%v\nnot as it was:\n%s", r, d)
		}
	})
	t.Run("can be written by others", func(t *testing.T) {
		s := notes(t)
		s.Hook("hooks/POSTINSTALL_app.sh", "exit 0")
		if err := os.Chmod(filepath.Join(s.Root, "hooks/POSTINSTALL_app.sh"), 0o777); err != nil {
			t.Fatal(err)
		}
		r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), `POSTINSTALL_app\.sh must not run: others can write to it`)
	})
}

func await(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Lstat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s did not come", path)
}

// Services that go wrong.
func TestBadService(t *testing.T) {
	lab.Slow(t)
	t.Run("never stops", func(t *testing.T) {
		s := sitetest.New(t, sitetest.Options{Example: "exchange", Version: "1.2.2", Edit: func(path, text string) string {
			if path == "site/bin/serve" {
				text = strings.Replace(text, "trap 'rm", `[ "$1" = agid ] && trap '' TERM || trap 'rm`, 1)
			}
			return strings.Replace(text, "{id: agid,", "{id: agid, grace: 1s,", 1)
		}})
		s.Bundle("1.2.3")
		s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		wants(t, s.Snapshot(), `service agid running`)
	})
	t.Run("starts and dies", func(t *testing.T) {
		s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
		src := s.Copy(s.Source("2.0"), "dies")
		if err := os.Remove(filepath.Join(src, "components/app/app.json")); err != nil {
			t.Fatal(err)
		}
		s.Build(src, filepath.Join(s.Releases, "dies.tar.zst"))
		putBack(t, s, `failed at step h1\.start\.web.*the tree is not whole.*back on 1\.0`)
	})
	t.Run("never becomes ready", func(t *testing.T) {
		s := sitetest.New(t, sitetest.Options{Example: "exchange", Version: "1.2.2"})
		src := s.Copy(s.Source("1.2.3"), "unready")
		s.Replace(filepath.Join(src, "upkeep.yaml"), `ready: {exists: "${dir.trace}/ctid.up"}`, `ready: {exists: "${dir.trace}/never.up"}`)
		s.Build(src, filepath.Join(s.Releases, "unready.tar.zst"))
		s.Replace(s.Document, "params:", "limits: {start: 2s}\nparams:")
		putBack(t, s, `failed at step h1\.start\.ctid`)
	})
}

// A database that somebody else keeps locked.
func TestDatabaseInUse(t *testing.T) {
	lab.Slow(t)
	s := notes(t)
	before := s.Snapshot()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Root, "data/notes.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	r := s.Must(6, "upgrade", "--yes", "--from", s.Releases)
	wants(t, flat(r.Out), `failed at step h1\.migrate\.database.*(in use|locked)`)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("not as it was:\n%s", d)
	}
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
}

// Folders that may not be written.
func TestPermissionDenied(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Account: "nobody"})
	s.Bundle("2.0")
	t.Run("beside the tree", func(t *testing.T) {
		if err := os.Mkdir(s.State, 0o700); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		for _, p := range []string{s.State} {
			if err := s.Caller().Own(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(s.Root, 0, 0); err != nil {
			t.Fatal(err)
		}
		before := s.Snapshot()
		r := s.Upkeep("upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Out+r.Err), `permission denied`)
		if d := sitetest.Diff(before, s.Snapshot()); r.Code == 0 || d != "" {
			t.Errorf("%v\nnot as it was:\n%s", r, d)
		}
		if err := s.Caller().Own(s.Root); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("the data", func(t *testing.T) {
		data := filepath.Join(s.Root, "data")
		if err := os.Chmod(data, 0o555); err != nil {
			t.Fatal(err)
		}
		r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), `check data-writable: .*cannot be written by nobody`)
		if err := os.Chmod(data, 0o755); err != nil {
			t.Fatal(err)
		}
	})
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
}

// small mounts a small volume on a folder, until the test ends.
func small(t *testing.T, dir string, megabytes int) {
	t.Helper()
	lab.Root(t)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=755", megabytes)); err != nil {
		t.Skipf("cannot mount a small volume here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", dir, err)
		}
	})
}

// fill takes all room of a volume but so much.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := 1 << 20; chunk > 0; {
		if _, err := f.Write(make([]byte, chunk)); err != nil {
			chunk /= 4
		}
	}
	info, err := f.Stat()
	if err == nil && leave > 0 {
		err = f.Truncate(max(info.Size()-leave, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A disk that is too small is refused beforehand; one that fills up while the
// run is under way leads back, wherever it is.
func TestDiskFull(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	t.Run("too small for the restore point", func(t *testing.T) {
		s := notes(t)
		s.Replace(s.Document, "backup: {keep: 3}", "backup: {keep: 3, dir: "+s.Marks+"/points}")
		small(t, filepath.Join(s.Marks, "points"), 1)
		r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), s.Marks+`/points.*MiB.*free`)
	})
	t.Run("too small for the new files", func(t *testing.T) {
		s := notes(t)
		small(t, filepath.Join(s.Marks, "state"), 8)
		s.Replace(s.Document, "state: upkeep", "state: "+s.Marks+"/state")
		r := s.Must(3, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), s.Marks+`/state.*MiB.*free`)
	})
	for _, c := range []struct {
		name, step string
		leave      int64
		want       string
	}{
		{"the restore point", "h1.stage.app", 4096, `no space left|disk is full|too little room`},
		{"the restore point's second pass", "hooks.before-backup.app", 0, `no space left|disk is full|too little room`},
	} {
		t.Run("fills up for "+c.name, func(t *testing.T) {
			s := notes(t)
			points := filepath.Join(s.Marks, "points")
			s.Replace(s.Document, "backup: {keep: 3}", "backup: {keep: 3, dir: "+points+"}")
			small(t, points, 64)
			s.Hook("hooks/PREBACKUP_app.sh", "sleep 1")
			before := s.Snapshot()
			wait := s.Began("upgrade", "--yes", "--from", s.Releases)
			at(t, s, c.step)
			fill(t, points, c.leave)
			r := wait()
			wants(t, flat(r.Out), c.want)
			if d := sitetest.Diff(before, s.Snapshot()); r.Code != 6 || d != "" {
				t.Errorf("%v\nnot as it was:\n%s", r, d)
			}
			if left, _ := filepath.Glob(points + "/*.partial"); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
	for _, step := range []string{"h1.stage.app", "h1.install.app", "h1.migrate.database", "h1.verify"} {
		t.Run("fills up for the journal at "+step, func(t *testing.T) {
			s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Stopped: true})
			s.Bundle("2.0")
			s.State = filepath.Join(s.Marks, "state")
			small(t, s.State, 96)
			s.Replace(s.Document, "state: upkeep", "state: "+s.State)
			s.Start()
			before := s.Snapshot()
			wait := s.Began("upgrade", "--yes", "--from", s.Releases)
			if err := s.Follow(0, 5*time.Second, func(e manage.Event) bool { return e.Kind == manage.EventBegan && e.Step == step }); err != nil {
				t.Fatalf("%v: %v", err, wait())
			}
			fill(t, s.State, 0)
			r := wait()
			switch r.Code {
			case 6:
				if d := sitetest.Diff(before, s.Snapshot()); d != "" {
					t.Errorf("not as it was:\n%s", d)
				}
			case 0: // the reserve was enough for the way forward
				if got := s.Query("data/notes.db", "SELECT version FROM schema_version"); got[0] != "2" {
					t.Errorf("schema version %v", got)
				}
			default:
				t.Errorf("%v\n%s", r, s.Log())
			}
			t.Logf("exit code %d", r.Code)
			if err := os.Remove(filepath.Join(s.State, "filler")); err != nil {
				t.Fatal(err)
			}
			s.Must(0, "upgrade", "--yes", "--from", s.Releases)
		})
	}
}

// A journal that is not what was written, or that a newer Upkeep wrote: every
// command says so, and the product is not touched.
func TestBadJournal(t *testing.T) {
	for i, c := range []struct {
		name, change, want string
	}{
		{"an entry that was changed", "UPDATE entries SET body = replace(body, '1.0', '1.1') WHERE seq = (SELECT max(seq) FROM entries)", `the journal is damaged`},
		{"an entry that is gone", "DELETE FROM entries WHERE seq = 5", `the journal is damaged`},
		{"one of a newer version", "PRAGMA user_version = 99", `written by a newer Upkeep`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if i > 0 {
				lab.Slow(t)
			}
			s := notes(t)
			s.Hook("hooks/POSTINSTALL_app.sh", "exit 1")
			s.Must(6, "upgrade", "--yes", "--from", s.Releases)
			change(t, s, c.change)
			before := s.Snapshot()
			for _, args := range [][]string{{"runs", "show"}, {"upgrade", "--yes", "--from", s.Releases}} {
				r := s.Upkeep(args...)
				wants(t, flat(r.Err), c.want)
				if r.Code != 1 {
					t.Errorf("want exit code 1: %v", r)
				}
			}
			if d := sitetest.Diff(before, s.Snapshot()); d != "" {
				t.Errorf("not as it was:\n%s", d)
			}
		})
	}
	t.Run("no journal", func(t *testing.T) {
		s := notes(t)
		if err := os.MkdirAll(s.State, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.State, "journal.db"), bytesOf(8192), 0o600); err != nil {
			t.Fatal(err)
		}
		r := s.Must(1, "upgrade", "--yes", "--from", s.Releases)
		wants(t, flat(r.Err), `journal`)
	})
}

func bytesOf(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i*7 + 3)
	}
	return out
}

func change(t *testing.T, s *sitetest.Site, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.State, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// The clock is set back in the middle of a run: its first entry is of a
// distant future. Nothing is decided by the clock.
func TestClockSetBack(t *testing.T) {
	lab.Slow(t)
	s := notes(t)
	raw := s.Must(0, "plan", "--from", s.Releases, "--format", "json").Out
	var shown struct{ Plan *plan.Plan }
	if err := json.Unmarshal([]byte(raw), &shown); err != nil {
		t.Fatal(err)
	}
	// the bundles are kept, and the journal is there
	if _, err := kill(s, instant{"h1.stage.app", run.Do, 0}, "upgrade", "--yes", "--from", s.Releases); err != nil {
		t.Fatal(err)
	}
	s.Must(6, "back", "--yes")
	later := func() time.Time { return time.Date(2061, 7, 28, 12, 0, 0, 0, time.UTC) }
	j, err := sqlite.Open(context.Background(), filepath.Join(s.State, "journal.db"), later)
	if err != nil {
		t.Fatal(err)
	}
	const id = "20610728-120000-abcd"
	_, err = j.OpenRun(context.Background(), id, shown.Plan, run.Opened{Plan: shown.Plan.Digest, By: "somebody", Trigger: "command"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.State, "runs", id, "memos"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := s.Must(0, "resume")
	wants(t, r.Out, `✓ notes is on 2\.0, verified`)
	if strings.Contains(r.Out, "-") && strings.Contains(flat(r.Out), "outage -") {
		t.Errorf("an outage of less than nothing: %s", r.Out)
	}
	s.Must(0, "status")
	s.Must(0, "runs", "list")
}
