package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// pastRuns is how many runs an installation has made that is looked at.
const pastRuns = 10_000

// history adds closed runs to the journal until there are n, through the journal
// itself. Each has a folder as that of the run that is there, and every tenth its
// entries, too; the others went back before they did anything. It gives an old
// run that has entries.
func history(t *testing.T, s *sitetest.Site, n int) (old string) {
	t.Helper()
	j, err := sqlite.Open(t.Context(), filepath.Join(s.State, "journal.db"), time.Now)
	must(t, err)
	defer j.Close()
	rows, err := j.Runs(t.Context())
	must(t, err)
	first := rows[0]
	entries, err := j.Entries(t.Context(), first.ID, 0)
	must(t, err)
	p, err := j.Plan(t.Context(), first.Plan)
	must(t, err)
	began := time.Now()
	for i := len(rows); i < n; i++ {
		id := fmt.Sprintf("%s-%05d", first.ID, i)
		q := *p
		q.Notes = append(slices.Clone(p.Notes), fmt.Sprintf("run %d", i))
		q.Digest = q.Sum()
		e, err := j.OpenRun(t.Context(), id, &q, run.Opened{Plan: q.Digest, By: first.By, Trigger: first.Trigger})
		must(t, err)
		c := journal.Closing{Body: run.Closed{Result: run.ResultOld, Version: first.From}}
		if i%10 == 0 {
			for _, x := range entries[1 : len(entries)-1] {
				e, err = j.Append(t.Context(), e.Seq, run.Entry{Run: id, Kind: x.Kind, Step: x.Step, Dir: x.Dir}, x.Body)
				must(t, err)
			}
			must(t, json.Unmarshal(entries[len(entries)-1].Body, &c.Body))
			c.Outage, old = first.Outage, id
		}
		_, err = j.CloseRun(t.Context(), e.Seq, id, c)
		must(t, err)
		must(t, os.CopyFS(filepath.Join(s.State, "runs", id), os.DirFS(filepath.Join(s.State, "runs", first.ID))))
	}
	t.Logf("%d runs of %d entries and %d plain ones made in %v", n/10, len(entries), n-n/10, time.Since(began).Round(time.Second))
	return old
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestHubFigureHistory: with 10,000 past runs the server gives every page within
// 50 ms. Those that look at the product itself take what that takes, and with
// 10,000 past runs hardly more than with one.
func TestHubFigureHistory(t *testing.T) {
	lab.Bench(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	s.Bundle("3.0")
	h := startHub(t, s)
	h.enter()
	at := "/i/" + url.PathEscape(s.ID())
	old := history(t, s, pastRuns)
	for _, path := range []string{"/", at, at + "/runs", at + "/runs?skip=9950", at + "/runs/" + old, at + "/runs/" + old + "/log", at + "/points", at + "/drift", at + "/doctor"} {
		middle, most := h.time(path)
		t.Logf("%8.1f ms, at most %8.1f ms: %s", ms(middle), ms(most), path)
		if middle > 50*time.Millisecond {
			t.Errorf("%s takes %v, wanted is at most 50 ms", path, middle)
		}
	}
	few := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	few.Bundle("2.0")
	few.Must(0, "upgrade", "--yes", "--from", few.Releases)
	few.Bundle("3.0")
	one := startHub(t, few)
	one.enter()
	for _, page := range []string{"/upgrade", "/plan", "/doctor?look=now", "/drift?look=now"} {
		many, alone := both(h, at+page, one, "/i/"+url.PathEscape(few.ID())+page)
		t.Logf("%8.1f ms, and %.1f ms with one past run: %s", ms(many), ms(alone), page)
		if float64(many) > mostSlower*float64(alone) {
			t.Errorf("%s takes %v, and %v with one past run; wanted is at most %v times as long", page, many, alone, mostSlower)
		}
	}
	t.Logf("most memory: engine side %d MB, page %d MB", peak(t, h.cmd.Process.Pid), peak(t, h.page()))
}

// mostSlower is how many times as long a page that looks at the product may take
// with 10,000 past runs.
const mostSlower = 1.3

// time gives how long a page takes: in the middle of 20 times, and at most.
func (h *hub) time(path string) (middle, most time.Duration) {
	h.t.Helper()
	var took []time.Duration
	for range 20 {
		took = append(took, h.once(path))
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1]
}

// both gives how long a page takes of two hubs, in the middle of 20 times: by
// turns, so that whatever else the computer does is in both.
func both(a *hub, of string, b *hub, and string) (time.Duration, time.Duration) {
	var x, y []time.Duration
	for range 20 {
		x, y = append(x, a.once(of)), append(y, b.once(and))
	}
	slices.Sort(x)
	slices.Sort(y)
	return x[len(x)/2], y[len(y)/2]
}

func (h *hub) once(path string) time.Duration {
	h.t.Helper()
	began := time.Now()
	code, text := h.read(h.Get(h.base + path))
	took := time.Since(began)
	if code != http.StatusOK {
		h.t.Fatalf("%s: %d\n%s", path, code, text)
	}
	return took
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
