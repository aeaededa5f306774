package outage

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
)

func TestFigures(t *testing.T) {
	of := func(ms ...int) Figures {
		f := Figures{Name: "x"}
		begin := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
		for _, n := range ms {
			f.Outages = append(f.Outages, lab.Outage{Spans: []lab.Span{{From: begin, To: begin.Add(time.Duration(n) * time.Millisecond)}}})
		}
		return f
	}
	if got := of(300, 100, 900).Median(); got != 300*time.Millisecond {
		t.Errorf("median = %v", got)
	}
	if got := of().Median(); got != 0 {
		t.Errorf("median of nothing = %v", got)
	}
	if got := of(300, 100, 900).String(); got != "x        median  300 ms of 3 (300, 100, 900)" {
		t.Errorf("String() = %q", got)
	}
	for _, tt := range []struct {
		ours, base int
		want       bool
	}{{300, 300, true}, {500, 300, true}, {501, 300, false}, {4400, 4000, true}, {4401, 4000, false}} {
		if got := of(tt.ours).Within(of(tt.base)); got != tt.want {
			t.Errorf("%d ms within the bound of %d ms: %v", tt.ours, tt.base, got)
		}
	}
}

// TestBaselineScript: the script that Upkeep is measured against must itself
// upgrade, or the comparison is worth nothing.
func TestBaselineScript(t *testing.T) {
	from, to := lab.MinifluxReleases(t)
	pg := lab.Postgres(t)
	c := Config{PG: pg.PG, From: from, To: to, Rounds: 1, Feeds: 2, Items: 20, Log: io.Discard}
	figures, err := Compare(t.Context(), c, Script(to))
	if err != nil {
		t.Fatal(err)
	}
	if m := figures[0].Median(); m <= 0 || m > 30*time.Second {
		t.Errorf("the script's outage is %v", m)
	}
	// A way that does nothing must not pass for an upgrade.
	nothing := Way{Name: "nothing", Upgrade: func(context.Context, *lab.MinifluxSite) error { return nil }}
	if _, err := Compare(t.Context(), c, nothing); err == nil || !strings.Contains(err.Error(), "cannot believe") {
		t.Errorf("a way that does nothing gave %v", err)
	}
}

// TestOutageOfTheScript prints the script's own figures.
func TestOutageOfTheScript(t *testing.T) {
	lab.Bench(t)
	from, to := lab.MinifluxReleases(t)
	pg := lab.PostgresWith(t, lab.PGOptions{Fsync: true})
	c := Config{PG: pg.PG, From: from, To: to, Rounds: 7, Feeds: 4, Items: 250, Log: testLog{t}}
	figures, err := Compare(t.Context(), c, Script(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(figures[0])
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
