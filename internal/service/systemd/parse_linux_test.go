package systemd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
	"upkeep/internal/service"
)

func TestParse(t *testing.T) {
	got := parse(map[string]any{"Id": "web.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "MainPID": uint32(7),
		"InvocationID": []byte{0xab, 0xcd}, "Job": []any{uint32(3), "/job/3"}, "NRestarts": uint32(2), "NeedDaemonReload": true,
		"ConsistsOf": []string{"a.service"}, "RequiredBy": []string{"b.service", "a.service"}, "ExecMainStatus": int32(7), "Result": 12})
	want := unit{Name: "web.service", Load: "loaded", Active: "active", Sub: "running", MainPID: 7, Invocation: "abcd", Job: true, Restarts: 2, Reload: true,
		ConsistsOf: []string{"a.service"}, StopsToo: []string{"a.service", "b.service"}, ExitStatus: 7}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestRunning(t *testing.T) {
	for _, c := range []struct {
		active, sub   string
		running, idle bool
	}{
		{"active", "running", true, false},
		{"active", "exited", true, false},
		{"activating", "start", true, false},
		{"activating", "auto-restart", false, false},
		{"deactivating", "stop-sigterm", true, false},
		{"failed", "failed", false, true},
		{"inactive", "dead", false, true},
	} {
		u := unit{Active: c.active, Sub: c.sub}
		if u.running() != c.running || u.idle() != c.idle {
			t.Errorf("%s (%s): running %v, idle %v", c.active, c.sub, u.running(), u.idle())
		}
	}
}

// What is noted of a service survives the engine, and goes when there is
// nothing left to put back.
func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "services")
	open := func() *Manager {
		m, err := New(Options{FS: durable.OS(), Dir: dir, Installation: "shop", Root: t.TempDir(), Socket: "/nonexistent"})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s := service.Spec{ID: "web"}
	want := record{Unit: "web.service", Reason: "run 7", Triggers: []string{"web.socket"}, With: []string{"b.service"}}
	if err := open().save(s, want); err != nil {
		t.Fatal(err)
	}
	got, err := open().load(s)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if reason, no, err := open().Inhibited(t.Context(), s); reason != "run 7" || !no || err != nil {
		t.Errorf("half inhibited: %q, %v, %v", reason, no, err)
	}
	held, leftover, err := open().others(service.Spec{ID: "db"})
	if !held || len(leftover) != 0 || err != nil {
		t.Errorf("others: %v, %v, %v", held, leftover, err)
	}
	if err := open().save(s, record{Unit: "web.service"}); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}

func TestDropInsAreWrittenOnceAndTakenAwayWithTheirFolder(t *testing.T) {
	root := t.TempDir()
	m, err := New(Options{FS: durable.OS(), Dir: filepath.Join(root, "state"), Installation: "shop", Root: root})
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(root, "etc/systemd/system/db.service.d/admin.conf")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("[Service]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, n := range []string{"web.service", "db.service"} {
			if err := m.putDropIn(service.Spec{ID: "web"}, n); err != nil {
				t.Error(err)
			}
		}
	}
	for range 2 {
		if err := m.takeDropIns([]string{"web.service", "db.service"}); err != nil {
			t.Fatal(err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*/*"))
	dirs, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*"))
	if len(left) != 1 || left[0] != own || len(dirs) != 1 {
		t.Errorf("left: %v in %v", left, dirs)
	}
}

// Where systemd does not run the machine, everything says so.
func TestNoSystemd(t *testing.T) {
	m, err := New(Options{FS: durable.OS(), Dir: t.TempDir(), Installation: "shop", Socket: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	s := service.Spec{ID: "web"}
	for name, err := range map[string]error{"state": second(m.State(ctx, s)), "start": m.Start(ctx, s), "stop": m.Stop(ctx, s), "inhibit": m.Inhibit(ctx, s, "run 7")} {
		if err == nil {
			t.Errorf("%s works without systemd", name)
		}
	}
}

func second(_ service.State, err error) error { return err }
