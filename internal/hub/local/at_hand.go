package local

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// atHand is what was found in the folder of releases for an installation: reading
// bundles takes a while, so it is done once for what lies there and is installed.
type atHand struct {
	key  string
	is   manage.AtHand
	err  error
	done chan struct{}
	at   time.Time
}

// againAfter is when releases that could not be read are read again.
const againAfter = time.Minute

// failed says that it is time to try again.
func (h *atHand) failed() bool {
	select {
	case <-h.done:
		return h.err != nil && time.Since(h.at) > againAfter
	default:
		return false
	}
}

// releases puts in what lies in the folder that the hub was started with, where
// there is one. It is not waited for longer than for restore points.
func (e *Engine) releases(ctx context.Context, out *ask.Installation, k manage.Known) {
	if e.Releases == "" {
		return
	}
	key := fmt.Sprintln(manage.Stamp(e.Releases), k.Status.Record, k.Status.Found)
	e.mu.Lock()
	h := e.shelf[k.Document]
	if h == nil || h.key != key || h.failed() {
		h = &atHand{key: key, done: make(chan struct{}), at: time.Now()}
		e.shelf[k.Document] = h
		go func() {
			defer close(h.done)
			in, err := manage.Open(k.Document, e.Exe)
			if h.err = err; err == nil {
				h.is, h.err = in.NewestIn(context.WithoutCancel(ctx), e.Releases, *k.Status)
			}
		}()
	}
	e.mu.Unlock()
	select {
	case <-h.done:
	case <-ctx.Done():
		return
	case <-time.After(pointsWithin):
		return
	}
	if h.err != nil {
		return // the way to an upgrade says what is wrong with them
	}
	out.Published = ask.Published{Version: h.is.Version, Looked: h.at, Fetched: true}
	switch {
	case !h.is.Known:
	case h.is.Behind:
		out.Currency = ask.Behind
	default:
		out.Currency = ask.UpToDate
	}
}
