package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/approval"
	"upkeep/internal/durable"
	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/plan"
	"upkeep/internal/run"
	"upkeep/internal/scratch"
)

// Run is one run as people see it.
type Run struct {
	journal.Run
	Plan    *plan.Plan
	State   *run.State
	Engine  int         // the process that carries it on; 0 when none does
	Waiting *run.Action // set when a person must decide
	Dir     string      // its log, events and memos
}

// Interrupted says that nobody carries the run on, though nobody has to
// decide anything: its engine died.
func (r *Run) Interrupted() bool {
	return r.Closed.IsZero() && r.Engine == 0 && r.Waiting == nil
}

// StartedBy says who started the run, and by what where that was no command.
func (r *Run) StartedBy() string {
	if r.Trigger == "" || r.Trigger == plan.TriggerCommand {
		return r.By
	}
	return r.By + " (" + r.Trigger + ")"
}

// ErrNoJournal says that nothing was ever run on the installation.
var ErrNoJournal = errors.New("nothing was run on this installation yet")

func (in *Installation) journalPath() string { return filepath.Join(in.State, "journal.db") }
func (in *Installation) lockPath() string    { return filepath.Join(in.State, "lock") }
func (in *Installation) reservePath() string { return filepath.Join(in.State, "reserve") }

// Tidy removes what commands and engines leave that are killed where no run is
// open: right after they have closed theirs, or before they have opened it. It
// does nothing while a run is open.
func (in *Installation) Tidy(ctx context.Context) error {
	scratch.Sweep(in.FS, "")
	unopened, err := in.unopened(ctx)
	if err != nil {
		return err
	}
	_, err = in.FS.Lstat(in.reservePath())
	if errors.Is(err, fs.ErrNotExist) && len(unopened) == 0 {
		return nil
	}
	l, held, err := takeLock(in.lockPath())
	if err != nil || held != 0 {
		return err // whoever has the lock tidies up
	}
	defer l.release()
	if open, err := in.OpenRun(ctx); err != nil || open != nil {
		return err
	}
	return errors.Join(in.forgetUnopened(ctx), durable.Sweep(in.FS, in.standardsDir()), absent(in.FS.Remove(in.reservePath())))
}

// unopened lists the folders of runs that were never opened: they hold at most
// the forecast, the approval and what vouches for the releases, and the journal does not know them. What an engine has worked in
// is never among them.
func (in *Installation) unopened(ctx context.Context) ([]string, error) {
	dirs, err := filepath.Glob(in.RunDir("*"))
	if err != nil || len(dirs) == 0 {
		return nil, err
	}
	var found []string
	for _, dir := range dirs {
		list, err := in.FS.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("cannot look at the runs: %w", err)
		}
		if !slices.ContainsFunc(list, func(e durable.DirEntry) bool {
			return e.Name != "forecast.json" && e.Name != approvalName && e.Name != vouchName && !strings.HasPrefix(e.Name, ".upkeep-tmp-")
		}) {
			found = append(found, dir)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	rows, err := in.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(dir string) bool {
		return slices.ContainsFunc(rows, func(r journal.Run) bool { return r.ID == filepath.Base(dir) })
	}), nil
}

// forgetUnopened removes them. The lock is held.
func (in *Installation) forgetUnopened(ctx context.Context) error {
	dirs, err := in.unopened(ctx)
	for _, dir := range dirs {
		err = errors.Join(err, absent(in.FS.RemoveAll(dir)))
	}
	return err
}

// RunDir is the folder of a run.
func (in *Installation) RunDir(id string) string { return filepath.Join(in.State, "runs", id) }

// journal opens the journal of record; ErrNoJournal when there is none yet,
// since looking must not write.
func (in *Installation) journal(ctx context.Context) (*sqlite.Journal, error) {
	if info, err := os.Lstat(in.journalPath()); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		if ran := in.traces(); ran != "" {
			return nil, fmt.Errorf("%w: %s is empty or gone, but %s shows that runs were made; restore this file from a backup of the computer, or see docs/explanation/recovery.md on going on without it",
				journal.ErrDamaged, in.journalPath(), ran)
		}
		return nil, ErrNoJournal
	}
	j, err := openJournal(ctx, in.journalPath())
	if err != nil {
		return nil, in.foreign(err)
	}
	return j, nil
}

// foreign says in words that another account manages the installation, where
// that is why the journal cannot be used.
func (in *Installation) foreign(err error) error {
	f, why := os.OpenFile(in.journalPath(), os.O_RDWR, 0)
	switch {
	case why == nil:
		f.Close()
	case errors.Is(why, fs.ErrPermission):
		return fmt.Errorf("%s is managed by another account than %s: give the command as that account, or with sudo: %w", in.Doc.ID, in.Account, why)
	}
	return err
}

// traces gives the log of a run that some engine wrote; empty when none ever
// did.
func (in *Installation) traces() string {
	logs, _ := filepath.Glob(filepath.Join(in.RunDir("*"), "log"))
	if len(logs) == 0 {
		return ""
	}
	return logs[0]
}

// OpenRun gives the run that is open; nil when none is.
func (in *Installation) OpenRun(ctx context.Context) (*Run, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	row, ok, err := j.OpenedRun(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return in.load(ctx, j, row)
}

// Runs lists the runs, latest first.
func (in *Installation) Runs(ctx context.Context) ([]journal.Run, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Runs(ctx)
}

// Stamp is another one whenever something was written to the journal.
func (in *Installation) Stamp() string {
	out := ""
	for _, path := range []string{in.journalPath(), in.journalPath() + "-wal"} {
		if info, err := os.Lstat(path); err == nil {
			out += fmt.Sprintf("%d %d ", info.Size(), info.ModTime().UnixNano())
		}
	}
	return out
}

// RunsPage lists at most n runs, latest first, behind the first skip of them.
func (in *Installation) RunsPage(ctx context.Context, skip, n int) ([]journal.Run, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Recent(ctx, skip, n)
}

// Has says whether there is a run of that whole id.
func (in *Installation) Has(ctx context.Context, id string) (bool, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer j.Close()
	_, ok, err := j.Find(ctx, id)
	return ok, err
}

// lastRun gives when the latest run began that has ended.
func (in *Installation) lastRun(ctx context.Context) (time.Time, bool, error) {
	j, err := in.journal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	defer j.Close()
	r, ended, err := j.LastEnded(ctx)
	return r.Opened, ended, err
}

// Run gives one run; the latest when id is empty. A part of an id will do
// when it fits one run only.
func (in *Installation) Run(ctx context.Context, id string) (*Run, error) {
	j, err := in.journal(ctx)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	row, ok, err := j.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		rows, err := j.Runs(ctx)
		if err != nil {
			return nil, err
		}
		if row, err = pick(rows, id); err != nil {
			return nil, err
		}
	}
	return in.load(ctx, j, row)
}

func pick(rows []journal.Run, id string) (journal.Run, error) {
	var found []journal.Run
	for _, r := range rows {
		if r.ID == id || id == "" {
			return r, nil
		}
		if len(id) >= 3 && len(r.ID) > len(id) && (r.ID[:len(id)] == id || r.ID[len(r.ID)-len(id):] == id) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if id == "" {
			return journal.Run{}, ErrNoJournal
		}
		return journal.Run{}, fmt.Errorf("there is no run %s: see upkeep runs list", id)
	}
	return journal.Run{}, fmt.Errorf("%s fits %d runs: give more of the id", id, len(found))
}

func (in *Installation) load(ctx context.Context, j *sqlite.Journal, row journal.Run) (*Run, error) {
	r := &Run{Run: row, Dir: in.RunDir(row.ID)}
	entries, err := j.Entries(ctx, row.ID, 0)
	if err != nil {
		return nil, err
	}
	if row.Closed.IsZero() {
		if err := in.mine(row.ID, entries); err != nil {
			return nil, err
		}
	}
	if r.Plan, err = j.Plan(ctx, row.Plan); err != nil {
		return nil, err
	}
	if r.State, err = run.Fold(r.Plan, entries); err != nil {
		return nil, fmt.Errorf("%w: %w", journal.ErrDamaged, err)
	}
	if row.Closed.IsZero() {
		r.Engine = holder(in.lockPath())
		if a, wait := r.State.Waiting(); wait && r.Engine == 0 {
			r.Waiting = &a
		}
	}
	return r, nil
}

// NoRunError says that a command needs an open run and there is none.
type NoRunError struct{ Want string }

func (e *NoRunError) Error() string {
	return fmt.Sprintf("there is no open run to %s: upkeep status shows where the installation is", e.Want)
}

// Decide records a person's decision on the open run and has the run carried
// on. The choice must be one that the run offers; back is possible until the
// barrier.
func (in *Installation) Decide(ctx context.Context, d run.Decided) (*Run, error) {
	r, err := in.OpenRun(ctx)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, &NoRunError{Want: "decide"}
	}
	if err := allowed(r, d); err != nil {
		return nil, err
	}
	j, err := in.journal(ctx)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	// an engine that is running appends too: fold again until the decision fits
	for tries := 0; ; tries++ {
		_, err = j.Append(ctx, r.State.Seq, run.Entry{Run: r.ID, Kind: run.Decision}, d)
		if !errors.Is(err, journal.ErrStale) || tries == 20 {
			break
		}
		if r, err = in.load(ctx, j, r.Run); err != nil {
			return nil, err
		}
		if err := allowed(r, d); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot record the decision: %w", err)
	}
	return in.load(ctx, j, r.Run)
}

// allowed refuses a decision that the run cannot take. What the journal could
// not be folded with any more must never get into it.
func allowed(r *Run, d run.Decided) error {
	s := r.State
	switch {
	case s.Closed != nil:
		return fmt.Errorf("run %s is closed already", r.ID)
	case d.Choice == run.ChooseBack && s.Barrier:
		return fmt.Errorf("run %s has crossed the barrier: users have worked on %s since, and going back would discard what they did; it can only go on", r.ID, r.To)
	case d.Choice == run.ChooseBack && s.Mode == run.Backing && s.From == "" && d.To >= s.BackTo:
		return fmt.Errorf("run %s is going back already", r.ID)
	case d.Choice != run.ChooseBack && r.Waiting == nil:
		return fmt.Errorf("run %s does not wait for a decision", r.ID)
	case d.Choice != run.ChooseBack && d.Step != r.Waiting.Step.ID:
		return fmt.Errorf("run %s waits at step %s, not %s", r.ID, r.Waiting.Step.ID, d.Step)
	case d.Choice != run.ChooseBack && !slices.Contains(r.Waiting.Choices, d.Choice):
		return fmt.Errorf("%q is no choice here: run %s offers %v", d.Choice, r.ID, r.Waiting.Choices)
	}
	if err := s.Admits(d); err != nil {
		return fmt.Errorf("run %s cannot do that: %w", r.ID, err)
	}
	return nil
}

// Launch starts the engine of the open run as a process of its own, which no
// terminal takes down with it. It is no error when another engine already has
// the run.
func (in *Installation) Launch(ctx context.Context, id string) error {
	dir := in.RunDir(id)
	for until := time.Now().Add(patience); holder(in.lockPath()) != 0; {
		// no engine has told anything yet: it may be a command that was too late with a
		// run of its own
		_, err := os.Lstat(filepath.Join(dir, "events.jsonl"))
		if err == nil || time.Now().After(until) {
			return nil
		}
		if !sleep(ctx, 5*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	scratch.Sweep(in.FS, "")
	out, err := os.OpenFile(filepath.Join(dir, engineLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot start the engine: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(in.Exe, "engine", "--installation", in.Path, "--run", id)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Dir = out, out, detached(), "/"
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the engine: %w; run %s is as it was: upkeep resume goes on with it once that is mended", err, id)
	}
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	// the engine has the run when it has the lock
	for range 6000 { // a machine can be so busy that a process is slow to start
		if held := holder(in.lockPath()); held != 0 && held != os.Getpid() {
			in.watchedOver(ctx)
			return nil
		}
		select {
		case <-gone:
			return nil // it has ended already: the journal says how
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("the engine (process %d) did not take the run within 30 s: see %s", cmd.Process.Pid, out.Name())
}

// engineLog is where an engine says what it cannot say in the run's log.
const engineLog = "engine.log"

// engineSaid gives the last words of a run's engines, and where the rest is.
func (in *Installation) engineSaid(id string) string {
	if in.isFull() {
		return fmt.Sprintf("there is no room left on the volume of %s: make some, then upkeep resume goes on", in.State)
	}
	path := filepath.Join(in.RunDir(id), engineLog)
	raw, err := os.ReadFile(path)
	if err != nil {
		return "see " + path
	}
	lines := strings.Split(strings.TrimSpace(string(raw[max(0, len(raw)-2000):])), "\n")
	return fmt.Sprintf("%s (see %s)", lines[len(lines)-1], path)
}

// Latest is the place in a run's events behind what was told so far.
func (in *Installation) Latest(id string) int64 {
	info, err := os.Stat(filepath.Join(in.RunDir(id), "events.jsonl"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Attach shows the events of a run from a place on (0: its beginning), until
// its engine has ended. An engine that dies is started anew, at most a few times in a row
// without getting on. Ending ctx leaves the run going.
func (in *Installation) Attach(ctx context.Context, id string, from int64, sink func(Event)) (*Run, error) {
	offset := from
	path := filepath.Join(in.RunDir(id), "events.jsonl")
	last, futile := int64(-1), 0
	for {
		var err error
		offset, err = follow(ctx, path, offset, func() bool { return holder(in.lockPath()) != 0 }, sink)
		if err != nil {
			return nil, err
		}
		r, err := in.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.Engine != 0 {
			continue // another engine has it by now
		}
		if !r.Interrupted() {
			return r, nil
		}
		var refused *approval.RefusedError
		if err := in.approved(ctx, r); errors.As(err, &refused) {
			return r, err // so would every further engine
		}
		if r.State.Seq == last {
			futile++
		} else {
			last, futile = r.State.Seq, 0
		}
		if futile >= 3 {
			return r, fmt.Errorf("the engine of run %s ended %d times without getting on: %s", id, futile, in.engineSaid(id))
		}
		if err := in.Launch(ctx, id); err != nil {
			return r, err
		}
	}
}
