package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// do carries a step out: memo, Intent, effect, reading back, Outcome.
func (e *Engine) do(ctx context.Context, s plan.Step, again bool) error {
	h, err := e.handler(s, run.Do)
	if err != nil {
		return err
	}
	e.Observer.Began(s, run.Do, again)
	began := time.Now()
	if s.Class == plan.Check {
		err := e.bounded(ctx, s, func(ctx context.Context) error { return h.Do(ctx, e.env(s, run.Do), s, nil) })
		if stop := e.interrupted(ctx, err); stop != nil {
			return stop
		}
		return e.outcome(ctx, s, run.Do, began, step.Observation{State: step.New}, err)
	}
	st := e.state.Step(s.ID)
	memo, hash, err := e.memo(ctx, h, s, st)
	if stop := e.interrupted(ctx, err); stop != nil {
		return stop
	}
	if err != nil {
		return e.outcome(ctx, s, run.Do, began, step.Observation{State: step.Old}, err)
	}
	if err := e.append(ctx, run.Intent, s.ID, run.Do, run.Intended{Memo: hash}); err != nil {
		return err
	}
	return e.effect(ctx, h, s, run.Do, memo, began)
}

// memo gives the memo of the step: the one that the first try made, since
// only that one knew the state before; otherwise a new one, made durable.
func (e *Engine) memo(ctx context.Context, h step.Handler, s plan.Step, st *run.StepState) (step.Memo, string, error) {
	if st.Intended {
		m, err := e.Memos.Read(s.ID, st.Memo)
		return m, st.Memo, err
	}
	var m step.Memo
	err := e.bounded(ctx, s, func(ctx context.Context) error {
		var err error
		m, err = h.Prepare(ctx, e.env(s, run.Do), s)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	hash, err := e.Memos.Write(s.ID, m)
	return m, hash, err
}

// undo takes a step back.
func (e *Engine) undo(ctx context.Context, s plan.Step, again bool) error {
	h, err := e.handler(s, run.Undo)
	if err != nil {
		return err
	}
	e.Observer.Began(s, run.Undo, again)
	began := time.Now()
	st := e.state.Step(s.ID)
	memo, err := e.Memos.Read(s.ID, st.Memo)
	if err == nil {
		// an effect that was under way when the decision fell may still run;
		// nothing is taken back beside it
		err = e.reap(ctx, s, run.Do)
	}
	if stop := e.interrupted(ctx, err); stop != nil {
		return stop
	}
	if err := e.append(ctx, run.Intent, s.ID, run.Undo, run.Intended{Memo: st.Memo}); err != nil {
		return err
	}
	if err != nil {
		return e.outcome(ctx, s, run.Undo, began, step.Observation{State: step.Unknown}, err)
	}
	return e.effect(ctx, h, s, run.Undo, memo, began)
}

// skip passes a step whose undo does not matter for this way back; what may
// still run of it is ended all the same.
func (e *Engine) skip(ctx context.Context, s plan.Step) error {
	if err := e.reap(ctx, s, run.Do); err != nil {
		if stop := e.interrupted(ctx, err); stop != nil {
			return stop
		}
		return e.commit(ctx, s, run.Undo, run.Ended{}, err)
	}
	return e.append(ctx, run.Outcome, s.ID, run.Undo, run.Ended{OK: true, Skipped: true, Evidence: "the way back goes past it"})
}

// effect makes or takes back the effect, reads it back, and commits the
// Outcome.
func (e *Engine) effect(ctx context.Context, h step.Handler, s plan.Step, dir run.Direction, memo step.Memo, began time.Time) error {
	env := e.env(s, dir)
	err := e.within(ctx, e.limit(s, dir), func(ctx context.Context) error {
		if dir == run.Undo {
			return h.Undo(ctx, env, s, memo)
		}
		return h.Do(ctx, env, s, memo)
	})
	if stop := e.interrupted(ctx, err); stop != nil {
		return stop
	}
	obs, oerr := e.observe(ctx, h, s, dir, memo)
	if err == nil {
		err = oerr
	}
	if stop := e.interrupted(ctx, err); stop != nil {
		return stop
	}
	if task := s.TaskOf(dir == run.Undo); task != nil && err != nil {
		return e.undone(ctx, s, task, dir, began, obs, err)
	}
	return e.outcome(ctx, s, dir, began, obs, err)
}

// recover goes on with a step that has an Intent and no Outcome: what is left
// of it is ended, then it is observed, and what is seen decides.
func (e *Engine) recover(ctx context.Context, s plan.Step, dir run.Direction) error {
	h, err := e.handler(s, dir)
	if err != nil {
		return err
	}
	e.Observer.Began(s, dir, true)
	if said := e.state.Step(s.ID).Said; said != nil {
		e.Observer.Note(fmt.Sprintf("%s says that %s is done; looking at what is there", said.By, s.ID))
	} else {
		e.Observer.Note(fmt.Sprintf("%s was interrupted; looking at what is there", s.ID))
	}
	began := time.Now()
	if err := e.reap(ctx, s, dir); err != nil {
		if stop := e.interrupted(ctx, err); stop != nil {
			return stop
		}
		return e.unclear(ctx, s, dir, began, step.Observation{State: step.Unknown}, err)
	}
	if e.Settle != nil {
		if err := e.Settle(); err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
	}
	memo, err := e.Memos.Read(s.ID, e.state.Step(s.ID).Memo)
	if err != nil {
		return e.unclear(ctx, s, dir, began, step.Observation{State: step.Unknown}, err)
	}
	obs, err := e.observe(ctx, h, s, dir, memo)
	if stop := e.interrupted(ctx, err); stop != nil {
		return stop
	}
	e.Observer.Note(fmt.Sprintf("%s is %s: %s", s.ID, obs.State, obs.Evidence))
	switch obs.State {
	case step.Foreign:
		return e.unclear(ctx, s, dir, began, obs, fmt.Errorf("what is there is neither old nor new: %s", obs.Evidence))
	case step.Unknown:
		if dir == run.Do && !s.Redo {
			if err == nil {
				err = fmt.Errorf("it was interrupted, and whether it took effect cannot be told: %s", obs.Evidence)
			}
			return e.unclear(ctx, s, dir, began, obs, err)
		}
	case step.New:
		if dir == run.Do {
			return e.outcome(ctx, s, dir, began, obs, nil)
		}
	case step.Old:
		if dir == run.Undo {
			return e.outcome(ctx, s, dir, began, obs, nil)
		}
	}
	return e.effect(ctx, h, s, dir, memo, began)
}

// reapLimit bounds the end of what an operation has left: a database server
// that does not answer must not hold up the way back for ever.
const reapLimit = time.Minute

// reap ends what is left of a step: of its way forward always, on the way back
// also of an undo that was interrupted.
func (e *Engine) reap(ctx context.Context, s plan.Step, dir run.Direction) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reapLimit, fmt.Errorf("it did not end within %s", reapLimit))
	defer cancel()
	n, err := e.Reaper.End(ctx, e.opID(s, run.Do))
	if err == nil && dir == run.Undo {
		var more int
		more, err = e.Reaper.End(ctx, e.opID(s, run.Undo))
		n += more
	}
	if n > 0 {
		e.Observer.Note(fmt.Sprintf("%s: ended %d processes or sessions that were left of it", s.ID, n))
	}
	if err != nil {
		return fmt.Errorf("cannot end what is left of %s: %w", s.ID, err)
	}
	return nil
}

func (e *Engine) observe(ctx context.Context, h step.Handler, s plan.Step, dir run.Direction, memo step.Memo) (obs step.Observation, err error) {
	err = e.bounded(ctx, s, func(ctx context.Context) error {
		obs, err = h.Observe(ctx, e.env(s, dir), s, memo)
		return err
	})
	if err != nil {
		obs.State = step.Unknown
		err = fmt.Errorf("cannot read back %s: %w", s.ID, err)
	}
	return obs, err
}

// outcome commits how the step ended. An effect that is not read back as
// wanted has failed, whatever its handler said.
func (e *Engine) outcome(ctx context.Context, s plan.Step, dir run.Direction, began time.Time, obs step.Observation, err error) error {
	want := step.New
	if dir == run.Undo {
		want = step.Old
	}
	if asked := e.state.Step(s.ID).Asked; s.TaskOf(dir == run.Undo) != nil && !asked.IsZero() {
		began = asked // what a person takes begins when she is asked
	}
	if err == nil && obs.State != want {
		err = &step.UserError{Msg: fmt.Sprintf("it ended without an error, but its effect is not there: %s (%s)", obs.Evidence, obs.State),
			Now: "look into the run's log for what it did"}
	}
	end := run.Ended{OK: err == nil, Observed: string(obs.State), Evidence: obs.Evidence, Took: time.Since(began).Round(time.Microsecond),
		Unclear: dir == run.Undo && obs.State == step.Foreign}
	return e.commit(ctx, s, dir, end, err)
}

// unclear commits that a person must say what is true.
func (e *Engine) unclear(ctx context.Context, s plan.Step, dir run.Direction, began time.Time, obs step.Observation, err error) error {
	return e.commit(ctx, s, dir, run.Ended{Unclear: true, Observed: string(obs.State), Evidence: obs.Evidence, Took: time.Since(began)}, err)
}

func (e *Engine) commit(ctx context.Context, s plan.Step, dir run.Direction, end run.Ended, err error) error {
	if err != nil {
		end.Error = err.Error()
		var u *step.UserError
		if errors.As(err, &u) {
			end.Now = u.Now
		}
	}
	if err := e.append(ctx, run.Outcome, s.ID, dir, end); err != nil {
		return err
	}
	e.Observer.Ended(s, dir, end)
	return nil
}

// interrupted tells an end of the engine or a decision of a person from a
// failure of the step: the former leave the step in flight.
func (e *Engine) interrupted(ctx context.Context, err error) error {
	if errors.Is(err, errDecided) {
		return errDecided
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && e.Fatal != nil && e.Fatal(err) {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return nil
}

// bounded calls f within the step's deadline, and ends it early when a person
// decides.
func (e *Engine) bounded(ctx context.Context, s plan.Step, f func(context.Context) error) error {
	return e.within(ctx, s.Deadline, f)
}

func (e *Engine) within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	wctx, stop := e.watch(ctx)
	defer stop()
	dctx, cancel := context.WithTimeoutCause(wctx, limit, &overdue{limit})
	defer cancel()
	err := f(dctx)
	if err == nil {
		return nil
	}
	if cause := context.Cause(wctx); cause != nil && errors.Is(cause, errDecided) {
		return errDecided
	}
	if cause := context.Cause(dctx); cause != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// watch gives a context that ends with errDecided when the journal has
// entries that this engine did not write.
func (e *Engine) watch(ctx context.Context) (context.Context, func()) {
	wctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	seq, id := e.state.Seq, e.state.Run
	go func() {
		defer close(done)
		t := time.NewTicker(e.Poll)
		defer t.Stop()
		for {
			select {
			case <-wctx.Done():
				return
			case <-t.C:
				if more, err := e.Journal.Entries(wctx, id, seq); err == nil && len(more) > 0 {
					cancel(errDecided)
				}
			}
		}
	}()
	return wctx, func() { cancel(nil); <-done }
}

// handler gives what carries the step out in a direction: whatever its verb,
// what a person does is told her.
func (e *Engine) handler(s plan.Step, dir run.Direction) (step.Handler, error) {
	verb := s.Verb
	if s.TaskOf(dir == run.Undo) != nil {
		verb = "tell"
	}
	h := e.Handlers[verb]
	if h == nil {
		return nil, fmt.Errorf("cannot carry out %s: this Upkeep does not know the verb %q; use the Upkeep that began the run", s.ID, verb)
	}
	return h, nil
}

func (e *Engine) opID(s plan.Step, dir run.Direction) string {
	return e.state.Run + "/" + s.ID + "/" + string(dir)
}

func (e *Engine) env(s plan.Step, dir run.Direction) step.Env {
	log := e.Observer.Log()
	if log == nil {
		log = io.Discard
	}
	return step.Env{
		Run: e.state.Run, OpID: e.opID(s, dir), Direction: step.Direction(dir), Dir: e.Dir, State: e.State,
		Touched: e.state.Touched, Log: log, Opened: e.state.OpenedAt, Said: said(e.state.Step(s.ID)),
		Progress: func(p step.Progress) { e.Observer.Progress(s, p) },
		Recall: func(id string) (step.Memo, error) {
			st := e.state.Steps[id]
			if st == nil || st.Memo == "" {
				return nil, nil
			}
			return e.Memos.Read(id, st.Memo)
		},
	}
}
