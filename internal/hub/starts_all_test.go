package hub

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"upkeep/internal/hub/ask"
)

// several is an engine side that starts several upgrades.
type several struct {
	ask.Engine
	now    func() time.Time
	batch  ask.Batch
	starts int
	fail   error
}

func (e *several) Batch(context.Context) (ask.Batch, error) { return e.batch, nil }
func (e *several) StartAll(_ context.Context, by string, q ask.Together) (ask.Batch, error) {
	if e.fail != nil {
		return ask.Batch{}, e.fail
	}
	e.starts++
	e.batch = ask.Batch{By: by, Began: e.now(), Items: []ask.BatchItem{{Installation: q.Yeses[0].Installation}}}
	return e.batch, nil
}

// TestAllOnce: several upgrades that are started with a key are started once, and
// never a second time for want of knowing.
func TestAllOnce(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	files, e := folder{}, &several{now: clock}
	start := func(by, key, digest string) (ask.Batch, error) {
		s := New(e, nil, slog.New(slog.DiscardHandler)).ForMachines(nil, NewStarts(files, clock), false)
		return s.allOnce(e.StartAll)(t.Context(), by, ask.Together{Yeses: []ask.Yes{{Wish: ask.Wish{Installation: "shop"}, Digest: digest}}, Key: key})
	}
	expect := func(what, by, key, digest string, kind ask.Kind, starts int) {
		t.Helper()
		b, err := start(by, key, digest)
		if kind == "" && (err != nil || b.By != by || len(b.Items) != 1) || kind != "" && ask.KindOf(err) != kind || e.starts != starts {
			t.Errorf("%s: %+v, %v after %d starts, want %q and %d", what, b, err, e.starts, kind, starts)
		}
	}
	refused := &ask.Error{Kind: ask.Refused, Text: "others are under way"}
	e.fail = refused
	expect("refused", "ci", "a", "d", ask.Refused, 0)
	e.fail = nil
	expect("again after it was refused", "ci", "a", "d", "", 1)
	e.fail = refused // nobody asks it
	expect("the same key", "ci", "a", "d", "", 1)
	expect("the same key for another plan", "ci", "a", "e", ask.Invalid, 1)
	for name, raw := range files { // killed before it was written down which they are
		files[name] = []byte(string(raw[:len(raw)-1-len(`,"run":"`)-len(e.batch.Began.Format(time.RFC3339Nano))-1]) + "}")
	}
	expect("not written down", "ci", "a", "d", "", 1)
	e.batch = ask.Batch{}
	expect("the hub was started anew", "ci", "a", "d", ask.Moved, 1)
	e.fail = nil
	expect("another's key", "other", "a", "d", "", 2)
	expect("another's came since", "ci", "a", "d", ask.Moved, 2)
	expect("no key", "ci", "", "d", "", 3)
	now = now.Add(keyLasts)
	expect("after two days", "ci", "a", "d", "", 4)
}
