package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
	"upkeep/internal/step/tell"
)

// Task is what a person is asked to do: while a run waits for her, or before
// one opens.
type Task struct {
	plan.Task
	ID     string        `json:"id"`            // what is typed behind upkeep done
	Run    string        `json:"run,omitempty"` // empty: before a run opens
	Dir    run.Direction `json:"dir,omitempty"`
	Asked  time.Time     `json:"asked,omitzero"`
	Until  time.Time     `json:"until,omitzero"` // then the run waits for a decision
	Late   bool          `json:"late,omitempty"` // it does already
	Said   *run.Said     `json:"said,omitempty"` // somebody says that it is done
	Closed bool          `json:"closed"`         // users are kept out meanwhile
}

// Task gives the task that the run waits for; nil when it waits for none.
func (r *Run) Task() *Task {
	s, dir, ok := r.State.Task()
	if !ok {
		return nil
	}
	return TaskAt(s, dir, r.State)
}

// TaskAt gives the task of a step in a direction.
func TaskAt(s plan.Step, dir run.Direction, state *run.State) *Task {
	t := s.TaskOf(dir == run.Undo)
	st := state.Steps[s.ID]
	if t == nil || st == nil {
		return nil
	}
	_, late := state.Waiting()
	t = tell.Known(step.Env{Run: state.Run, Opened: state.OpenedAt}, t)
	return &Task{Task: *t, ID: s.ID, Run: state.Run, Dir: dir, Asked: st.Asked, Until: st.Asked.Add(s.Deadline), Late: late, Said: st.Said, Closed: state.Out()}
}

// NotAskedError says that nobody is asked to do what was said to be done.
type NotAskedError struct {
	ID   string
	Why  string
	Open *Task // what is asked for instead; may be nil
}

func (e *NotAskedError) Error() string {
	text := fmt.Sprintf("cannot take %s as done: %s", e.ID, e.Why)
	if e.Open != nil {
		text += fmt.Sprintf("; what the run waits for is %s: %s", e.Open.ID, e.Open.Text)
	}
	return text
}

// UnprovenError says that a task was said to be done, and reads otherwise.
type UnprovenError struct{ ID, Why string }

func (e *UnprovenError) Error() string {
	return fmt.Sprintf("%s is not done: %s; nothing was recorded", e.ID, e.Why)
}

// Done records a person's word that the task of a step of the open run is
// done. It is refused when what must prove it reads otherwise, and when
// nobody is asked for it. The engine looks again before it goes on.
func (in *Installation) Done(ctx context.Context, id string, said run.Said) (*Run, error) {
	r, err := in.OpenRun(ctx)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, &NoRunError{Want: "do a task of"}
	}
	j, err := in.journal(ctx)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	// an engine that is running appends too: look again until the word fits
	for tries := 0; ; tries++ {
		dir, err := in.asks(ctx, r, id)
		if err != nil {
			return nil, err
		}
		_, err = j.Append(ctx, r.State.Seq, run.Entry{Run: r.ID, Kind: run.Acknowledged, Step: id, Dir: dir}, said)
		if err != nil && (!errors.Is(err, journal.ErrStale) || tries == 20) {
			return nil, fmt.Errorf("cannot record that %s is done: %w", id, err)
		}
		stale := err != nil
		if r, err = in.load(ctx, j, r.Run); err != nil || !stale {
			return r, err
		}
	}
}

// asks says whether a person can say now that the task of the step is done,
// and in which direction it is asked for.
func (in *Installation) asks(ctx context.Context, r *Run, id string) (run.Direction, error) {
	open := r.Task()
	not := func(format string, a ...any) error {
		return &NotAskedError{ID: id, Why: fmt.Sprintf(format, a...), Open: open}
	}
	s, known := r.Plan.Find(id)
	switch {
	case !known:
		return "", not("run %s has no step of that name", r.ID)
	case s.Task == nil && s.TaskBack == nil:
		return "", not("Upkeep does that step by itself, no person")
	}
	st := r.State.Steps[id]
	switch {
	case open == nil || open.ID != id:
		if st != nil && st.Said != nil {
			return "", not("it was done already, as %s said at %s", st.Said.By, st.Said.At.Local().Format("15:04:05"))
		}
		return "", not("the run does not wait for it now")
	case open.Said != nil:
		return "", not("%s has said so already, at %s, and the run is looking at it", open.Said.By, open.Said.At.Local().Format("15:04:05"))
	}
	why, err := in.unproven(ctx, r, open)
	if err != nil {
		return "", err
	}
	if why != "" {
		return "", &UnprovenError{ID: id, Why: why}
	}
	return open.Dir, r.State.AdmitsSaid(id, open.Dir)
}

// unproven says what a task still lacks by what must prove it; empty when
// nothing.
func (in *Installation) unproven(ctx context.Context, r *Run, t *Task) (string, error) {
	env := step.Env{Run: r.ID, Opened: r.State.OpenedAt}
	return tell.Unproven(ctx, in.probes.For(r.ID+"/"+t.ID+"/asked"), env, &t.Task)
}

// Lacks says what the open task still lacks by what must prove it; empty when
// nothing does, or nothing but a word.
func (in *Installation) Lacks(ctx context.Context, r *Run) string {
	t := r.Task()
	if t == nil || len(t.Proof) == 0 {
		return ""
	}
	why, err := in.unproven(ctx, r, t)
	if err != nil {
		return err.Error()
	}
	return why
}
