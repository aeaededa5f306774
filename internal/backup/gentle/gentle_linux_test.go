package gentle

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/backup"
	"upkeep/internal/backup/archive"
	"upkeep/internal/backup/backuptest"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

func TestContract(t *testing.T) {
	lab.Slow(t)
	backuptest.Run(t, backuptest.Folders(func(t *testing.T, dir string, fs durable.FS) backup.Engine {
		return New(archive.New(archive.Config{Dir: dir, FS: fs}))
	}, "database@ahead.dump.zst"))
}

// spy says which priority a call has, for this process and for a child.
type spy struct {
	backup.Engine
	seen []string
}

func (s *spy) look(t *testing.T) {
	t.Helper()
	out, err := exec.Command("sh", "-c", "nice; ionice").Output()
	if err != nil {
		t.Fatal(err)
	}
	s.seen = append(s.seen, strings.Join(strings.Fields(string(out)), " "))
}

type spying struct {
	*spy
	t *testing.T
}

func (s spying) Prepare(context.Context, backup.Request) error { s.look(s.t); return nil }
func (s spying) Finish(context.Context, backup.Request) (backup.Point, error) {
	s.look(s.t)
	return backup.Point{}, nil
}
func (s spying) Verify(context.Context, string) error { s.look(s.t); return nil }

// TestGivesWay: while users work, and not in an outage; then all is as before.
func TestGivesWay(t *testing.T) {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil || niceRaw-raw >= niceLow || !mayRaise() {
		t.Skip("this process may not take its priority back")
	}
	s := &spy{}
	s.look(t)
	g := New(spying{s, t})
	_ = g.Prepare(t.Context(), backup.Request{})
	_, _ = g.Finish(t.Context(), backup.Request{Live: true})
	_ = g.Verify(t.Context(), "")
	_, _ = g.Finish(t.Context(), backup.Request{})
	s.look(t)
	normal := s.seen[0]
	for i, want := range []string{normal, "10 idle", "10 idle", "10 idle", normal, normal} {
		if i > 0 && want == normal { // the class is named once it was set
			want = strings.Fields(normal)[0] + " best-effort: prio 4"
		}
		if s.seen[i] != want {
			t.Errorf("call %d has %q, want %q", i, s.seen[i], want)
		}
	}
	tasks, _ := filepath.Glob(filepath.Join(threadsFolder, "*"))
	if len(tasks) < 2 {
		t.Errorf("threads: %v", tasks)
	}
}
