// Package journaltest is the contract suite of journals: what the engine
// relies on, whatever keeps the entries. It may import the model, package
// journal and testing.
package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// Journal is what every journal can do.
type Journal interface {
	OpenRun(ctx context.Context, id string, p *plan.Plan, opened run.Opened) (run.Entry, error)
	Append(ctx context.Context, after int64, e run.Entry, body any) (run.Entry, error)
	CloseRun(ctx context.Context, after int64, id string, c journal.Closing) (run.Entry, error)
	Entries(ctx context.Context, id string, after int64) ([]run.Entry, error)
}

// Plan is a small plan to open runs of.
func Plan() *plan.Plan {
	p := &plan.Plan{Format: 1, Installation: "shop", Product: "shop", From: "1.0", To: "2.0", OnFailure: "origin",
		Hops:  []plan.Hop{{From: "1.0", To: "2.0", Bundle: "b"}},
		Steps: []plan.Step{{ID: "a", Verb: "run", Class: plan.Reversible, Node: "here", Deadline: time.Minute}}}
	p.Digest = p.Sum()
	return p
}

// Open opens a run of Plan; a failure ends the test.
func Open(t testing.TB, j Journal, id string) run.Entry {
	t.Helper()
	p := Plan()
	e, err := j.OpenRun(t.Context(), id, p, run.Opened{Plan: p.Digest, By: "ann", Trigger: "operator"})
	if err != nil {
		t.Fatalf("cannot open run %s: %v", id, err)
	}
	return e
}

// Add appends an Outcome; a failure ends the test.
func Add(t testing.TB, j Journal, id string, after int64, text string) run.Entry {
	t.Helper()
	e, err := j.Append(t.Context(), after, outcome(id), run.Ended{OK: true, Evidence: text})
	if err != nil {
		t.Fatalf("cannot append to run %s: %v", id, err)
	}
	return e
}

func outcome(id string) run.Entry {
	return run.Entry{Run: id, Kind: run.Outcome, Step: "a", Dir: run.Do}
}

// Closing is a good end.
func Closing() journal.Closing {
	return journal.Closing{Body: run.Closed{Result: run.ResultNew, Version: "2.0", Work: []string{"tidy"}}, Outage: 3 * time.Second,
		Record: []journal.Installed{{Component: "app", Version: "2.0", Release: "2.0", Bundle: "b"}}, Once: []string{"language"}}
}

// Suite checks the contract. Fresh gives an empty journal.
func Suite(t *testing.T, fresh func(t *testing.T) Journal) {
	for name, check := range map[string]func(*testing.T, Journal){
		"what is appended is read": reads, "a stale append writes nothing": stale, "a closed run takes nothing more": closes,
		"a run that is not there": absent, "one open run": one, "runs one after the other": after, "many at once": many,
	} {
		t.Run(name, func(t *testing.T) { check(t, fresh(t)) })
	}
}

func read(t *testing.T, j Journal, id string, after int64) []run.Entry {
	t.Helper()
	all, err := j.Entries(t.Context(), id, after)
	if err != nil {
		t.Fatalf("cannot read run %s: %v", id, err)
	}
	return all
}

func reads(t *testing.T, j Journal) {
	want := []run.Entry{Open(t, j, "r")}
	for i := range 5 {
		want = append(want, Add(t, j, "r", want[i].Seq, fmt.Sprint("a\x00 \"ö\" ", i)))
	}
	if diff := cmp.Diff(want, read(t, j, "r", 0)); diff != "" {
		t.Errorf("entries (-given back by append +read):\n%s", diff)
	}
	if diff := cmp.Diff(want[4:], read(t, j, "r", want[3].Seq)); diff != "" {
		t.Errorf("the last entries (-want +got):\n%s", diff)
	}
	if got := read(t, j, "r", want[5].Seq); len(got) != 0 {
		t.Errorf("after the last entry there are %d more", len(got))
	}
	var body run.Ended
	if err := json.Unmarshal(want[5].Body, &body); err != nil || body.Evidence != "a\x00 \"ö\" 4" {
		t.Errorf("the body is %s: %v", want[5].Body, err)
	}
	Chain(t, want)
}

// Chain checks that entries are gapless and chained.
func Chain(t testing.TB, all []run.Entry) {
	t.Helper()
	for i, e := range all {
		if e.Hash != e.Sum() {
			t.Errorf("the hash of entry %d does not fit", e.Seq)
		}
		if i > 0 && (e.Seq != all[i-1].Seq+1 || e.Prev != all[i-1].Hash) {
			t.Errorf("entry %d does not follow entry %d", e.Seq, all[i-1].Seq)
		}
	}
}

func stale(t *testing.T, j Journal) {
	first := Open(t, j, "r")
	second := Add(t, j, "r", first.Seq, "one")
	for _, seq := range []int64{first.Seq, 0, second.Seq + 1} {
		if _, err := j.Append(t.Context(), seq, outcome("r"), run.Ended{}); !errors.Is(err, journal.ErrStale) {
			t.Errorf("append after entry %d: %v, want ErrStale", seq, err)
		}
		if _, err := j.CloseRun(t.Context(), seq, "r", Closing()); !errors.Is(err, journal.ErrStale) {
			t.Errorf("close after entry %d: %v, want ErrStale", seq, err)
		}
	}
	if got := read(t, j, "r", 0); len(got) != 2 {
		t.Errorf("refused appends left %d entries, want 2", len(got))
	}
}

func closes(t *testing.T, j Journal) {
	first := Open(t, j, "r")
	e, err := j.CloseRun(t.Context(), first.Seq, "r", Closing())
	if err != nil {
		t.Fatal(err)
	}
	var body run.Closed
	if err := json.Unmarshal(e.Body, &body); err != nil || e.Kind != run.RunClosed || body.Version != "2.0" {
		t.Errorf("the last entry is %+v: %v", e, err)
	}
	if _, err := j.Append(t.Context(), e.Seq, outcome("r"), run.Ended{}); err == nil || errors.Is(err, journal.ErrStale) {
		t.Errorf("a closed run was appended to: %v", err)
	}
	if _, err := j.CloseRun(t.Context(), e.Seq, "r", Closing()); err == nil {
		t.Error("a run was closed twice")
	}
}

func absent(t *testing.T, j Journal) {
	if got := read(t, j, "nobody", 0); len(got) != 0 {
		t.Errorf("a run that was never opened has %d entries", len(got))
	}
	if _, err := j.Append(t.Context(), 0, outcome("nobody"), run.Ended{}); err == nil || errors.Is(err, journal.ErrStale) {
		t.Errorf("a run that was never opened was appended to: %v", err)
	}
}

func one(t *testing.T, j Journal) {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			p := Plan()
			_, errs[i] = j.OpenRun(t.Context(), fmt.Sprint("r", i), p, run.Opened{Plan: p.Digest})
		})
	}
	wg.Wait()
	Winner(t, errs)
}

// Winner checks that exactly one of several openings went well, and that the
// others name its run.
func Winner(t testing.TB, errs []error) {
	t.Helper()
	won := -1
	for i, err := range errs {
		if err == nil && won >= 0 {
			t.Errorf("runs %d and %d are both open", won, i)
		}
		if err == nil {
			won = i
		}
	}
	if won < 0 {
		t.Fatalf("no run was opened: %v", errors.Join(errs...))
	}
	for i, err := range errs {
		var open *journal.OpenRunError
		if i != won && (!errors.As(err, &open) || open.Run != fmt.Sprint("r", won)) {
			t.Errorf("opening run r%d beside r%d gives %v", i, won, err)
		}
	}
}

func after(t *testing.T, j Journal) {
	var all []run.Entry
	for _, id := range []string{"r1", "r2", "r3"} {
		e := Open(t, j, id)
		f := Add(t, j, id, e.Seq, id)
		g, err := j.CloseRun(t.Context(), f.Seq, id, Closing())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]run.Entry{e, f, g}, read(t, j, id, 0)); diff != "" {
			t.Errorf("run %s (-want +got):\n%s", id, diff)
		}
		all = append(all, e, f, g)
	}
	Chain(t, all)
}

// many appends from several goroutines, each of which folds again when it is
// stale: nothing is lost, nothing is written twice.
func many(t *testing.T, j Journal) {
	Open(t, j, "r")
	var wg sync.WaitGroup
	const writers, each = 4, 10
	for w := range writers {
		wg.Go(func() {
			if err := Insist(t.Context(), j, "r", each, func(i int) string { return fmt.Sprint(w, "/", i) }, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all := read(t, j, "r", 0)
	Chain(t, all)
	seen := map[string]int{}
	for _, e := range all[1:] {
		seen[string(e.Body)]++
	}
	if len(seen) != writers*each || len(all) != 1+writers*each {
		t.Errorf("%d entries, %d of them different, want %d", len(all)-1, len(seen), writers*each)
	}
}

// Insist appends n entries to a run that others append to as well; told is
// called with each that is durable.
func Insist(ctx context.Context, j Journal, id string, n int, text func(i int) string, told func(run.Entry)) error {
	last := int64(0)
	for i := 0; i < n; {
		more, err := j.Entries(ctx, id, last)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			last = more[len(more)-1].Seq
		}
		e, err := j.Append(ctx, last, outcome(id), run.Ended{Evidence: text(i)})
		if errors.Is(err, journal.ErrStale) {
			continue
		}
		if err != nil {
			return err
		}
		if told != nil {
			told(e)
		}
		last = e.Seq
		i++
	}
	return nil
}
