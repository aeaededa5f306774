package manage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/site"
)

// herald tells people what becomes of a run, beside it: no step waits for a message,
// and none fails for one. What was told stands in the run's folder, so that an
// engine that carries the run on does not tell it again.
type herald struct {
	in *Installation
	r  *Run

	mu   sync.Mutex
	told map[string]time.Time
	wg   sync.WaitGroup
}

// tellingMost bounds how long an engine's process lives on for those whom it tells.
const tellingMost = 2 * time.Minute

func (in *Installation) newHerald(r *Run) *herald {
	t := &herald{in: in, r: r, told: map[string]time.Time{}}
	if raw, err := in.FS.ReadFile(t.path()); err == nil {
		_ = json.Unmarshal(raw, &t.told) // it is told again, otherwise
	}
	return t
}

func (t *herald) path() string { return filepath.Join(t.r.Dir, "told.json") }

// once tells it unless that was done. key names what is told.
func (t *herald) once(key string, n notice) {
	if t == nil || len(t.in.Doc.Notifications) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, told := t.told[key]; told {
		return
	}
	t.told[key] = time.Now().UTC().Round(time.Second)
	n.run, n.from, n.to, n.affected = t.r.ID, t.r.Plan.From, cmp.Or(n.to, t.r.Plan.To), affected(t.r.Plan)
	n.back = t.r.Plan.Trigger == plan.TriggerBack
	t.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tellingMost)
		defer cancel()
		t.in.tell(ctx, n, nil)
		t.mu.Lock()
		defer t.mu.Unlock()
		if raw, err := json.Marshal(t.told); err == nil {
			_ = t.in.FS.WriteFile(t.path(), raw, 0o600) // it is told again, otherwise
		}
	})
}

// opened tells that the run has begun, by whichever engine comes first.
func (t *herald) opened() {
	f := t.in.Forecast(t.r.ID)
	t.once("started", notice{event: site.Started, begins: t.r.Opened, ends: t.r.Opened.Add(f.Total), outage: f.Outage, by: t.r.StartedBy()})
}

// began tells that a person is to do a step.
func (t *herald) began(s plan.Step, dir run.Direction) {
	if task := s.TaskOf(dir == run.Undo); task != nil {
		t.once(fmt.Sprintf("task/%s/%s", dir, s.ID), notice{event: site.Waits, step: s.ID, why: "a person is to do it: " + task.Text})
	}
}

// waits tells that the run does not go on before somebody decides; again for
// whatever has happened since.
func (t *herald) waits(now *run.State, a run.Action, latest int64) {
	why := ""
	if st := now.Steps[a.Step.ID]; st != nil {
		why = st.Last.Error
	}
	if why == "" {
		why = "a step has failed"
	}
	t.once(fmt.Sprintf("waits/%s/%d", a.Step.ID, latest), notice{event: site.Waits, step: a.Step.ID + " (" + a.Step.Title + ")", why: why})
}

// closed tells how it has ended.
func (t *herald) closed(s *run.State) {
	n := notice{event: site.Finished, outage: s.Outage(s.ClosedAt), shut: s.Out(), work: len(s.Closed.Work) > 0}
	switch s.Closed.Result {
	case run.ResultOld:
		n.event = site.WentBack
		if s.Why != nil {
			n.why = s.Why.Why
		}
	case run.ResultMilestone:
		n.to, n.why = s.Closed.Version, "it stayed at a version on the way to "+t.r.Plan.To
	}
	if n.work {
		n.why = "work remains: " + strings.Join(s.Closed.Work, ", ")
	}
	t.once("closed", n)
}

// end waits for those who are being told. The run is nobody's by then.
func (t *herald) end() {
	if t != nil {
		t.wg.Wait()
	}
}
