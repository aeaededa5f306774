package hub

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// history is an engine side that starts runs.
type history struct {
	ask.Engine
	now    func() time.Time
	runs   []ask.Run
	starts int
	fail   error
	hold   chan struct{}
}

func (h *history) Start(_ context.Context, by string, y ask.Yes) (ask.Started, error) {
	h.starts++
	if h.hold != nil {
		h.hold <- struct{}{}
		<-h.hold
	}
	if h.fail != nil {
		return ask.Started{}, h.fail
	}
	if y.Key != "" {
		return ask.Started{}, errors.New("the key is the hub's business")
	}
	id := fmt.Sprint("r", h.starts)
	h.runs = append(h.runs, ask.Run{RunRow: ask.RunRow{ID: id, By: by, Opened: h.now()}, Digest: y.Digest})
	return ask.Started{Run: id}, nil
}
func (h *history) Runs(context.Context, ask.RunsQuery) (ask.Runs, error) {
	var out ask.Runs
	for _, r := range slices.Backward(h.runs) {
		out.Rows = append(out.Rows, r.RunRow)
	}
	return out, nil
}
func (h *history) Run(_ context.Context, q ask.RunQuery) (ask.Run, error) {
	for _, r := range h.runs {
		if r.ID == q.Run {
			return r, nil
		}
	}
	return ask.Run{}, errors.New("there is none")
}

// TestOnce: a start with a key happens once, whatever becomes of the answer and of
// the hub in between.
func TestOnce(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	clock := func() time.Time { return now }
	files, h := folder{}, &history{now: clock}
	start := func(by, key, digest string) (ask.Started, error) {
		s := New(h, nil, nil).ForMachines(nil, NewStarts(files, clock), false) // the hub was started anew each time
		return s.once(h.Start)(t.Context(), by, ask.Yes{Wish: ask.Wish{Installation: "shop"}, Digest: digest, Key: key})
	}
	for _, tt := range []struct {
		by, key, digest string
		run             string
		starts          int
	}{
		{"ci", "a", "d1", "r1", 1},
		{"ci", "a", "d1", "r1", 1},
		{"ci", "b", "d1", "r2", 2},    // another key is another start
		{"ci", "", "d1", "r3", 3},     // none as well
		{"other", "a", "d1", "r4", 4}, // another's key is another key
	} {
		got, err := start(tt.by, tt.key, tt.digest)
		if err != nil || got.Run != tt.run || h.starts != tt.starts {
			t.Errorf("%+v: %+v, %v after %d starts", tt, got, err, h.starts)
		}
	}
	if _, err := start("ci", "a", "d2"); ask.KindOf(err) != ask.Invalid || h.starts != 4 {
		t.Errorf("the key for another plan: %v", err)
	}
	if _, err := start("ci", strings.Repeat("x", keyMost+1), "d1"); ask.KindOf(err) != ask.Invalid {
		t.Errorf("a long key: %v", err)
	}
	// killed before the run was written down: it is found, the first one since
	for name, raw := range files {
		files[name] = []byte(regexp.MustCompile(`,"run":"r[0-9]+"`).ReplaceAllString(string(raw), ""))
	}
	if got, err := start("ci", "a", "d1"); err != nil || got.Run != "r1" {
		t.Errorf("after a kill: %+v, %v", got, err)
	}
	// one that failed is tried again
	h.fail = &ask.Error{Kind: ask.Refused, Text: "no room"}
	if _, err := start("ci", "c", "d3"); ask.KindOf(err) != ask.Refused {
		t.Error(err)
	}
	h.fail = nil
	if got, err := start("ci", "c", "d3"); err != nil || got.Run != "r6" {
		t.Errorf("after a failure: %+v, %v", got, err)
	}
	now = now.Add(keyLasts)
	if got, err := start("ci", "a", "d1"); err != nil || got.Run != "r7" {
		t.Errorf("after two days: %+v, %v", got, err)
	}
	if len(files) != 1 {
		t.Errorf("%d starts are remembered for good", len(files))
	}
}

func TestOnceAtATime(t *testing.T) {
	h := &history{now: time.Now, hold: make(chan struct{})}
	s := New(h, nil, nil).ForMachines(nil, NewStarts(folder{}, time.Now), false)
	y := ask.Yes{Digest: "d", Key: "k"}
	done := make(chan error)
	go func() {
		_, err := s.once(h.Start)(t.Context(), "ci", y)
		done <- err
	}()
	<-h.hold
	if _, err := s.once(h.Start)(t.Context(), "ci", y); ask.KindOf(err) != ask.Busy {
		t.Errorf("a second one meanwhile: %v", err)
	}
	h.hold <- struct{}{}
	if err := <-done; err != nil || h.starts != 1 {
		t.Errorf("%v after %d starts", err, h.starts)
	}
}

// noRoom keeps nothing.
type noRoom struct{ folder }

func (noRoom) Write(string, []byte) error { return errors.New("no space left on device") }

func TestOnceFullDisk(t *testing.T) {
	h := &history{now: time.Now}
	s := New(h, nil, nil).ForMachines(nil, NewStarts(noRoom{folder{}}, time.Now), false)
	if _, err := s.once(h.Start)(t.Context(), "ci", ask.Yes{Digest: "d", Key: "k"}); err == nil || !strings.Contains(err.Error(), "nothing was started") || h.starts != 0 {
		t.Errorf("%v after %d starts", err, h.starts)
	}
}
