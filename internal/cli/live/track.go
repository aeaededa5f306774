// Package live shows a run while it goes: one moving bar on a terminal, plain
// lines elsewhere. It may be ended at any time; the run goes on without it.
// It imports the model, package manage for its events, package show and the
// terminal libraries.
package live

import (
	"strings"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/lingua"
	"upkeep/internal/manage"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// Track follows the events of a run: where it is, how far, how long still.
type Track struct {
	Plan     *plan.Plan
	Forecast map[string]time.Duration // by step; may be nil
	Began    time.Time
	Width    int              // of the lines that stay
	Language *lingua.Language // nil: English
	Command  string           // how upkeep is called, for lines that say what to type

	number  map[string]int
	Total   int
	Current plan.Step
	Dir     run.Direction
	Done    int
	InStep  time.Time
	Line    string
	Prog    *step.Progress
	Back    bool
	left    map[string]time.Duration
	closed  bool         // users are kept out
	asked   *manage.Task // a task that was not shown yet
}

// NewTrack begins at the first step.
func NewTrack(p *plan.Plan, forecast map[string]time.Duration, began time.Time) *Track {
	t := &Track{Plan: p, Forecast: forecast, Began: began, Width: 100, number: map[string]int{}, left: map[string]time.Duration{}}
	for _, s := range p.Steps {
		if s.Class == plan.Control {
			continue
		}
		t.Total++
		t.number[s.ID] = t.Total
		t.left[s.ID] = forecast[s.ID]
	}
	return t
}

// Seek takes up what has been done before the watching began.
func (t *Track) Seek(s *run.State) {
	t.closed = s.Out()
	for id, st := range s.Steps {
		step, ok := t.Plan.Find(id)
		switch {
		case !ok:
		case st.Status == run.Done:
			delete(t.left, id)
			t.Done = max(t.Done, t.number[id])
		case st.Status == run.InFlight:
			t.Current, t.Dir, t.InStep = step, run.Do, st.Began
		case st.Status == run.Undoing:
			t.Current, t.Dir, t.InStep, t.Back = step, run.Undo, st.Began, true
		}
	}
}

// Apply takes in an event and gives the line that stays on the screen for
// it; empty when it leaves none.
func (t *Track) Apply(e manage.Event) string {
	switch e.Kind {
	case manage.EventBegan:
		s, ok := t.Plan.Find(e.Step)
		if !ok {
			return ""
		}
		t.Current, t.Dir, t.InStep, t.Line, t.Prog = s, e.Dir, e.At, "", nil
		line := ""
		if e.Dir == run.Undo && !t.Back {
			t.Back = true
			line = show.Back(show.Bold(t.Language.Text("going back")))
		}
		if n, planned := t.number[s.ID]; e.Dir == run.Do && t.Back && planned {
			t.again(n)
			line = show.Running(show.Bold(t.Language.Text("once more")))
		}
		t.asked = nil
		if task := s.TaskOf(e.Dir == run.Undo); task != nil && !e.Again {
			t.asked = &manage.Task{Task: *task, ID: s.ID, Run: "this", Dir: e.Dir, Asked: e.At, Until: e.At.Add(s.Deadline), Closed: t.closed}
		}
		return line
	case manage.EventProgress:
		t.Prog = e.Progress
		if e.Progress.Line != "" {
			t.Line = e.Progress.Line
		}
		return t.task(e)
	case manage.EventLine:
		t.Line = e.Text
	case manage.EventNote:
		return show.Faint("  " + t.Language.Text(show.Clean(e.Text)))
	case manage.EventEnded:
		return t.ended(e)
	}
	return ""
}

// again has the run go forward from the nth step once more.
func (t *Track) again(n int) {
	t.Back, t.Done = false, n-1
	for id, i := range t.number {
		if i >= n {
			t.left[id] = t.Forecast[id]
		}
	}
}

// task shows what a person is asked for, once it is clear that she is: what
// is done already, or need not be done on the way back, nobody is asked for.
func (t *Track) task(e manage.Event) string {
	if t.asked == nil || e.Step != t.asked.ID {
		return ""
	}
	text := show.OpenTask(t.asked, "", t.Command, e.At, t.paper())
	t.asked = nil
	return strings.TrimRight(text, "\n") + "\n"
}

func (t *Track) ended(e manage.Event) string {
	s, ok := t.Plan.Find(e.Step)
	if !ok || e.Ended == nil {
		return ""
	}
	delete(t.left, s.ID)
	t.Done = max(t.Done, t.number[s.ID])
	if e.Ended.OK && e.Dir == run.Do {
		t.closed = (t.closed || s.Down) && !s.Up
	}
	took := show.Faint(show.Duration(e.Ended.Took))
	title := Title(s, e.Dir)
	why := strings.TrimRight(show.Wrap(e.Ended.Error, "    ", t.paper()), "\n")
	mark := show.Good
	switch {
	case e.Ended.OK:
	case s.Tolerated:
		mark = show.Careful
	default:
		mark = show.Bad
	}
	// what it took does not stand alone on a line
	line := strings.TrimRight(show.Hang(mark(title)+" "+took, "  ", t.paper()), "\n")
	if why != "" {
		line += "\n" + why
	}
	return line
}

func (t *Track) paper() show.Paper { return show.Paper{Columns: t.Width, Language: t.Language} }

// Title is what a step does in a direction.
func Title(s plan.Step, dir run.Direction) string {
	if dir == run.Undo && s.Back != "" {
		return show.Clean(s.Back)
	}
	return show.Clean(s.Title)
}

// Position is step n of m. On the way back n counts down.
func (t *Track) Position() (n, m int) {
	if n = t.number[t.Current.ID]; n == 0 {
		n = t.Done
	}
	return n, t.Total
}

// Left is how long the run still takes by the forecast; not known on the way
// back.
func (t *Track) Left(now time.Time) (time.Duration, bool) {
	if t.Back || t.Forecast == nil {
		return 0, false
	}
	var sum time.Duration
	for id, d := range t.left {
		switch {
		case id != t.Current.ID:
		case t.Prog != nil && !t.Prog.Until.IsZero():
			d = max(0, t.Prog.Until.Sub(now))
		default:
			d = max(0, d-now.Sub(t.InStep))
		}
		sum += d
	}
	return sum, true
}

// Fraction is how full the bar is, from 0 to 1.
func (t *Track) Fraction(now time.Time) float64 {
	n, m := t.Position()
	if m == 0 {
		return 0
	}
	part := 0.0
	switch {
	case t.Prog != nil && t.Prog.Total > 0:
		part = float64(t.Prog.Done) / float64(t.Prog.Total)
	case t.Forecast[t.Current.ID] > 0 && t.Dir == run.Do:
		part = min(0.95, float64(now.Sub(t.InStep))/float64(t.Forecast[t.Current.ID]))
	}
	if t.Back {
		return max(0, float64(n)-part) / float64(m)
	}
	return min(1, (float64(n-1)+part)/float64(m))
}
