package manage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"time"

	"upkeep/internal/database"
	"upkeep/internal/durable"
	"upkeep/internal/engine"
	"upkeep/internal/memo"
	"upkeep/internal/node/local"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/service"
	"upkeep/internal/step"
	"upkeep/internal/step/access"
)

// engineTries is how often an engine that could not keep its journal is
// started anew before a person is waited for; the variable counts them.
const (
	engineTries   = 3
	engineTryName = "UPKEEP_ENGINE_TRY"
)

// Engine carries the open run on in this process, until it is closed or waits
// for a person. It is the body of the engine's own process. When another
// process keeps the run, it ends without an error.
func (in *Installation) Engine(ctx context.Context, id string) error {
	debug.SetMemoryLimit(engineMemory)
	if err := in.ownScope(ctx); err != nil {
		return err
	}
	l, err := in.takeRun(ctx, id)
	if err != nil || l == nil {
		return err
	}
	defer l.release()
	defer in.gate.Close()
	in.easeFullDisk()
	waits, tell, err := in.carryOn(ctx, id)
	if errors.Is(err, engine.ErrJournal) {
		// nothing may be retried in a process whose sync has failed
		return errors.Join(err, in.startAnew(id, l.release))
	}
	if waits {
		// the run is anybody's again, but users must not be left without a page
		l.release()
		in.attend(ctx)
	}
	l.release()
	tell.end()
	return err
}

// takeRun takes the lock for an engine; nil when it is not to carry the run on. A
// command that was too late with a run of its own has the lock for a moment: it
// must not keep the engine of the one that was first from starting.
func (in *Installation) takeRun(ctx context.Context, id string) (*lock, error) {
	for until := time.Now().Add(patience); ; {
		// an engine that comes late must not be in the way of the next command
		if late, err := in.over(ctx, id); err != nil || late {
			return nil, err
		}
		l, held, err := takeLock(in.lockPath())
		if err != nil || held == 0 {
			return l, err
		}
		if time.Now().After(until) || !sleep(ctx, 20*time.Millisecond) {
			return nil, nil
		}
	}
}

// over says that the run is not, or no longer, the open one.
func (in *Installation) over(ctx context.Context, id string) (bool, error) {
	j, err := in.journal(ctx)
	if err != nil {
		return false, err
	}
	defer j.Close()
	row, open, err := j.OpenedRun(ctx)
	return err == nil && !(open && row.ID == id), err
}

// attend keeps the outage page up while the run waits for a person: until the
// gate is down, or the engine that carries the run on answers for it.
func (in *Installation) attend(ctx context.Context) {
	for unread := 0; unread < 240; { // a minute in which nobody can tell
		st, err := in.gate.State(ctx, in.Doc.ID)
		switch {
		case err != nil:
			unread++
		case !st.Answering:
			return
		default:
			unread = 0
		}
		if !sleep(ctx, 250*time.Millisecond) {
			return
		}
	}
}

// startAnew has another process carry the run on. It lets go of the lock only
// right before, so that whoever watches does not come in between.
func (in *Installation) startAnew(id string, letGo func()) error {
	tries, _ := strconv.Atoi(os.Getenv(engineTryName))
	if tries >= engineTries {
		return fmt.Errorf("the engine was started anew %d times and still cannot go on: mend the disk, then upkeep resume", tries)
	}
	time.Sleep(time.Duration(tries+1) * time.Second)
	cmd := exec.Command(in.Exe, "engine", "--installation", in.Path, "--run", id)
	cmd.Env = append(os.Environ(), engineTryName+"="+strconv.Itoa(tries+1))
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Dir = os.Stdout, os.Stderr, detached(), "/"
	letGo()
	return cmd.Start()
}

// engineMemory is what the engine's process should stay below, in bytes: a
// product's server has better uses for its memory. The collector works harder
// near it; nothing fails above it. The program itself takes 25 MB beside it.
const engineMemory = 60 << 20

// full is the room below which a volume counts as full: what the journal, the
// memos and the log of a run need to get on.
const full = 4 << 20

// isFull says whether there is hardly any room left for the state.
func (in *Installation) isFull() bool {
	v, err := in.FS.Free(in.State)
	return err == nil && v.Free < full
}

// easeFullDisk gives the reserve free when there is hardly any room left, so
// that journal and way back have some. Earlier it would be filled by whatever
// fills the disk.
func (in *Installation) easeFullDisk() {
	if in.isFull() {
		if err := absent(in.FS.Remove(in.reservePath())); err != nil {
			fmt.Fprintf(os.Stderr, "cannot give the reserve free: %v\n", err)
		}
	}
}

// carryOn carries the run on, and says whether it waits for a person. Those who are
// told of it may still be on the line.
func (in *Installation) carryOn(ctx context.Context, id string) (waits bool, tell *herald, err error) {
	j, err := openJournal(ctx, in.journalPath())
	if err != nil {
		return false, tell, err
	}
	defer j.Close()
	if err := j.Verify(ctx); err != nil {
		return false, tell, err // nothing is carried on by a journal that is not what was written
	}
	row, ok, err := j.OpenedRun(ctx)
	if err != nil {
		return false, tell, err
	}
	if !ok || row.ID != id {
		return false, tell, nil // it was closed meanwhile
	}
	r, err := in.load(ctx, j, row)
	if err != nil {
		return false, tell, err
	}
	if err := in.approved(ctx, r); err != nil {
		return false, tell, err
	}
	dir := in.RunDir(id)
	log, err := newEventLog(dir)
	if err != nil {
		return false, tell, err
	}
	defer log.close()
	if err := durable.Sweep(in.FS, Unfinished(in.State, id, r.Plan)...); err != nil {
		log.Note(fmt.Sprintf("cannot remove what an interrupted write has left: %v", err)) // it is in nobody's way
	}
	memos := memo.New(in.FS, dir)
	handlers := in.handlers()
	if err := in.resumeModes(ctx, r, memos, handlers["access"].(*access.Handler), log); err != nil {
		log.Note(err.Error())
	}
	users := in.newPages(r)
	tell = in.newHerald(r)
	tell.opened()
	log.began = func(s plan.Step, dir run.Direction) { users.began(s, dir); tell.began(s, dir) }
	log.ended = func(s plan.Step, dir run.Direction, e run.Ended) { users.ended(s, dir, e, time.Now()) }
	e := engine.New(engine.Config{
		Journal: j, Memos: memos, Observer: log, Handlers: handlers, Dir: dir, State: in.State,
		Reaper: &reaper{in: in, plan: r.Plan},
		Strait: func() { in.easeFullDisk(); users.back() },
		Settle: settle,
		Fatal:  func(err error) bool { return errors.Is(err, durable.ErrNotDurable) },
	})
	in.services.Systemd.Together(unitsOf(r.Plan))
	log.line("engine %d goes on with run %s", os.Getpid(), id)
	v, err := e.Run(ctx, r.Plan, id)
	switch {
	case err != nil:
		log.line("the engine ends: %v", err)
		return false, tell, err
	case v.Waiting != nil:
		log.line("the run waits for a decision at %s", v.Waiting.Step.ID)
		users.waits()
		tell.waits(v.State, *v.Waiting, in.Latest(id))
		return true, tell, nil
	}
	log.line("the run is closed: %s on %s", v.State.Closed.Result, v.State.Closed.Version)
	tell.closed(v.State)
	in.startAbandoned(ctx, log.Note)
	if c := v.State.Closed; c.Result == run.ResultNew || c.Result == run.ResultMilestone {
		for _, note := range in.recordStandards(ctx, id, c.Version, databasesOf(r.Plan)) {
			log.line("%s", note)
		}
	}
	return false, tell, absent(in.FS.Remove(in.reservePath()))
}

// resumeModes brings back what entered access modes need of this process: the
// gate's listener, which died with the engine before.
func (in *Installation) resumeModes(ctx context.Context, r *Run, memos *memo.Store, h *access.Handler, log *eventLog) error {
	var errs []error
	for _, s := range r.State.Modes() {
		m, err := memos.Read(s.ID, r.State.Step(s.ID).Memo)
		if err == nil {
			env := step.Env{Run: r.ID, OpID: r.ID + "/" + s.ID + "/do", Direction: step.Forward, Dir: r.Dir, State: in.State, Log: log.Log(), Opened: r.Opened}
			err = h.Resume(ctx, env, s, m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot bring the access mode of %s back: %w", s.ID, err))
		}
	}
	return errors.Join(errs...)
}

// accessModes gives the modes that a plan enters.
func accessModes(p *plan.Plan) []plan.AccessParams {
	var out []plan.AccessParams
	for _, s := range p.Steps {
		if s.Verb != "access" || plan.Ends(s) != "" {
			continue
		}
		if params, err := step.Params[plan.AccessParams](s); err == nil {
			out = append(out, *params)
		}
	}
	return out
}

// reaper ends what an operation has left: children in its scope, sessions in
// the product's databases.
type reaper struct {
	in   *Installation
	plan *plan.Plan
}

// End implements engine.Reaper.
func (r *reaper) End(ctx context.Context, opID string) (int, error) {
	n, err := r.in.runner.End(ctx, r.in.runner.Plan(opID))
	if err != nil {
		return n, err
	}
	for _, d := range databasesOf(r.plan) {
		if d.Kind == "sqlite" {
			continue // it has no sessions beyond its processes
		}
		db, err := r.in.databases.Open(ctx, d, opID)
		if err != nil {
			return n, err
		}
		m, err := db.EndSessions(ctx, opID)
		db.Close()
		n += m
		// a server that is stopped, maybe by this very run, has no sessions; a
		// step that needs it finds out by itself
		if err != nil && !errors.Is(err, database.ErrUnreachable) {
			return n, err
		}
	}
	return n, nil
}

// unitsOf lists the units of systemd that a plan stops.
func unitsOf(p *plan.Plan) []service.Spec {
	var out []service.Spec
	for _, s := range p.Steps {
		if s.Verb != "stop" {
			continue
		}
		if params, err := step.Params[plan.ServiceParams](s); err == nil && params.Inhibit && params.Service.Systemd() {
			out = append(out, local.Spec(params.Service))
		}
	}
	return out
}

// databasesOf lists the databases that a plan touches.
func databasesOf(p *plan.Plan) []plan.Database {
	for _, s := range p.Steps {
		if s.Verb != "backup" {
			continue
		}
		if params, err := step.Params[plan.BackupParams](s); err == nil {
			return params.Databases
		}
	}
	return nil
}
