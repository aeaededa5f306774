package hosttest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"upkeep/internal/lab/host"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// Moment is when a machine is ended: so long after a step began.
type Moment struct {
	Back    bool // the upgrade fails, and the run is on its way back
	Step    string
	Dir     run.Direction
	After   time.Duration
	Orderly bool          // somebody reboots it
	Twice   bool          // the machine is ended once more while it recovers
	Again   time.Duration // so long after it came up
}

func (m Moment) String() string {
	way := "forward"
	if m.Back {
		way = "back"
	}
	return fmt.Sprintf("%s/%s_%s+%v", way, m.Dir, m.Step, m.After.Round(time.Millisecond))
}

// span is one step of a run that nobody disturbed.
type span struct {
	step string
	dir  run.Direction
	took time.Duration
}

// spans reads from a run's events how long each step took.
func spans(events []manage.Event) []span {
	var out []span
	began := map[string]time.Time{}
	for _, e := range events {
		switch key := string(e.Dir) + " " + e.Step; e.Kind {
		case manage.EventBegan:
			began[key] = e.At
		case manage.EventEnded:
			out = append(out, span{e.Step, e.Dir, e.At.Sub(began[key])})
		}
	}
	return out
}

// choose spreads n moments over the spans by chance: each falls into another
// part of the list, so that a few moments still reach all of it.
func choose(list []span, n int, back bool, chance *rand.Rand) []Moment {
	var out []Moment
	for i := range n {
		s := list[min(len(list)-1, int((float64(i)+chance.Float64())*float64(len(list))/float64(n)))]
		out = append(out, Moment{Back: back, Step: s.step, Dir: s.dir, After: time.Duration(chance.Float64() * float64(s.took)),
			Twice: chance.IntN(4) == 0, Again: time.Duration(chance.IntN(1500)) * time.Millisecond})
	}
	return out
}

// backward leaves of a failing run what comes from the failure on.
func backward(list []span) []span {
	for i, s := range list {
		if s.dir == run.Undo {
			return list[max(0, i-1):]
		}
	}
	return nil
}

// runDir is the folder of the machine's latest run, seen from outside; empty
// when there is none.
func (p *Product) runDir(h *host.Host) string {
	all, _ := filepath.Glob(filepath.Join(h.Path(p.State), "runs", "*")) // the pattern is sound
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// events reads the events of the latest run that are whole.
func (p *Product) events(h *host.Host) []manage.Event {
	text, err := os.ReadFile(filepath.Join(p.runDir(h), "events.jsonl"))
	if err != nil {
		return nil
	}
	var out []manage.Event
	for line := range bytes.Lines(text) {
		var e manage.Event
		if json.Unmarshal(line, &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

// reach waits for a step to begin, and then so long. It says whether the
// step began while the command still ran.
func (p *Product) reach(t testing.TB, h *host.Host, m Moment, ended <-chan struct{}) bool {
	t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	var r *bufio.Reader
	var part []byte
	for time.Now().Before(deadline) {
		if r == nil {
			if f, err := os.Open(filepath.Join(p.runDir(h), "events.jsonl")); err == nil {
				defer f.Close() // a disk with an open file cannot be unmounted
				r = bufio.NewReader(f)
			}
		}
		for r != nil {
			line, err := r.ReadBytes('\n')
			part = append(part, line...)
			if err != nil {
				break
			}
			var e manage.Event
			if json.Unmarshal(part, &e) == nil && e.Kind == manage.EventBegan && e.Step == m.Step && e.Dir == m.Dir {
				time.Sleep(m.After)
				return true
			}
			part = nil
		}
		select {
		case <-ended:
			return false
		case <-time.After(500 * time.Microsecond):
		}
	}
	t.Fatalf("%s did not begin within four minutes", m.Step)
	return false
}
