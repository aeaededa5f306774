package console

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"

	"upkeep/internal/console/sse"
	"upkeep/internal/hub/ask"
)

// live sends what happens in a run as server-sent events: run, the page's middle
// anew; bar; log, further lines; cancel, empty when it cannot be cancelled any more. The id of an event is the place in the log, so
// that a browser that comes back goes on there; where the run is it is told anew.
// Whatever goes wrong ends the stream with 200: then browsers come back by
// themselves, and with the id. Only a session that has ended ends it for good.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	v := p.visit(w, r)
	_, err := v.ask.Who(r.Context())
	s := sse.Begin(w)
	if err == nil {
		err = p.follow(v, s)
	}
	if ask.KindOf(err) == ask.Denied {
		if text, err := v.part("run", "part-denied", v.session); err == nil {
			_ = s.Event("run", 0, text) // who has gone hears nothing
			_ = s.Event("over", 0, "")  // likewise
		}
	}
}

func (p *Page) follow(v *visit, s *sse.Stream) error {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		return &ask.Error{Kind: ask.Gone, Text: fmt.Sprintf("%d browsers watch runs already", streamsMost)}
	}
	q := ask.WatchQuery{Installation: v.id(), Run: v.r.PathValue("run"), Log: sse.Place(v.r)}
	err := s.Follow(v.r.Context(), func(ctx context.Context, tell func(ask.Beat) error) error { return v.ask.Watch(ctx, q, tell) },
		func(b ask.Beat) error { return v.beat(s, b) })
	if err != nil && !errors.Is(err, context.Canceled) {
		p.Log.Debug("a watcher is sent away", "why", err)
	}
	return err
}

// beat sends one beat.
func (v *visit) beat(s *sse.Stream, b ask.Beat) error {
	if len(b.Lines) > 0 {
		if err := s.Event("log", b.Log, html.EscapeString(strings.Join(b.Lines, "\n"))+"\n"); err != nil {
			return err
		}
	}
	if b.Run != nil {
		text, err := v.part("run", "part-run", v.story(*b.Run))
		if err != nil {
			return err
		}
		if err := s.Event("run", b.Log, text); err != nil {
			return err
		}
		if !b.Run.Cancel { // as long as it can be cancelled, somebody may be writing why
			if err := s.Event("cancel", b.Log, ""); err != nil {
				return err
			}
		}
	}
	if b.Bar != nil {
		text, err := v.part("run", "part-bar", *b.Bar)
		if err != nil {
			return err
		}
		if err := s.Event("bar", b.Log, text); err != nil {
			return err
		}
	}
	if b.Over {
		return s.Event("over", b.Log, "")
	}
	return nil
}
