// Package sse sends what happens in a run as server-sent events, to browsers and
// to programs. It imports package ask and the standard library.
package sse

import (
	"context"
	"fmt"
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
	sendWithin  = 20 * time.Second // who takes longer for the news is given up
	reconnectIn = 2 * time.Second
)

// Stream is somebody who listens.
type Stream struct {
	w   io.Writer
	ctl *http.ResponseController
}

// Begin begins to send events, and says how soon to come back.
func Begin(w http.ResponseWriter) *Stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	s := &Stream{w: w, ctl: http.NewResponseController(w)}
	_ = s.send(fmt.Sprintf("retry: %d\n\n", reconnectIn.Milliseconds())) // who has gone is noticed at the next event
	return s
}

// Place is where in the log whoever comes back, or begins, wants to go on: what
// the last event said, or the address.
func Place(r *http.Request) int64 {
	for _, at := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("log")} {
		if n, err := strconv.ParseInt(at, 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return 0
}

// Follow hands on what watch tells until it ends, with its error, or whoever
// listens has gone.
func (s *Stream) Follow(ctx context.Context, watch func(context.Context, func(ask.Beat) error) error, beat func(ask.Beat) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beats, done := make(chan ask.Beat), make(chan error, 1)
	go func() {
		done <- watch(ctx, func(b ask.Beat) error {
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
			err = beat(b)
		case <-idle.C:
			err = s.send(": still here\n\n")
		case err := <-done:
			return err
		}
		if err != nil {
			return nil
		}
	}
}

// Event sends an event. Every line of its text is one of the protocol's.
func (s *Stream) Event(name string, id int64, text string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "event: %s\nid: %d\n", name, id)
	for l := range strings.SplitSeq(strings.ReplaceAll(text, "\r", " "), "\n") {
		b.WriteString("data: " + l + "\n")
	}
	return s.send(b.String() + "\n")
}

func (s *Stream) send(text string) error {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(sendWithin)) // tests have none
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.ctl.Flush()
}
