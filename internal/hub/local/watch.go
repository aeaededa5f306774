package local

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"upkeep/internal/cli/live"
	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// Times of watching.
const (
	beatEvery = 250 * time.Millisecond // at most so often is something told
	lookEvery = 2 * time.Second        // so often it is looked whether the run's engine lives
)

// tailOfEvents is how much of a run's events tells how far the step under way
// is, in bytes.
const tailOfEvents = 64 << 10

// watcher follows the events of a run.
type watcher struct {
	in      *manage.Installation
	track   *live.Track
	events  tail
	changed bool // a step began or ended
}

func newWatcher(in *manage.Installation, r *manage.Run) *watcher {
	w := &watcher{in: in, track: live.NewTrack(r.Plan, in.Forecast(r.ID).Steps, r.Opened), events: tail{path: filepath.Join(r.Dir, "events.jsonl")}}
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
	b := ask.Bar{Fraction: w.track.Fraction(now), Line: w.track.Line}
	b.N, b.Of = w.track.Position()
	b.Left, b.LeftOK = w.track.Left(now)
	if w.track.Current.ID != "" {
		b.Title = live.Title(w.track.Current, w.track.Dir)
	}
	return b
}

// Watch implements ask.Engine. It tells at once where the run is, then what
// changes, until the run is closed. It neither starts nor ends anything.
func (e *Engine) Watch(ctx context.Context, q ask.WatchQuery, tell func(ask.Beat) error) error {
	in, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		return err
	}
	w := newWatcher(in, r)
	w.events.skipTo(-tailOfEvents)
	log := tail{path: filepath.Join(r.Dir, "log")}
	log.skipTo(q.Log)
	looked, last := time.Now(), false
	w.changed = true
	for {
		now := time.Now()
		moved := w.take(w.events.lines())
		if w.changed || now.Sub(looked) >= lookEvery {
			was := going(r)
			if _, r, err = e.run(ctx, q.Installation, q.Run); err != nil {
				return err
			}
			looked, w.changed = now, w.changed || going(r) != was
		}
		over := !r.Closed.IsZero()
		lines := log.lines()
		if log.err != nil {
			return told(log.err)
		}
		full := log.at < log.size && lines != nil
		b := ask.Beat{Lines: lines, Log: log.at, Over: over && last && !full}
		if bar := w.bar(now); w.changed || b.Over {
			v := view(in, r, bar, now)
			b.Run, w.changed = &v, false
		} else if moved {
			b.Bar = &bar
		}
		if b.Run != nil || b.Bar != nil || len(lines) > 0 {
			if err := tell(b); err != nil || b.Over {
				return err
			}
		}
		last = over // what an engine writes while it ends comes too
		if full {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(beatEvery):
		}
	}
}

// Log implements ask.Engine.
func (e *Engine) Log(ctx context.Context, q ask.LogQuery) (ask.Log, error) {
	_, r, err := e.run(ctx, q.Installation, q.Run)
	if err != nil {
		return ask.Log{}, err
	}
	t := tail{path: filepath.Join(r.Dir, "log")}
	t.skipTo(q.From)
	out := ask.Log{From: t.at, Lines: t.lines()}
	if t.err != nil {
		return ask.Log{}, told(t.err)
	}
	if out.Lines == nil {
		out.Lines = []string{}
	}
	out.Next, out.Size = t.at, t.size
	return out, nil
}
