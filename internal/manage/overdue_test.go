package manage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOverdue(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	for _, c := range []struct {
		every         string
		since, newest time.Time
		want          string
	}{
		{"", ago(90 * day), time.Time{}, ""},
		{"someday", ago(90 * day), time.Time{}, ""},
		{"daily", ago(90 * day), ago(30 * time.Hour), ""},
		{"daily", ago(90 * day), ago(32 * time.Hour), "made daily.*the newest is of 2026-03-03"},
		{"daily", ago(20 * time.Hour), time.Time{}, ""}, // its first time has not come
		{"daily", ago(20 * time.Hour), ago(60 * day), ""},
		{"daily", ago(2 * day), time.Time{}, "there is none"},
		{"hourly", ago(90 * day), ago(3 * time.Hour), "made hourly"},
		{"weekly", ago(90 * day), ago(8 * day), ""},
		{"weekly", ago(90 * day), ago(10 * day), "made weekly"},
		{"monthly", ago(90 * day), ago(35 * day), ""},
		{"monthly", ago(90 * day), ago(40 * day), "made monthly"},
	} {
		got := overdue(c.every, c.since, c.newest, now)
		if ok := c.want == "" && got == "" || c.want != "" && matches(got, c.want); !ok {
			t.Errorf("%s, since %s, newest %s: %q, want %q", c.every, c.since, c.newest, got, c.want)
		}
	}
	for _, word := range BackupTimes() {
		if intervals[word] == 0 {
			t.Errorf("nothing is known of %s", word)
		}
	}
}

func matches(text, want string) bool {
	for part := range strings.SplitSeq(want, ".*") {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return true
}

// TestUnpunctual: the timer that is set up on the machine, and the restore points
// that there are.
func TestUnpunctual(t *testing.T) {
	m, _ := testMachine(t)
	root := t.TempDir()
	documents(t, root, map[string]string{"a.yaml": "installation: {id: a, product: notes, state: ROOT/a}"})
	in, err := Open(filepath.Join(root, "a.yaml"), "upkeep")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if got := in.unpunctual(t.Context(), m, now.Add(1000*time.Hour)); len(got) != 0 {
		t.Errorf("without a timer: %+v", got)
	}
	if _, err := m.SetTimer(t.Context(), "a", in.Path, "daily"); err != nil {
		t.Fatal(err)
	}
	if got := in.unpunctual(t.Context(), m, now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("an hour after it was set up: %+v", got)
	}
	late := in.unpunctual(t.Context(), m, now.Add(48*time.Hour))
	if len(late) != 1 || late[0].Level != "warning" || late[0].OK || !strings.Contains(late[0].Evidence, "there is none") {
		t.Fatalf("two days after: %+v", late)
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := in.NoteTimer(os.ErrPermission); err != nil {
		t.Fatal(err)
	}
	if late = in.unpunctual(t.Context(), m, now.Add(48*time.Hour)); !strings.Contains(late[0].Evidence, "the last try failed: permission denied") {
		t.Errorf("why is not said: %+v", late)
	}
}
