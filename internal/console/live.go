package console

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/hub/ask"
)

// Times of watching.
const (
	keepAlive   = 15 * time.Second // without news something is sent, so that who has gone is noticed
	sendWithin  = 20 * time.Second // a browser that takes longer for its news is given up
	reconnectIn = 2 * time.Second
)

// live sends what happens in a run as server-sent events: run, the page's middle
// anew; bar; log, further lines. The id of an event is the place in the log, so
// that a browser that comes back goes on there; where the run is it is told anew.
// Whatever goes wrong ends the stream with 200: then browsers come back by
// themselves, and with the id. Only a session that has ended ends it for good.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	v := p.visit(w, r)
	_, err := v.ask.Who(r.Context())
	if err == nil {
		err = p.follow(v)
	}
	if err == nil {
		return
	}
	s := v.stream()
	_ = s.send(fmt.Sprintf("retry: %d\n\n", reconnectIn.Milliseconds())) // who has gone hears nothing
	if ask.KindOf(err) == ask.Denied {
		if text, err := v.part("run", "part-denied", v.session); err == nil {
			_ = s.event("run", 0, text) // likewise
			_ = s.event("over", 0, "")  // likewise
		}
	}
}

// stream begins to send events.
func (v *visit) stream() *stream {
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	return &stream{w: v.w, ctl: http.NewResponseController(v.w)}
}

func (p *Page) follow(v *visit) error {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		return &ask.Error{Kind: ask.Gone, Text: fmt.Sprintf("%d browsers watch runs already", streamsMost)}
	}
	q := ask.WatchQuery{Installation: v.id(), Run: v.r.PathValue("run")}
	for _, at := range []string{v.r.Header.Get("Last-Event-ID"), v.r.URL.Query().Get("log")} {
		if n, err := strconv.ParseInt(at, 10, 64); err == nil && n >= 0 {
			q.Log = n
			break
		}
	}
	s := v.stream()
	if err := s.send(fmt.Sprintf("retry: %d\n\n", reconnectIn.Milliseconds())); err != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(v.r.Context())
	defer cancel()
	beats, done := make(chan ask.Beat), make(chan error, 1)
	go func() {
		done <- v.ask.Watch(ctx, q, func(b ask.Beat) error {
			select {
			case beats <- b:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	for {
		var err error
		select {
		case b := <-beats:
			err = v.beat(s, b)
		case <-idle.C:
			err = s.send(": still here\n\n")
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				p.Log.Debug("a watcher is sent away", "why", err)
			}
			return nil
		}
		if err != nil {
			return nil // the browser has gone
		}
	}
}

// beat sends one beat.
func (v *visit) beat(s *stream, b ask.Beat) error {
	if len(b.Lines) > 0 {
		if err := s.event("log", b.Log, html.EscapeString(strings.Join(b.Lines, "\n"))+"\n"); err != nil {
			return err
		}
	}
	if b.Run != nil {
		text, err := v.part("run", "part-run", v.story(*b.Run))
		if err != nil {
			return err
		}
		if err := s.event("run", b.Log, text); err != nil {
			return err
		}
	}
	if b.Bar != nil {
		text, err := v.part("run", "part-bar", *b.Bar)
		if err != nil {
			return err
		}
		if err := s.event("bar", b.Log, text); err != nil {
			return err
		}
	}
	if b.Over {
		return s.event("over", b.Log, "")
	}
	return nil
}

// stream is a browser that listens.
type stream struct {
	w   io.Writer
	ctl *http.ResponseController
}

// event sends an event. Every line of its text is one of the protocol's.
func (s *stream) event(name string, id int64, text string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "event: %s\nid: %d\n", name, id)
	for l := range strings.SplitSeq(strings.ReplaceAll(text, "\r", " "), "\n") {
		b.WriteString("data: " + l + "\n")
	}
	return s.send(b.String() + "\n")
}

func (s *stream) send(text string) error {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(sendWithin)) // tests have none
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.ctl.Flush()
}
