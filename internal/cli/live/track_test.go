package live_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"upkeep/internal/cli/live"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

var began = time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)

func at(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }

func shop() *plan.Plan {
	s := func(id, phase, title, back string) plan.Step {
		return plan.Step{ID: id, Phase: phase, Title: title, Back: back, Class: plan.Reversible}
	}
	p := &plan.Plan{Steps: []plan.Step{s("stage", "stage", "unpack app 3.1", "remove what was unpacked"), s("stop", "stop", "stop web", "start web again, as it was"),
		s("migrate", "migrate", "migrate database", "leave database to the restore point"),
		{ID: "m", Class: plan.Control}, s("clean-up", "clean-up", "remove what is no longer needed", "")}}
	p.Steps[4].Tolerated = true
	return p
}

func track() *live.Track {
	return live.NewTrack(shop(), map[string]time.Duration{"stage": 10 * time.Second, "stop": time.Second, "migrate": 20 * time.Second}, began)
}

func begin(sec int, id string, dir run.Direction) manage.Event {
	return manage.Event{At: at(sec), Kind: manage.EventBegan, Step: id, Dir: dir}
}

func end(sec int, id string, dir run.Direction, fault string) manage.Event {
	return manage.Event{At: at(sec), Kind: manage.EventEnded, Step: id, Dir: dir, Ended: &run.Ended{OK: fault == "", Error: fault, Took: 1500 * time.Millisecond}}
}

func output(text string) manage.Event { return manage.Event{Kind: manage.EventLine, Text: text} }

func progress(done, total int64, unit string) manage.Event {
	return manage.Event{Kind: manage.EventProgress, Progress: &step.Progress{Done: done, Total: total, Unit: unit}}
}

func until(sec int, line string) manage.Event {
	return manage.Event{Kind: manage.EventProgress, Progress: &step.Progress{Line: line, Until: at(sec)}}
}

func TestBar(t *testing.T) {
	time.Local = time.UTC
	tests := []struct {
		name   string
		events []manage.Event
		width  int
		want   string
	}{
		{"a step by its forecast", []manage.Event{begin(0, "stage", run.Do)}, 100,
			"━━━━──────────────────────────│step 1 of 4 · stage · 0:05 · about 26 s left · 22:00:31│▸ unpack app 3.1│"},
		{"a step by its progress", []manage.Event{begin(0, "stage", run.Do), progress(50<<20, 100<<20, "bytes")}, 100,
			"━━━━──────────────────────────│step 1 of 4 · stage · 0:05 · about 26 s left · 22:00:31│▸ unpack app 3.1│  50.0 MiB of 100.0 MiB"},
		{"the last line of its output", []manage.Event{begin(0, "migrate", run.Do), progress(2, 8, "files"), output("row 17\x1b[2J")}, 100,
			"━━━━━━━━━━━━━━━━━─────────────│step 3 of 4 · migrate · 0:05 · about 26 s left · 22:00:31│▸ migrate database│  row 17 [2J"},
		{"a rehearsal tells the end", []manage.Event{begin(0, "migrate", run.Do), until(9, "script 1 of 2: x.sql")}, 100,
			"━━━━━━━━━━━━━━━━━─────────────│step 3 of 4 · migrate · 0:05 · about 15 s left · 22:00:20│▸ migrate database│  script 1 of 2: x.sql · until 22:00:09, as on a copy of the data"},
		{"longer than rehearsed", []manage.Event{begin(0, "migrate", run.Do), until(2, "script 1 of 2: x.sql")}, 100,
			"━━━━━━━━━━━━━━━━━─────────────│step 3 of 4 · migrate · 0:05 · about 11 s left · 22:00:16│▸ migrate database│  script 1 of 2: x.sql · 3.0 s longer than on a copy of the data"},
		{"a narrow terminal", []manage.Event{begin(0, "stage", run.Do), output(strings.Repeat("long ", 20))}, 40,
			"━─────────│step 1 of 4 · stage · 0:05│▸ unpack app 3.1│  long long long long long long long lo…"},
		{"the way back", []manage.Event{begin(0, "migrate", run.Do), end(1, "migrate", run.Do, "no"), begin(2, "stop", run.Undo)}, 100,
			"━━━━━━━━━━━━━━━───────────────│back, 2 left · stop · 0:05│▸ start web again, as it was│"},
		{"nearly done", []manage.Event{end(1, "stage", run.Do, ""), end(1, "stop", run.Do, ""), end(1, "migrate", run.Do, ""), begin(2, "clean-up", run.Do)}, 100,
			"━━━━━━━━━━━━━━━━━━━━━━━───────│step 4 of 4 · clean-up · 0:05 · nearly done│▸ remove what is no longer needed│"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := track()
			for _, e := range tt.events {
				tr.Apply(e)
			}
			got := ansi.Strip(tr.Status(at(5), tt.width))
			bar, rest, _ := strings.Cut(got, " ")
			if d := cmp.Diff(tt.want, bar+"│"+strings.ReplaceAll(rest, "\n", "│")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Whatever happens, the moving part is three lines that keep to their width.
func TestBarKeepsItsWidth(t *testing.T) {
	for width := 40; width <= 160; width++ {
		tr := track()
		tr.Plan.Steps[0].Title = strings.Repeat("wide 漢字 ", 30)
		tr.Apply(begin(0, "stage", run.Do))
		tr.Apply(output(strings.Repeat("漢", 300)))
		text := tr.Status(at(4000), width)
		if n := strings.Count(text, "\n"); n != 2 {
			t.Fatalf("%d lines at %d", n+1, width)
		}
		for l := range strings.Lines(text) {
			if n := lipgloss.Width(strings.TrimSuffix(l, "\n")); n > width {
				t.Errorf("at %d a line is %d wide: %q", width, n, ansi.Strip(l))
			}
		}
	}
}

// script gives events as an engine would.
type script struct {
	events []manage.Event
	run    *manage.Run
	err    error
	hold   bool // until nobody watches any more
	slow   time.Duration
}

func (s script) Attach(ctx context.Context, _ string, _ int64, sink func(manage.Event)) (*manage.Run, error) {
	for _, e := range s.events {
		sink(e)
		time.Sleep(s.slow)
	}
	if s.hold {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return s.run, s.err
}

var failing = []manage.Event{begin(0, "stage", run.Do), end(1, "stage", run.Do, ""), begin(1, "migrate", run.Do), output("\x1b[31mred"),
	{Kind: manage.EventNote, Text: "ended 2\x07 processes"}, end(3, "migrate", run.Do, "duplicate key\nDETAIL: \x1b[2Jgone"),
	begin(3, "migrate", run.Undo), end(4, "migrate", run.Undo, ""), begin(4, "clean-up", run.Do), end(5, "clean-up", run.Do, "no such file"), begin(9, "nobody knows", run.Do)}

func TestPlainLines(t *testing.T) {
	time.Local = time.UTC
	var out bytes.Buffer
	want := &manage.Run{}
	r, err := live.Plain(t.Context(), &out, script{events: failing, run: want}, "r", 0, track())
	if r != want || err != nil {
		t.Errorf("it ended with %v, %v", r, err)
	}
	d := cmp.Diff(`22:00:01 [ 1/4] ✓ unpack app 3.1 1.5 s
  ended 2  processes
22:00:03 [ 3/4] ✗ migrate database 1.5 s
    duplicate key
    DETAIL: [2Jgone
↩ going back
22:00:04 [ 3/4] ✓ leave database to the restore point 1.5 s
▸ once more
22:00:05 [ 4/4] ! remove what is no longer needed 1.5 s
    no such file
`, ansi.Strip(out.String()))
	if d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	lost := errors.New("lost")
	if _, err := live.Plain(t.Context(), io.Discard, script{err: lost}, "r", 0, track()); !errors.Is(err, lost) {
		t.Errorf("an error of the engine becomes %v", err)
	}
}

// glass is a terminal: what stands on it after all that was written to it.
type glass struct {
	mu    sync.Mutex
	lines []string
	row   int
	col   int
	width int
}

func (g *glass) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for text := ansi.Strip(keep.Replace(string(b))); text != ""; {
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch r {
		case '\n':
			g.row, g.col = g.row+1, 0
		case '\r':
			g.col = 0
		case up:
			g.row = max(0, g.row-1)
		case wipe:
			if g.row < len(g.lines) {
				g.lines = g.lines[:g.row+1]
				g.lines[g.row] = string([]rune(g.lines[g.row])[:g.col])
			}
		default:
			for len(g.lines) <= g.row {
				g.lines = append(g.lines, "")
			}
			line := []rune(g.lines[g.row])
			if g.col >= g.width {
				panic("a line is wider than the terminal: " + string(line))
			}
			g.lines[g.row] = string(append(line[:min(g.col, len(line))], r))
			g.col++
		}
	}
	return len(b), nil
}

func (g *glass) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.lines, "\n")
}

// what moves the cursor, as single letters of no alphabet
const up, wipe = '\ue000', '\ue001'

var keep = strings.NewReplacer("\x1b[1A", string(up), "\x1b[2A", string(up)+string(up), "\x1b[J", string(wipe))

// What stood on the terminal stays, every line of the run follows once and in
// order, and the bar is gone at the end.
func TestScreen(t *testing.T) {
	time.Local = time.UTC
	for _, width := range []int{40, 60, 100} {
		g := &glass{width: width}
		_, _ = g.Write([]byte("the plan\nUpgrade? y\n"))
		want := &manage.Run{}
		r, err := live.Screen(t.Context(), g, func() int { return width }, script{events: failing, run: want, slow: 30 * time.Millisecond}, "r", 0, track())
		if r != want || err != nil {
			t.Errorf("it ended with %v, %v", r, err)
		}
		lines := []string{"the plan", "Upgrade? y", "✓ unpack app 3.1 1.5 s", "  ended 2  processes", "✗ migrate database 1.5 s", "    duplicate key", "    DETAIL: [2Jgone", "↩ going back",
			"✓ leave database to the restore point", "! remove what is no longer needed", "    no such file"}
		got := g.text()
		for _, l := range lines {
			i := strings.Index(got, l)
			if i < 0 {
				t.Fatalf("at %d there is no %q behind what was before:\n%s", width, l, g.text())
			}
			got = got[i+len(l):]
		}
		if strings.Contains(g.text(), "step ") || strings.Contains(g.text(), "━") {
			t.Errorf("the bar is left:\n%s", g.text())
		}
	}
}

// The bar is there while nothing happens.
func TestScreenShowsTheBar(t *testing.T) {
	g := &glass{width: 80}
	ctx, stop := context.WithCancel(t.Context())
	seen := make(chan bool, 1)
	go func() {
		defer stop()
		for range 200 {
			if strings.Contains(g.text(), "step 1 of 4") {
				seen <- true
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		seen <- false
	}()
	// whoever stops watching leaves the run going
	_, err := live.Screen(ctx, g, func() int { return 80 }, script{events: failing[:1], hold: true}, "r", 0, track())
	if !errors.Is(err, live.ErrDetached) || !<-seen {
		t.Errorf("it ended with %v\n%s", err, g.text())
	}
	if g.text() != "" {
		t.Errorf("the bar is left:\n%s", g.text())
	}
}
