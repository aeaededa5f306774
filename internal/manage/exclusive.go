package manage

import (
	"context"
	"time"
)

// patience is how long a command waits for another one that holds the lock
// while no run is open. An engine that is asked for just when another one has
// closed the run takes the lock for a moment, and so does a command that tidies
// up: whoever types the next command must not be turned away by them.
const patience = 3 * time.Second

// exclusive takes the installation's lock for a command. When another process
// is at work it gives a *BusyError: at once when a run is open, else when the
// other one is still there after some patience.
func (in *Installation) exclusive(ctx context.Context) (*lock, error) {
	for until := time.Now().Add(patience); ; {
		l, held, err := takeLock(in.lockPath())
		if err != nil || held == 0 {
			return l, err
		}
		busy := in.busy(ctx, held)
		if busy.Run != "" || time.Now().After(until) {
			return nil, busy
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
}

// busy says what the process that holds the lock is doing.
func (in *Installation) busy(ctx context.Context, held int) *BusyError {
	e := &BusyError{PID: held}
	if r, err := in.OpenRun(ctx); err == nil && r != nil {
		e.Run, e.By = r.ID, r.StartedBy()
	}
	return e
}
