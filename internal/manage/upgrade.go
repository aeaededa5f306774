package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/files"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// BusyError says that another process is at work on this installation, on a
// run or without one.
type BusyError struct {
	Run string // empty: without one
	PID int
	By  string // who started it, and by what
}

func (e *BusyError) Error() string {
	if e.Run == "" {
		return fmt.Sprintf("another upkeep command (process %d) is at work on this installation; wait until it has ended, then try again", e.PID)
	}
	return fmt.Sprintf("run %s, started by %s, is under way (process %d): there is one run at a time; watch it with upkeep resume, or undo it with upkeep cancel", e.Run, e.By, e.PID)
}

// Start opens a run of the plan to which a person said yes, and starts its
// engine. What the run needs of the releases is copied into the state folder
// first, so that it no longer depends on where they came from.
func (in *Installation) Start(ctx context.Context, p *Prepared, by string) (string, error) {
	if open := p.Plan.Open(); len(open) > 0 {
		return "", &OpenTasksError{Open: open}
	}
	if err := in.mayBegin(p, time.Now()); err != nil {
		return "", err
	}
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the state folder: %w", err)
	}
	lock, err := in.exclusive(ctx)
	if err != nil {
		return "", err
	}
	id, err := in.openRun(ctx, p, by)
	lock.release()
	if err != nil {
		return "", err
	}
	return id, in.Launch(ctx, id)
}

// quiet refuses what must not be done while a run is open, or while the data
// is half restored. The lock is held.
func (in *Installation) quiet(ctx context.Context) error {
	r, err := in.OpenRun(ctx)
	if err != nil {
		return err
	}
	if r != nil {
		return fmt.Errorf("run %s, started by %s, is open, and there is one run at a time: upkeep resume goes on with it, upkeep back undoes it", r.ID, r.StartedBy())
	}
	half, err := in.Restoring()
	if err != nil {
		return err
	}
	if half != nil {
		return half
	}
	return nil
}

// openRun keeps what the run needs and opens it. The lock is held. What it
// has set aside is given free again when the run does not come about.
func (in *Installation) openRun(ctx context.Context, p *Prepared, by string) (id string, err error) {
	if err := in.quiet(ctx); err != nil {
		return "", err
	}
	if n := p.missing(); n > 0 {
		return "", fmt.Errorf("%s of payloads are not fetched yet: upkeep feed fetch brings them", plan.Size(n))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, absent(in.FS.Remove(in.reservePath())))
		}
	}()
	if err := in.FS.Preallocate(in.reservePath(), p.Forecast.Reserve); err != nil {
		return "", fmt.Errorf("cannot set aside %s for the way back: %w", plan.Size(p.Forecast.Reserve), err)
	}
	if p.was != nil && mergesFrom(p.Plan, p.was.Bundle.Digest()) { // what edited files were made from
		if err := in.keepBundle(ctx, p.was.Bundle); err != nil {
			return "", err
		}
	}
	for _, r := range p.Releases {
		if err := in.keepBundle(ctx, r.Bundle); err != nil {
			return "", err
		}
	}
	if err := in.enrol(); err != nil {
		return "", err
	}
	if err := in.FS.WriteFile(in.ownerPath(), []byte(in.Path+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("cannot note whose state this is: %w", err)
	}
	if err := in.forgetUnopened(ctx); err != nil {
		return "", fmt.Errorf("cannot remove what an interrupted command has left: %w", err)
	}
	id, err = in.runFolder(p.Plan)
	if err != nil {
		return "", err
	}
	if raw, err := json.Marshal(p.Forecast); err == nil {
		if err := in.FS.WriteFile(filepath.Join(in.RunDir(id), "forecast.json"), raw, 0o600); err != nil {
			return "", fmt.Errorf("cannot keep the forecast: %w", err)
		}
	}
	if err := in.keepVouch(ctx, p.Plan, id); err != nil {
		return "", err
	}
	if err := in.keepPush(p, id); err != nil {
		return "", err
	}
	approved, err := in.approve(p.Plan, id, by)
	if err != nil {
		return "", err
	}
	j, err := openJournal(ctx, in.journalPath())
	if err != nil {
		return "", err
	}
	defer j.Close()
	if _, err = j.OpenRun(ctx, id, p.Plan, run.Opened{Plan: p.Plan.Digest, By: by, Trigger: p.Plan.Trigger, Engine: Version(), Generation: run.Generation, Origin: in.origin(), Approval: approved}); err != nil {
		return "", fmt.Errorf("cannot open the run: %w", err)
	}
	return id, nil
}

// runFolder makes the folder of a new run, and so its id: two runs of one
// plan within one second, or after the clock was set back, are two runs.
func (in *Installation) runFolder(p *plan.Plan) (id string, err error) {
	if err := in.FS.MkdirAll(filepath.Dir(in.RunDir("x")), 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of runs: %w", err)
	}
	first := time.Now().UTC().Format("20060102-150405") + "-" + p.ID()[:4]
	id = first
	for n := 2; ; n++ {
		err := in.FS.Mkdir(in.RunDir(id), 0o700)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, fs.ErrExist) || n > 1000 {
			return "", fmt.Errorf("cannot make the run's folder: %w", err)
		}
		id = fmt.Sprintf("%s-%d", first, n)
	}
}

// absent takes it for no error that a file was not there.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Forecast gives what was forecast when a run opened; zero when that is not
// known.
func (in *Installation) Forecast(id string) plan.Forecast {
	var f plan.Forecast
	if raw, err := in.FS.ReadFile(filepath.Join(in.RunDir(id), "forecast.json")); err == nil {
		_ = json.Unmarshal(raw, &f) // a forecast that cannot be read is no forecast
	}
	return f
}

// keepBundle copies an opened bundle into the state folder, under its digest.
func (in *Installation) keepBundle(ctx context.Context, b *bundle.Bundle) error {
	at := filepath.Join(in.bundlesDir(), b.Digest())
	if _, err := in.FS.Lstat(at); err == nil {
		if kept, err := bundle.Open(ctx, in.FS, at, bundle.Options{}); err == nil && kept.Digest() == b.Digest() {
			return nil
		}
		if err := in.FS.RemoveAll(at); err != nil {
			return fmt.Errorf("cannot replace the damaged copy of a bundle: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot look at the copy of a bundle: %w", err)
	}
	if err := in.FS.MkdirAll(in.bundlesDir(), 0o700); err != nil {
		return fmt.Errorf("cannot keep the bundle: %w", err)
	}
	if err := absent(in.FS.RemoveAll(at + ".new")); err != nil {
		return fmt.Errorf("cannot remove the half copy that an interrupted command has left: %w", err)
	}
	if _, err := files.CopyTree(ctx, in.FS, b.Dir(), at+".new", files.Options{Mine: true}); err != nil {
		return fmt.Errorf("cannot keep the bundle: %w", err)
	}
	kept, err := bundle.Open(ctx, in.FS, at+".new", bundle.Options{})
	if err != nil {
		return fmt.Errorf("the copy of the bundle: %w", err)
	}
	if kept.Digest() != b.Digest() {
		return fmt.Errorf("the bundle in %s was changed while it was read: nothing was started; look at it and try again", b.Origin())
	}
	if err := in.FS.Rename(at+".new", at); err != nil {
		return fmt.Errorf("cannot keep the bundle: %w", err)
	}
	return nil
}
