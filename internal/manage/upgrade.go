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
	"upkeep/internal/journal"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/plan"
	"upkeep/internal/run"
)

// BusyError says that another process is carrying on a run of this
// installation.
type BusyError struct {
	Run string
	PID int
	By  string
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("run %s, started by %s, is under way (process %d): there is one run at a time; watch it with upkeep resume, or undo it with upkeep cancel", e.Run, e.By, e.PID)
}

// Start opens a run of the plan to which a person said yes, and starts its
// engine. What the run needs of the releases is copied into the state folder
// first, so that it no longer depends on where they came from.
func (in *Installation) Start(ctx context.Context, p *Prepared, by string) (string, error) {
	if err := in.FS.MkdirAll(in.State, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the state folder: %w", err)
	}
	lock, held, err := takeLock(in.lockPath())
	if err != nil {
		return "", err
	}
	if held != 0 {
		e := &BusyError{PID: held, Run: "?", By: "?"}
		if r, err := in.OpenRun(ctx); err == nil && r != nil {
			e.Run, e.By = r.ID, r.By
		}
		return "", e
	}
	defer func() {
		if lock != nil {
			lock.release()
		}
	}()
	if err := in.FS.Preallocate(in.reservePath(), plan.Reserve); err != nil {
		return "", fmt.Errorf("cannot set aside %s for the way back: %w", plan.Size(plan.Reserve), err)
	}
	for _, r := range p.Releases {
		if err := in.keepBundle(ctx, r.Bundle); err != nil {
			return "", err
		}
	}
	id := time.Now().UTC().Format("20060102-150405") + "-" + p.Plan.ID()[:4]
	dir := in.RunDir(id)
	if err := in.FS.MkdirAll(filepath.Join(dir, "memos"), 0o700); err != nil {
		return "", fmt.Errorf("cannot make the run's folder: %w", err)
	}
	if raw, err := json.Marshal(p.Forecast); err == nil {
		if err := in.FS.WriteFile(filepath.Join(dir, "forecast.json"), raw, 0o600); err != nil {
			return "", fmt.Errorf("cannot keep the forecast: %w", err)
		}
	}
	j, err := sqlite.Open(ctx, in.journalPath(), time.Now)
	if err != nil {
		return "", err
	}
	defer j.Close()
	_, err = j.OpenRun(ctx, id, p.Plan, run.Opened{Plan: p.Plan.Digest, By: by, Trigger: p.Plan.Trigger, Engine: Version()})
	var open *journal.OpenRunError
	if errors.As(err, &open) {
		return "", fmt.Errorf("%w: upkeep resume goes on with it, upkeep back undoes it", err)
	}
	if err != nil {
		return "", fmt.Errorf("cannot open the run: %w", err)
	}
	lock.release()
	lock = nil
	return id, in.Launch(ctx, id)
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
	if _, err := files.CopyTree(ctx, in.FS, b.Dir(), at+".new", files.Options{}); err != nil {
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
