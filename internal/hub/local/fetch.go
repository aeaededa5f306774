package local

import (
	"context"
	"errors"
	"sync"

	"upkeep/internal/hub/ask"
	"upkeep/internal/manage"
)

// fetches are the fetches that people have asked for on the page, one for an
// installation. They go on when who asked has gone; what was brought stays when
// the engine side ends, and a new one goes on there.
type fetches struct {
	mu  sync.Mutex
	now map[string]*ask.Fetching // by installation
}

// Fetch implements ask.Engine.
func (e *Engine) Fetch(ctx context.Context, by string, w ask.Wish) (ask.Fetching, error) {
	in, req, err := e.wished(ctx, w, by)
	if err != nil {
		return ask.Fetching{}, err
	}
	f := &e.fetches
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil {
		f.now = map[string]*ask.Fetching{}
	}
	if is := f.now[w.Installation]; is != nil && is.Going {
		return *is, nil
	}
	is := &ask.Fetching{Known: true, Going: true, By: by}
	f.now[w.Installation] = is
	go e.fetch(context.WithoutCancel(ctx), in, req, is)
	return *is, nil
}

func (e *Engine) fetch(ctx context.Context, in *manage.Installation, req manage.Request, is *ask.Fetching) {
	f := &e.fetches
	tell := func(file string, done, total int64) {
		f.mu.Lock()
		defer f.mu.Unlock()
		is.File, is.Done, is.Total = file, done, total
	}
	files, bytes, err := bring(ctx, in, req, tell)
	f.mu.Lock()
	defer f.mu.Unlock()
	is.Going, is.Files, is.Bytes = false, files, bytes
	if err != nil {
		is.Error = err.Error()
	}
}

// bring fetches what a plan has to look into, and what it would install.
func bring(ctx context.Context, in *manage.Installation, req manage.Request, tell func(string, int64, int64)) (files int, bytes int64, err error) {
	p, err := in.Prepare(ctx, req)
	var needs *manage.NeedsPayloadError
	if errors.As(err, &needs) {
		got, err := in.FetchNeeded(ctx, needs, tell)
		return got.Files, got.Bytes, err
	}
	var absent *manage.AbsentError
	if errors.As(err, &absent) {
		f, err := in.FirstOf(ctx, req)
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		got, err := f.In.FetchAll(ctx, f.Prepared, tell)
		return got.Files, got.Bytes, err
	}
	if err != nil { // what refuses a plan does not refuse to fetch
		got, ferr := in.FeedFetch(ctx, req.To, tell)
		return got.Files, got.Bytes, ferr
	}
	defer p.Close()
	got, err := in.FetchAll(ctx, p, tell)
	return got.Files, got.Bytes, err
}

// Fetching implements ask.Engine.
func (e *Engine) Fetching(_ context.Context, _ string, q ask.Of) (ask.Fetching, error) {
	f := &e.fetches
	f.mu.Lock()
	defer f.mu.Unlock()
	if is := f.now[q.Installation]; is != nil {
		return *is, nil
	}
	return ask.Fetching{}, nil
}
