// Package engine carries a plan out: it does what package run decides, step
// by step, in the order of durability that makes every crash recoverable:
// memo, then Intent, then effect, then its reading back, then Outcome. It
// imports the model and its own interfaces; what touches the world is handed
// in as handlers.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/journal"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
)

// Journal is the journal of record as the engine needs it. Every method is
// durable on return. Append and CloseRun fail with journal.ErrStale, and
// write nothing, when the run has entries after the given one.
type Journal interface {
	Append(ctx context.Context, after int64, e run.Entry, body any) (run.Entry, error)
	CloseRun(ctx context.Context, after int64, id string, c journal.Closing) (run.Entry, error)
	Entries(ctx context.Context, id string, after int64) ([]run.Entry, error)
}

// Memos keeps memos: durable on return, readable by the engine's account only.
type Memos interface {
	Write(name string, memo step.Memo) (hash string, err error)
	Read(name, hash string) (step.Memo, error)
}

// Reaper ends whatever an operation has left behind: child processes and
// database sessions. It is called before anything is observed after a crash.
type Reaper interface {
	End(ctx context.Context, opID string) (ended int, err error)
}

// Observer is told what happens, for the log and for people who watch. It
// must not block.
type Observer interface {
	Began(s plan.Step, dir run.Direction, again bool)
	Progress(s plan.Step, p step.Progress)
	Ended(s plan.Step, dir run.Direction, e run.Ended)
	Note(text string)
	Log() io.Writer
}

// Config is all that an engine needs.
type Config struct {
	Journal  Journal
	Memos    Memos
	Reaper   Reaper
	Observer Observer
	Handlers map[string]step.Handler // by verb
	Dir      string                  // the run's own folder
	State    string                  // the installation's state folder
	Poll     time.Duration           // how often decisions of people are looked for while a step runs
	// Strait is called before the way back begins, whoever decided it, and again
	// by an engine that goes on with it: the disk may be full, so it gives the
	// reserve free.
	Strait func()
	// Settle makes durable what an engine that died may have left unsynced; it
	// is called before anything is observed after a crash, so that nothing is
	// recorded as done which a power cut could still take away.
	Settle func() error
	// Fatal tells errors after which nothing may be retried in this process,
	// such as a sync that failed.
	Fatal func(error) bool
}

// Verdict is where Run left the run.
type Verdict struct {
	State   *run.State
	Waiting *run.Action // set when a person must decide
}

// ErrJournal says that the journal or a memo could not be written. The
// process must end and be started anew; nothing may be retried in it.
var ErrJournal = errors.New("cannot keep the journal")

// errDecided ends a running step because a person has decided otherwise.
var errDecided = errors.New("a decision was made meanwhile")

// Engine carries out one run.
type Engine struct {
	Config
	state  *run.State
	strait bool // Strait was called for this way back
}

// New makes an engine.
func New(c Config) *Engine {
	if c.Poll == 0 {
		c.Poll = 150 * time.Millisecond
	}
	return &Engine{Config: c}
}

// Run carries the run on from wherever its journal says it is, until it is
// closed or a person must decide. It is the same for a new run and for one
// that was interrupted. Ending ctx stops the engine between two durable
// points, as a crash would; the run stays open.
func (e *Engine) Run(ctx context.Context, p *plan.Plan, id string) (Verdict, error) {
	e.state = run.New(p)
	if err := e.refold(ctx, id); err != nil {
		return Verdict{}, err
	}
	for {
		if err := ctx.Err(); err != nil {
			return Verdict{State: e.state}, context.Cause(ctx)
		}
		if e.state.Closed != nil {
			return Verdict{State: e.state}, nil
		}
		a := run.Next(e.state)
		e.ready(a)
		if a.Kind == run.ActWait {
			return Verdict{State: e.state, Waiting: &a}, nil
		}
		err := e.act(ctx, a)
		if errors.Is(err, journal.ErrStale) || errors.Is(err, errDecided) {
			err = e.refold(ctx, id)
		}
		if err != nil {
			return Verdict{State: e.state}, err
		}
	}
}

// ready calls Strait once for every way back.
func (e *Engine) ready(a run.Action) {
	back := e.state.Mode == run.Backing || a.Kind == run.ActBack
	if back && !e.strait && e.Strait != nil {
		e.Strait()
	}
	e.strait = back
}

// refold reads what is new in the journal.
func (e *Engine) refold(ctx context.Context, id string) error {
	entries, err := e.Journal.Entries(ctx, id, e.state.Seq)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := e.state.Apply(entry); err != nil {
			return fmt.Errorf("%w: %w", journal.ErrDamaged, err)
		}
	}
	if e.state.Run == "" {
		return fmt.Errorf("the journal has no run %s", id)
	}
	return nil
}

// append commits one entry and folds it.
func (e *Engine) append(ctx context.Context, kind run.Kind, stepID string, dir run.Direction, body any) error {
	// a decision to stop must not tear a commit: the entry is written or not
	entry, err := e.Journal.Append(context.WithoutCancel(ctx), e.state.Seq, run.Entry{Run: e.state.Run, Kind: kind, Step: stepID, Dir: dir}, body)
	if errors.Is(err, journal.ErrStale) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return e.state.Apply(entry)
}

func (e *Engine) act(ctx context.Context, a run.Action) error {
	switch a.Kind {
	case run.ActDo:
		if a.Again {
			if err := e.pause(ctx, a.Step.Pause); err != nil {
				return err
			}
		}
		return e.do(ctx, a.Step, a.Again)
	case run.ActUndo:
		if a.Again {
			if err := e.pause(ctx, time.Second); err != nil {
				return err
			}
		}
		return e.undo(ctx, a.Step, a.Again)
	case run.ActRecover:
		return e.recover(ctx, a.Step, a.Dir)
	case run.ActSkipUndo:
		return e.skip(ctx, a.Step)
	case run.ActBack:
		st := e.state.Step(a.Step.ID)
		if a.From != "" {
			e.Observer.Note(fmt.Sprintf("%s failed: back to before %s, and once more from there", a.Step.ID, a.From))
		}
		return e.append(ctx, run.Decision, "", "", run.Decided{Choice: run.ChooseBack, To: a.To, From: a.From, Step: a.Step.ID, By: "plan", Why: st.Last.Error})
	case run.ActAgain:
		e.Observer.Note("once more, from " + a.From)
		return e.append(ctx, run.Decision, "", "", run.Decided{Choice: run.ChooseAgain, From: a.From, By: "plan"})
	case run.ActLand:
		return e.append(ctx, run.Decision, "", "", run.Decided{Choice: run.ChooseLand, To: a.To, By: "plan"})
	case run.ActMilestone:
		m := e.state.Plan.Milestones[a.Number-1]
		return e.append(ctx, run.MilestoneReached, a.Step.ID, "", run.Reached{Milestone: a.Number, Version: m.Version})
	case run.ActSeal:
		return e.append(ctx, run.Sealed, "", "", struct{}{})
	case run.ActBarrier:
		return e.append(ctx, run.BarrierCrossed, a.Step.ID, "", struct{}{})
	case run.ActClose:
		return e.close(ctx, a)
	}
	return fmt.Errorf("cannot carry out %q: this engine does not know it", a.Kind)
}

func (e *Engine) close(ctx context.Context, a run.Action) error {
	entry, err := e.Journal.CloseRun(context.WithoutCancel(ctx), e.state.Seq, e.state.Run, closing(e.state, a))
	if errors.Is(err, journal.ErrStale) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return e.state.Apply(entry)
}

// pause waits, and ends early when somebody decides.
func (e *Engine) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	wctx, cancel := e.watch(ctx)
	defer cancel()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-wctx.Done():
		return context.Cause(wctx)
	}
}
