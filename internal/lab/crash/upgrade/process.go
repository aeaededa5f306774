package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/engine"
	"upkeep/internal/journal"
	"upkeep/internal/lab/tap"
	"upkeep/internal/manage"
	"upkeep/internal/memo"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
)

// errDead is what every call gives in a process that has ended.
var errDead = errors.New("the process has ended")

// process is one engine from its start to its end, with its place in the
// numbers: every operation that changes something is counted, and the process
// may end at one of them, or see it fail.
type process struct {
	w        *World
	mu       sync.Mutex
	n        int
	dead     bool
	running  bool // the engine is at work on the run
	ops      []tap.Op
	before   func(n int, op tap.Op) // called before each operation
	torn     int                    // the process ends in the middle of this one; 0: of none
	refuse   int                    // this operation fails, once
	errno    error                  // and that is how
	fails    string                 // the migration to this schema fails half way
	stubborn map[string]bool        // "web stop": a service that does not do it
	going    orphan                 // the program that runs
	mutant   *Mutant                // what is wrong with this Upkeep; nil: nothing
}

// hook is every operation of the process.
func (p *process) hook(op tap.Op, do func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock() // operations come one after the other, whoever asks
	if p.dead {
		return errDead
	}
	p.n++
	if p.before != nil {
		p.before(p.n, op)
	}
	switch p.n {
	case p.torn:
		p.dead = true
		if op.Torn != nil {
			_ = op.Torn()
		}
		return errDead
	case p.refuse:
		return p.failed(op)
	}
	if p.mutant != nil && p.mutant.hook != nil {
		inner := do
		do = func() error { return p.mutant.hook(p, op, inner) }
	}
	if p.running {
		p.w.order(op)
	}
	err := do()
	p.w.look(op.String())
	return err
}

// failed is how an operation fails.
func (p *process) failed(op tap.Op) error {
	switch op.Kind {
	case "file":
		err := p.errno
		if op.Name == "Sync" || op.Name == "SyncDir" || op.Name == "SyncFile" || op.Name == "SyncTree" {
			if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EBUSY) {
				err = syscall.EIO
			}
			err = fmt.Errorf("%w: %w", durable.ErrNotDurable, err)
		}
		return &durable.Error{Op: op.Name, Path: op.Path, Other: op.Other, Err: err}
	}
	return fmt.Errorf("%s %s: %w", op.Name, op.Path, p.errno)
}

// journal counts what is committed.
type journalTap struct {
	engine.Journal
	p *process
}

func (j journalTap) Append(ctx context.Context, after int64, e run.Entry, body any) (out run.Entry, err error) {
	err = j.p.effect("journal", string(e.Kind), string(e.Dir)+" "+e.Step, func() (err error) {
		out, err = j.Journal.Append(ctx, after, e, body)
		return err
	})
	return out, err
}

func (j journalTap) CloseRun(ctx context.Context, after int64, id string, c journal.Closing) (out run.Entry, err error) {
	err = j.p.effect("journal", "RunClosed", "", func() (err error) {
		out, err = j.Journal.CloseRun(ctx, after, id, c)
		return err
	})
	return out, err
}

// verdict is how an engine left the run.
type verdict struct {
	closed  *run.Closed
	waiting *run.Action
	err     error
}

// engine carries the run on until it is closed, waits, or the process ends.
func (p *process) engine(ctx context.Context, pl *plan.Plan, id string) verdict {
	w := p.w
	files := tap.FS(w.Disk, p.hook)
	dir := filepath.Join(w.p.State, "runs", id)
	mutant := p.mutant
	if mutant == nil {
		mutant = &Mutant{}
	}
	if !mutant.noSweep {
		if err := durable.Sweep(files, manage.Unfinished(w.p.State, id, pl)...); err != nil {
			return verdict{err: err}
		}
	}
	made := wiring{p.handlers(files), memo.New(files, dir), journalTap{w.Journal, p}}
	if !mutant.noModes {
		if err := p.resume(ctx, pl, id, dir, made.memos, made.handlers["access"].(*access.Handler)); err != nil {
			return verdict{err: err}
		}
	}
	if mutant.wrap != nil {
		mutant.wrap(p, &made)
	}
	e := engine.New(engine.Config{
		Journal: made.journal, Memos: made.memos, Reaper: reaper{p, !mutant.noReaper}, Observer: silent{}, Handlers: made.handlers, Dir: dir, State: w.p.State, Poll: time.Hour,
		Settle: func() error {
			if mutant.noSettle {
				return nil
			}
			return files.SyncTree(filepath.Dir(w.p.Root))
		},
		Fatal: func(err error) bool { return errors.Is(err, durable.ErrNotDurable) },
	})
	p.running = true
	v, err := e.Run(ctx, pl, id)
	p.running = false
	out := verdict{waiting: v.Waiting, err: err}
	if v.State != nil {
		out.closed = v.State.Closed
	}
	if out.closed != nil && out.err == nil { // as the engine's own process does
		if err := files.Remove(filepath.Join(w.p.State, "reserve")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			out.err = err
		}
	}
	if p.dead {
		return verdict{err: errDead}
	}
	return out
}

// resume brings back what the modes in force need, as every engine does first.
func (p *process) resume(ctx context.Context, pl *plan.Plan, id, dir string, memos engine.Memos, h *access.Handler) error {
	s, err := p.state(ctx, pl, id)
	if err != nil {
		return err
	}
	for _, st := range s.Modes() {
		m, err := memos.Read(st.ID, s.Step(st.ID).Memo)
		if err != nil {
			return err
		}
		env := step.Env{Run: id, OpID: id + "/" + st.ID + "/do", Direction: step.Forward, Dir: dir, State: p.w.p.State, Opened: s.OpenedAt}
		if err := h.Resume(ctx, env, st, m); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) state(ctx context.Context, pl *plan.Plan, id string) (*run.State, error) {
	entries, err := p.w.Journal.Entries(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	return run.Fold(pl, entries)
}

// reaper ends what is left of a step's programs.
type reaper struct {
	p     *process
	works bool
}

func (r reaper) End(_ context.Context, op string) (int, error) {
	n := 0
	for i := 0; i < len(r.p.w.Orphans) && r.works; {
		if o := r.p.w.Orphans[i]; o.op == op {
			r.p.w.Orphans = slices.Delete(r.p.w.Orphans, i, i+1)
			n++
		} else {
			i++
		}
	}
	return n, nil
}
