package local

import (
	"context"
	"path/filepath"
	"time"

	"upkeep/internal/hub/ask"
)

// beatEvery is how often it is looked whether something is to be told.
const beatEvery = 250 * time.Millisecond

// Watch implements ask.Engine. It tells at once where the run is, then what
// changes, until the run is closed. It neither starts nor ends anything.
func (e *Engine) Watch(ctx context.Context, q ask.WatchQuery, tell func(ask.Beat) error) error {
	in, err := e.open(ctx, q.Installation)
	if err == nil {
		err = knows(ctx, in, q.Run)
	}
	if err != nil {
		return err
	}
	room, leave := e.join(ask.RunQuery{Installation: q.Installation, Run: q.Run})
	defer leave()
	log := tail{path: filepath.Join(in.RunDir(q.Run), "log")}
	log.skipTo(q.Log)
	var seen news
	last := false
	for {
		now, changed := room.look()
		if now.err != nil {
			return now.err
		}
		lines := log.lines()
		if log.err != nil {
			return told(log.err)
		}
		full := log.at < log.size && lines != nil
		over := now.runs > 0 && now.run.Going == "" && !full
		b := ask.Beat{Lines: lines, Log: log.at, Over: over && last}
		switch {
		case now.runs != seen.runs || b.Over:
			b.Run = &now.run
		case now.bars != seen.bars:
			b.Bar = &now.run.Bar
		}
		if b.Run != nil || b.Bar != nil || len(lines) > 0 {
			if err := tell(b); err != nil || b.Over {
				return err
			}
		}
		seen, last = now, over // what an engine writes while it ends comes too
		if full {
			continue
		}
		pause := e.pause(room)
		if pause > beatEvery {
			changed = nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-time.After(pause):
		}
	}
}

// Log implements ask.Engine.
func (e *Engine) Log(ctx context.Context, q ask.LogQuery) (ask.Log, error) {
	in, err := e.open(ctx, q.Installation)
	if err == nil {
		err = knows(ctx, in, q.Run)
	}
	if err != nil {
		return ask.Log{}, err
	}
	t := tail{path: filepath.Join(in.RunDir(q.Run), "log")}
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
