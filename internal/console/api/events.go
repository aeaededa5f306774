package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"upkeep/internal/console/sse"
	"upkeep/internal/hub/ask"
)

// Lines are further lines of a run's log.
type Lines struct {
	Lines []string `json:"lines"`
	Log   int64    `json:"log" jsonschema_description:"The place behind them, in bytes"`
}

// events follows a run. What is wrong at once is a problem; what goes wrong later
// is an event, after which programs come back.
func (m *Machines) events(c *call) (any, error) {
	if c.r.Method != http.MethodGet {
		return nil, &ask.Error{Kind: method, Text: "this address takes GET"}
	}
	select {
	case m.streams <- struct{}{}:
		defer func() { <-m.streams }()
	default:
		return nil, &ask.Error{Kind: ask.Gone, Text: fmt.Sprintf("%d programs watch runs already", streamsMost)}
	}
	if _, err := c.ask.Run(c.r.Context(), c.run()); err != nil {
		return nil, err
	}
	q := ask.WatchQuery{Installation: c.id(), Run: c.r.PathValue("run"), Log: sse.Place(c.r)}
	s := sse.Begin(c.w)
	at := q.Log
	err := s.Follow(c.r.Context(), func(ctx context.Context, tell func(ask.Beat) error) error { return c.ask.Watch(ctx, q, tell) },
		func(b ask.Beat) error {
			at = b.Log
			return beat(s, b)
		})
	if err != nil && !errors.Is(err, context.Canceled) {
		_ = send(s, "error", at, problemOf(err)) // who has gone hears nothing
	}
	return nil, nil
}

// beat sends one beat, the lines first: who is cut off behind them has them.
func beat(s *sse.Stream, b ask.Beat) error {
	if len(b.Lines) > 0 {
		if err := send(s, "log", b.Log, Lines{b.Lines, b.Log}); err != nil {
			return err
		}
	}
	if b.Run != nil {
		if err := send(s, "run", b.Log, b.Run); err != nil {
			return err
		}
	}
	if b.Bar != nil {
		if err := send(s, "bar", b.Log, b.Bar); err != nil {
			return err
		}
	}
	if b.Over {
		return send(s, "over", b.Log, struct{}{})
	}
	return nil
}

func send(s *sse.Stream, name string, at int64, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot write the event: %w", err)
	}
	return s.Event(name, at, string(raw))
}
