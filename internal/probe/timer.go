package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"upkeep/internal/service"
)

// Timers knows what the computer starts at times: timers of systemd, or
// scheduled tasks of Windows.
type Timers interface {
	// Timer reads one; false when there is none of that name. It starts nothing.
	Timer(ctx context.Context, name string) (service.Timer, bool, error)
}

// readTimer: "active" when a timer waits for its next time, otherwise
// "inactive"; with a selector whether it is "enabled", when it ran "last" and
// will "next", or the "result" of the last time. No value: there is no such
// timer, or nothing to be said yet.
func readTimer(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Timers == nil {
		return Value{}, unreadable(q.arg, errors.New("no timers can be looked at here"))
	}
	t, found, err := e.deps.Timers.Timer(ctx, q.arg)
	switch {
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	case !found:
		return Value{Evidence: "this computer has no timer " + q.arg}, nil
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	v := Value{}
	switch q.Select {
	case "enabled":
		v.Text = t.Enabled
	case "last":
		v.Text = moment(t.Last)
	case "next":
		v.Text = moment(t.Next)
	case "result":
		v.Text = t.Result
	default:
		if v.Text = "inactive"; t.Active {
			v.Text = "active"
		}
	}
	v.Present = v.Text != ""
	said := []string{"is " + t.Enabled}
	if t.Enabled == "" {
		said = nil
	}
	if t.Active {
		said = append(said, "waits for its next time")
	} else {
		said = append(said, "waits for nothing")
	}
	if last := moment(t.Last); last != "" {
		said = append(said, "ran last "+last)
	} else {
		said = append(said, "has not run yet")
	}
	if t.Result != "" {
		said = append(said, "with the result "+t.Result)
	}
	if next := moment(t.Next); next != "" {
		said = append(said, "runs next "+next)
	}
	v.Evidence = fmt.Sprintf("timer %s %s", q.arg, strings.Join(said, ", "))
	return v, nil
}
