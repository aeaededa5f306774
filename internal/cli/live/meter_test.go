package live

import (
	"strings"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	now := time.Date(2026, 1, 31, 2, 0, 0, 0, time.Local)
	var out strings.Builder
	m := &Meter{Out: &out, Now: func() time.Time { return now }}
	m.Say("▸ verifying")
	for i := range 5 {
		now = now.Add(5 * time.Second)
		m.Told(int64(i+1)*10_000_000, 100_000_000, "app")
	}
	m.End()
	want := "▸ verifying\n  app: 19.1 MiB of about 95.4 MiB, about 40 s left, 02:00:50\n  app: 38.1 MiB of about 95.4 MiB, about 30 s left, 02:00:50\n"
	if out.String() != want {
		t.Errorf("plain:\n%s", out.String())
	}
	out.Reset()
	m = &Meter{Out: &out, Now: func() time.Time { return now }, Width: func() int { return 60 }}
	m.Told(0, 100, "app") // too early to say anything
	now = now.Add(2 * time.Second)
	m.Told(50, 100, "app")
	m.Say("▸ next")
	if got := out.String(); strings.Count(got, "\r\x1b[K") != 2 || !strings.HasSuffix(got, "\r\x1b[K▸ next\n") || !strings.Contains(got, "app: 50 bytes of about 100 bytes, about 2") {
		t.Errorf("on a terminal: %q", got)
	}
	for line := range strings.SplitSeq(out.String(), "\r\x1b[K") {
		if n := len([]rune(strings.NewReplacer("\x1b[34m", "", "\x1b[m", "", "\x1b[2m", "").Replace(line))); n > 60 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}
