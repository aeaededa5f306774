package cli

import (
	"context"
	"fmt"
	"time"

	"upkeep/internal/cli/show"
	"upkeep/internal/document"
	"upkeep/internal/manage"
)

// Bounds of check --watch: often enough to be of use, seldom enough to be no load.
const (
	watchEvery = "5m" // where --watch has no value
	watchLeast = time.Second
)

// interval is the value of --watch.
type interval time.Duration

func (i *interval) String() string { return show.Duration(time.Duration(*i)) }

// Type names it in the usage.
func (i *interval) Type() string { return "TIME" }

func (i *interval) Set(s string) error {
	d, err := document.ParseDuration(s)
	if err == nil && d < watchLeast {
		err = fmt.Errorf("%s is less than %s", s, watchLeast)
	}
	*i = interval(d)
	return err
}

// lookAgain looks again and again, and shows what has changed. It ends when it is
// interrupted, with the exit code of what it saw last. What cannot be looked at
// now (a run is under way, somebody edits a document) is said once, and looked at
// again.
func (a *App) lookAgain(ctx context.Context, every time.Duration, from string, look func(again bool) (manage.Readiness, error)) (manage.Readiness, error) {
	last, err := look(false)
	if err != nil {
		return last, err
	}
	if a.format == "json" {
		err = a.json(last)
	} else {
		a.print(show.Readiness(last, a.command(), from, a.width()))
		a.say(fmt.Sprintf("\nLooking again every %s until it is interrupted with Ctrl+C.\n", show.Duration(every)))
	}
	said := ""
	tick := time.NewTicker(every)
	defer tick.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			return last, nil
		case <-tick.C:
		}
		now, failed := look(true)
		switch {
		case ctx.Err() != nil:
			return last, nil
		case failed != nil:
			if failed.Error() != said {
				said = failed.Error()
				a.say(clock() + "  " + show.Careful("not looked at: "+said) + "\n")
			}
			continue
		}
		said = ""
		changed := now.Since(last)
		switch last = now; {
		case len(changed) == 0:
		case a.format == "json":
			err = a.json(now)
		default:
			a.print(show.Changed(clock(), changed, a.command(), from, a.width()))
		}
	}
	return last, err
}

func clock() string { return time.Now().Format("15:04:05") }

// idle says why an installation cannot be looked at: a run is open.
func idle(ctx context.Context, in *manage.Installation) error {
	r, err := in.OpenRun(ctx)
	switch {
	case err != nil || r == nil:
		return err
	case r.Engine != 0:
		return &manage.BusyError{Run: r.ID, PID: r.Engine, By: r.StartedBy()}
	}
	return fmt.Errorf("run %s waits: see upkeep status", r.ID)
}
