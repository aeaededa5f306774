// Package memory keeps a journal in memory: for tests of the engine and for
// the crash file system, where every operation must be a numbered one. It
// imports the model and package journal.
package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Journal is a journal that lasts as long as its value. The zero value is
// ready for use. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	entries []run.Entry
	Closed  []journal.Closing
	// Before, when set, is called before anything is written; its error
	// prevents it, as a crash or a full disk would.
	Before func(kind run.Kind, step string) error
	// After, when set, is called when the entry is durable; its error is given
	// to the caller, who must take it for a crash.
	After func(kind run.Kind, step string) error
}

// Append implements the engine's journal.
func (j *Journal) Append(_ context.Context, after int64, e run.Entry, body any) (run.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.append(after, e, body)
}

func (j *Journal) append(after int64, e run.Entry, body any) (run.Entry, error) {
	if j.Before != nil {
		if err := j.Before(e.Kind, e.Step); err != nil {
			return e, err
		}
	}
	if err := j.fresh(e, after); err != nil {
		return e, err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return e, fmt.Errorf("cannot write the entry %s: %w", e.Kind, err)
	}
	e.Seq, e.At, e.Body = int64(len(j.entries)+1), time.Now().UTC().Round(0), raw
	if len(j.entries) > 0 {
		e.Prev = j.entries[len(j.entries)-1].Hash
	}
	e.Hash = e.Sum()
	j.entries = append(j.entries, e)
	if j.After != nil {
		if err := j.After(e.Kind, e.Step); err != nil {
			return e, err
		}
	}
	return e, nil
}

// CloseRun implements the engine's journal.
func (j *Journal) CloseRun(ctx context.Context, after int64, id string, c journal.Closing) (run.Entry, error) {
	e, err := j.Append(ctx, after, run.Entry{Run: id, Kind: run.RunClosed}, c.Body)
	if err == nil {
		j.mu.Lock()
		j.Closed = append(j.Closed, c)
		j.mu.Unlock()
	}
	return e, err
}

// Entries implements the engine's journal.
func (j *Journal) Entries(_ context.Context, id string, after int64) ([]run.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []run.Entry
	for _, e := range j.entries {
		if e.Run == id && e.Seq > after {
			out = append(out, e)
		}
	}
	return out, nil
}

// fresh checks that the run is open and has no entry after the given one.
func (j *Journal) fresh(e run.Entry, after int64) error {
	for i := len(j.entries) - 1; i >= 0; i-- {
		switch last := j.entries[i]; {
		case last.Run != e.Run:
		case last.Seq != after:
			return journal.ErrStale
		case last.Kind == run.RunClosed:
			return fmt.Errorf("run %s is closed", e.Run)
		default:
			return nil
		}
	}
	if after != 0 || e.Kind != run.RunOpened {
		return fmt.Errorf("there is no run %s", e.Run)
	}
	return nil
}

// OpenRun opens a run of the plan, as the journal of record does.
func (j *Journal) OpenRun(_ context.Context, id string, _ *plan.Plan, opened run.Opened) (run.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	open := ""
	for _, e := range j.entries {
		switch e.Kind {
		case run.RunOpened:
			open = e.Run
		case run.RunClosed:
			open = ""
		}
	}
	if open != "" {
		return run.Entry{}, &journal.OpenRunError{Run: open}
	}
	return j.append(0, run.Entry{Run: id, Kind: run.RunOpened}, opened)
}

// Clone gives a journal of its own with the same entries, and without Before
// and After.
func (j *Journal) Clone() *Journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &Journal{entries: slices.Clone(j.entries), Closed: slices.Clone(j.Closed)}
}

// Last gives the last entry; the zero value when there is none.
func (j *Journal) Last() run.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == 0 {
		return run.Entry{}
	}
	return j.entries[len(j.entries)-1]
}

// Has says whether there is an entry of a kind.
func (j *Journal) Has(k run.Kind) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.entries, func(e run.Entry) bool { return e.Kind == k })
}
