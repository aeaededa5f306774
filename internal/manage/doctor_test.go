package manage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/run"
)

func TestLoops(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	up := func(day int) journal.Run {
		return journal.Run{From: "1", To: "2", Result: run.ResultNew, Opened: at(day)}
	}
	part := func(id string) journal.Run { r := up(1); r.ID = id; return r }
	back := journal.Run{From: "1", To: "2", Result: run.ResultOld, Opened: at(3)}
	same := journal.Run{From: "2", To: "2", Result: run.ResultNew, Opened: at(3)}
	next := journal.Run{From: "2", To: "3", Result: run.ResultNew, Opened: at(4)}
	for _, c := range []struct {
		name string
		rows []journal.Run // latest first
		want int
	}{
		{"none", nil, 0},
		{"once", []journal.Run{up(1)}, 0},
		{"twice", []journal.Run{up(2), up(1)}, 2},
		{"three times", []journal.Run{up(3), up(2), up(1)}, 3},
		{"twice, and it went back once", []journal.Run{back, up(2), up(1)}, 0},
		{"twice, and then on", []journal.Run{next, up(2), up(1)}, 0},
		{"with a way back in between", []journal.Run{up(4), back, up(1)}, 0},
		{"a model of one version", []journal.Run{same, same}, 0},
		{"one instance after the other", []journal.Run{part("b"), part("a")}, 0},
		{"one instance twice", []journal.Run{part("a"), part("a"), part("b")}, 2},
	} {
		if got := again(c.rows, func(r journal.Run) string { return r.ID }); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestLittleRoom(t *testing.T) {
	for _, c := range []struct {
		v    durable.VolumeInfo
		want string
	}{
		{durable.VolumeInfo{Free: 100 << 30, Total: 4000 << 30, FreeInodes: -1}, ""},
		{durable.VolumeInfo{Free: 900 << 20, Total: 2 << 30, FreeInodes: -1}, ""},
		{durable.VolumeInfo{Free: 900 << 20, Total: 100 << 30, FreeInodes: -1}, "900 MiB of 102400 MiB are free"},
		{durable.VolumeInfo{Free: 50 << 30, Total: 100 << 30, FreeInodes: 12}, "only 12 more files fit on it"},
	} {
		if got := little(c.v); got != c.want {
			t.Errorf("%+v: %q, want %q", c.v, got, c.want)
		}
	}
}

func TestTailBeginsWithALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, c := range []struct{ text, want string }{
		{"one\ntwo\n", "one\ntwo\n"},
		{"cut off\n" + strings.Repeat("x", supportTail-5) + "\nend\n", "… 2097156 bytes before this are left out\nend\n"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tail(path); err != nil || got != c.want {
			t.Errorf("%d bytes gave %.80q, %v, want %q", len(c.text), got, err, c.want)
		}
	}
}

// A command that holds the lock for a moment is no symptom; one that stays is.
func TestLookLock(t *testing.T) {
	c := &consultation{Installation: &Installation{State: t.TempDir(), FS: durable.OS()}}
	l, _, err := takeLock(c.lockPath())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, l.release)
	if s, err := lookLock(t.Context(), c); err != nil || len(s) != 0 {
		t.Errorf("held for a moment: %v, %v", s, err)
	}
	if l, _, err = takeLock(c.lockPath()); err != nil {
		t.Fatal(err)
	}
	defer l.release()
	if s, err := lookLock(t.Context(), c); err != nil || len(s) != 1 || !strings.Contains(s[0].Evidence, fmt.Sprint(os.Getpid())) {
		t.Errorf("held all the time: %v, %v", s, err)
	}
}

func TestNoRunHasEnded(t *testing.T) {
	in := &Installation{State: t.TempDir()}
	if _, ok, err := in.lastRun(t.Context()); ok || err != nil {
		t.Errorf("without a journal: %v, %v", ok, err)
	}
}
