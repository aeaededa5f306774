package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"upkeep/internal/site"
)

// TimerFailure is why the last restore point that a timer asked for was not made.
type TimerFailure struct {
	Since time.Time `json:"since"` // of the first failure in a row
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
}

func (in *Installation) timerPath() string { return filepath.Join(in.State, "timer-failed.json") }

// Occupied says why a timer has nothing to do now: a run is open, or somebody is
// at work; nothing otherwise. An interrupted restore is no reason to be calm.
func (in *Installation) Occupied(ctx context.Context) (string, error) {
	r, err := in.OpenRun(ctx)
	if err != nil {
		return "", err
	}
	if r != nil {
		return fmt.Sprintf("run %s is open", r.ID), nil
	}
	return "", nil
}

// NoteTimer keeps why a timer's restore point was not made, for status and
// doctor, until one is.
func (in *Installation) NoteTimer(failed error) error {
	if failed == nil {
		if err := absent(in.FS.Remove(in.timerPath())); err != nil {
			return fmt.Errorf("cannot note that the timer's restore point was made: %w", err)
		}
		return nil
	}
	now := time.Now().UTC().Round(time.Second)
	f := TimerFailure{Since: now, At: now, Why: failed.Error()}
	if before, err := in.TimerFailed(); err == nil && before != nil {
		f.Since = before.Since
	} else if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), tellingMost)
		defer cancel()
		defer in.tell(ctx, notice{event: site.PointFailed, why: f.Why}, nil)
	}
	raw, err := json.MarshalIndent(f, "", " ")
	if err == nil {
		err = in.FS.MkdirAll(in.State, 0o700)
	}
	if err == nil {
		err = in.FS.WriteFile(in.timerPath(), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot note that the timer's restore point was not made: %w", err)
	}
	return nil
}

// TimerFailed gives the failure of the last restore point that a timer asked
// for; nil when it was made, or none was asked for.
func (in *Installation) TimerFailed() (*TimerFailure, error) {
	raw, err := in.FS.ReadFile(in.timerPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f := &TimerFailure{}
	if err == nil {
		err = json.Unmarshal(raw, f)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell whether the timer's restore points are made: %w", err)
	}
	return f, nil
}
