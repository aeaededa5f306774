package local

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/cli/live"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// lookEvery is how often it is looked whether the run's engine lives, where no
// event tells that something has changed.
const lookEvery = 2 * time.Second

// tailOfEvents is how much of a run's events tells how far the step under way
// is, in bytes.
const tailOfEvents = 64 << 10

// room is where those are who watch one run: it is looked at once for all of
// them.
type room struct {
	stop     context.CancelFunc
	watchers int // guarded by the engine's mutex

	mu      sync.Mutex
	latest  news
	changed chan struct{} // closed when latest is another one
}

// news is how a run stands. The counts say which of it is new to somebody.
type news struct {
	run        ask.Run
	runs, bars int
	err        error
}

// join gives the room of a run, and what is to be called at the end.
func (e *Engine) join(q ask.RunQuery) (*room, func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.rooms[q]
	if r == nil {
		ctx, stop := context.WithCancel(context.Background())
		r = &room{stop: stop, changed: make(chan struct{})}
		e.rooms[q] = r
		go e.report(ctx, q, r)
	}
	r.watchers++
	return r, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.watchers--; r.watchers == 0 {
			r.stop()
			delete(e.rooms, q)
		}
	}
}

// crowd is of how many watchers on each hears less often: the computer is the run's
// first.
const crowd = 50

// pause is how long a watcher of the room waits for news.
func (e *Engine) pause(r *room) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return beatEvery * time.Duration(1+r.watchers/crowd)
}

func (r *room) look() (news, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest, r.changed
}

func (r *room) tell(n news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = n
	close(r.changed)
	r.changed = make(chan struct{})
}

// report looks at the run until nobody watches any more, or it is closed.
func (e *Engine) report(ctx context.Context, q ask.RunQuery, room *room) {
	var n news
	fail := func(err error) {
		if ctx.Err() == nil {
			n.err = err
			room.tell(n)
		}
	}
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		fail(err)
		return
	}
	w := newWatcher(in, r)
	w.events.skipTo(-tailOfEvents)
	looked, again := time.Now(), true
	for {
		now := time.Now()
		moved := w.take(w.events.lines())
		if again = again || w.changed; again || now.Sub(looked) >= lookEvery {
			if _, r, err = e.run(ctx, q.Installation, q.Run); err != nil {
				fail(err)
				return
			}
			looked, again, w.changed = now, again || going(r) != n.run.Going, false // it changes with time alone, too
		}
		switch {
		case again:
			n.run = view(in, r, w.bar(now), now)
			n.runs++
			room.tell(n)
		case moved:
			n.run.Bar = w.bar(now)
			n.bars++
			room.tell(n)
		}
		again = false
		if n.run.Going == "" {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(beatEvery):
		}
	}
}

// watcher follows the events of a run.
type watcher struct {
	track   *live.Track
	events  tail
	changed bool // a step began or ended
}

func newWatcher(in *manage.Installation, r *manage.Run) *watcher {
	w := &watcher{track: live.NewTrack(r.Plan, in.Forecast(r.ID).Steps, r.Opened), events: tail{path: filepath.Join(r.Dir, "events.jsonl")}}
	w.track.Seek(r.State)
	return w
}

// take takes in events, and says whether there were any.
func (w *watcher) take(lines []string) bool {
	for _, l := range lines {
		var e manage.Event
		if json.Unmarshal([]byte(l), &e) != nil {
			continue // cut off by a power cut
		}
		w.track.Apply(e)
		w.changed = w.changed || e.Kind == manage.EventBegan || e.Kind == manage.EventEnded
	}
	return len(lines) > 0
}

func (w *watcher) bar(now time.Time) ask.Bar {
	b := ask.Bar{Fraction: max(0, w.track.Fraction(now)), Line: w.track.Line}
	b.N, b.Of = w.track.Position()
	b.Left, b.LeftOK = w.track.Left(now)
	if w.track.Current.ID != "" {
		b.Title = live.Title(w.track.Current, w.track.Dir)
	}
	return b
}
