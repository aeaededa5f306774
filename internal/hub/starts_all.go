package hub

import (
	"context"
	"time"

	"upkeep/internal/hub/ask"
)

// allOnce has a start of several upgrades that bears a key happen once. They live
// in this process: what was started before it is told of no more, and is not
// started again.
func (s *Server) allOnce(start func(context.Context, string, ask.Together) (ask.Batch, error)) func(context.Context, string, ask.Together) (ask.Batch, error) {
	return func(ctx context.Context, by string, q ask.Together) (ask.Batch, error) {
		key := q.Key
		q.Key = ""
		if key == "" {
			return start(ctx, by, q)
		}
		name, give, err := s.take(by, key)
		if err != nil {
			return ask.Batch{}, err
		}
		defer give()
		was, again, err := s.starts.begin(name, startSum(q))
		switch {
		case err != nil:
			return ask.Batch{}, err
		case again:
			return s.batchOf(ctx, by, was)
		}
		out, err := start(ctx, by, q)
		if err != nil { // nothing was started: the same key may try again
			if err := s.starts.folder.Remove(name); err != nil {
				s.log.Warn("a start that failed keeps its key", "why", err)
			}
			return out, err
		}
		was.Run = out.Began.UTC().Format(time.RFC3339Nano)
		if err := s.starts.write(name, was); err != nil {
			s.log.Warn("a start of several upgrades with a key is found by its time alone", "why", err)
		}
		return out, nil
	}
}

// batchOf gives the upgrades that were started with a key.
func (s *Server) batchOf(ctx context.Context, by string, was started) (ask.Batch, error) {
	b, err := s.engine.Batch(ctx)
	if err != nil {
		return b, err
	}
	began := b.Began.UTC().Format(time.RFC3339Nano)
	if b.By == by && (began == was.Run || was.Run == "" && !b.Began.Before(was.At)) {
		return b, nil
	}
	return ask.Batch{}, &ask.Error{Kind: ask.Moved, Text: "what was started with this key is told of no more, since the hub was started anew or others were started together since: nothing was started now",
		Reasons: []string{"the history of each installation says what has become of it; start what is left with another key"}}
}
