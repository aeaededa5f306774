package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// batch is upgrades that are carried out one after the other. It lives in this
// process: each of its runs goes on without it, those that have not begun do not
// begin any more when it ends.
type batch struct {
	mu  sync.Mutex
	now ask.Batch
}

func (b *batch) look() ask.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.now
	out.Items = slices.Clone(b.now.Items)
	return out
}

func (b *batch) set(change func(*ask.Batch)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.now)
}

// Batch implements ask.Engine.
func (e *Engine) Batch(context.Context) (ask.Batch, error) {
	e.mu.Lock()
	b := e.together
	e.mu.Unlock()
	if b == nil {
		return ask.Batch{Items: []ask.BatchItem{}}, nil
	}
	return b.look(), nil
}

// togetherMost is how many upgrades are started together.
const togetherMost = 100

// StartAll implements ask.Engine. Each yes names the digest of a plan that was
// shown; one that has moved since is refused when its turn comes.
func (e *Engine) StartAll(ctx context.Context, by string, q ask.Together) (ask.Batch, error) {
	if len(q.Yeses) == 0 || len(q.Yeses) > togetherMost {
		return ask.Batch{}, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("%d upgrades cannot be started together: choose from 1 to %d", len(q.Yeses), togetherMost)}
	}
	b := &batch{now: ask.Batch{By: by, Began: time.Now(), Stop: q.Stop}}
	for i, y := range q.Yeses {
		if slices.ContainsFunc(q.Yeses[:i], func(o ask.Yes) bool { return o.Installation == y.Installation }) {
			return ask.Batch{}, &ask.Error{Kind: ask.Invalid, Text: fmt.Sprintf("%s is named twice: an installation has one upgrade at a time", y.Installation)}
		}
		b.now.Items = append(b.now.Items, ask.BatchItem{Installation: y.Installation, State: ask.BatchNext})
	}
	e.mu.Lock()
	if e.together != nil && e.together.look().Ended.IsZero() {
		who := e.together.look().By
		e.mu.Unlock()
		return ask.Batch{}, &ask.Error{Kind: ask.Refused, Text: fmt.Sprintf("several upgrades are under way already, started by %s: wait until they are over", who)}
	}
	e.together = b
	e.mu.Unlock()
	go e.oneByOne(context.WithoutCancel(ctx), by, q, b)
	return b.look(), nil
}

// oneByOne carries them out.
func (e *Engine) oneByOne(ctx context.Context, by string, q ask.Together, b *batch) {
	left := false
	for i, y := range q.Yeses {
		item := ask.BatchItem{Installation: y.Installation, State: ask.BatchLeft}
		if !left {
			b.set(func(s *ask.Batch) { s.Items[i].State = ask.BatchGoing })
			item = e.one(ctx, by, y, func(run string) { b.set(func(s *ask.Batch) { s.Items[i].Run = run }) })
			left = q.Stop && item.State != ask.BatchNew
		}
		b.set(func(s *ask.Batch) { s.Items[i] = item })
	}
	b.set(func(s *ask.Batch) { s.Ended = time.Now() })
}

// one starts an upgrade and waits until it is over, or waits for a person.
func (e *Engine) one(ctx context.Context, by string, y ask.Yes, began func(run string)) ask.BatchItem {
	out := ask.BatchItem{Installation: y.Installation, State: ask.BatchRefused}
	s, err := e.Start(ctx, by, y)
	if err != nil {
		var told *ask.Error
		if out.Why = err.Error(); errors.As(err, &told) {
			out.Reasons = told.Reasons
		}
		return out
	}
	out.Run = s.Run
	began(s.Run)
	for unread := 0; ; time.Sleep(lookEvery / 4) {
		_, r, err := e.run(ctx, y.Installation, s.Run)
		if err != nil {
			if unread++; unread < 20 {
				continue
			}
			out.State, out.Why = ask.BatchWaits, err.Error()
			return out
		}
		unread = 0
		switch going(r) {
		case ask.WaitsChoice, ask.AsksPerson, ask.Interrupted:
			out.State = ask.BatchWaits
			return out
		case "":
			row := runRow(r.Run)
			out.Version = row.Version
			out.State = map[ask.Result]ask.BatchState{ask.ResultNew: ask.BatchNew, ask.ResultOld: ask.BatchBack, ask.ResultMilestone: ask.BatchStopped}[row.Result]
			return out
		}
	}
}
