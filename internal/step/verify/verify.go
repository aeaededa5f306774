// Package verify is the verb `verify`: the new version is proven by reading it
// back. All versions, services and probes must hold at the same time, several
// times in a row within the step's deadline, so that one blip is no verdict.
// What lies still (plan.VersionCheck.Still) is read once in a row.
//
// It may import the model, internal/step, internal/probe and
// internal/step/run/child.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
)

// Handler carries out `verify` steps.
type Handler struct {
	probes *probe.Evaluator
	settle func() error
}

var _ step.Handler = (*Handler)(nil)

// New makes the handler. Settle makes durable what services and programs had
// written when the step began, since what is read back may be in memory only;
// nil: nothing does.
func New(p *probe.Evaluator, settle func() error) *Handler { return &Handler{p, settle} }

// Prepare implements step.Handler.
func (h *Handler) Prepare(context.Context, step.Env, plan.Step) (step.Memo, error) {
	return step.Memo("{}"), nil
}

// Do implements step.Handler: it waits until all reads as wanted.
func (h *Handler) Do(ctx context.Context, env step.Env, s plan.Step, _ step.Memo) error {
	p, err := step.Params[plan.VerifyParams](s)
	if err != nil {
		return err
	}
	synced := h.settling()
	reader := h.probes.For(env.OpID)
	list := readings(p)
	var hope patience
	var still still
	var one sync.Mutex       // rounds overlap
	runs := map[int]string{} // which invocation of a service was seen
	state := make([]string, len(list))
	err = Steady(ctx, env, p.Consecutive, p.Every, func(ctx context.Context) ([]string, error) {
		var unread atomic.Bool
		wrong, err := together(ctx, len(list), func(ctx context.Context, i int) (string, error) {
			ask := func() (string, bool, string, error) { return list[i].check(ctx, reader) }
			if list[i].still {
				ask = still.once(i, ask)
			}
			text, read, seen, err := ask()
			if text != "" && !read {
				unread.Store(true)
			}
			one.Lock()
			defer one.Unlock()
			if err == nil && text == "" && list[i].probe.Service != nil {
				was := runs[i]
				if runs[i] = seen; was != "" && was != seen {
					text = fmt.Sprintf("%s does not stay up: it was started anew meanwhile (%s, before: %s)", list[i].name, seen, was)
				}
			}
			switch {
			case ctx.Err() != nil: // a round that was cut off says nothing
			case err != nil:
				state[i] = fmt.Sprintf("NOK %v", err)
			case text != "":
				state[i] = "NOK " + text
			default:
				state[i] = fmt.Sprintf("OK  %s: %s", list[i].name, seen)
			}
			return text, err
		})
		if len(wrong) > 0 || err != nil {
			still.again()
		}
		one.Lock()
		defer one.Unlock()
		if err == nil && hope.over(wrong, !unread.Load(), time.Now()) {
			err = &Unsteady{Wrong: wrong, Err: fmt.Errorf("it has read the same for %s", settled)}
		}
		return wrong, err
	})
	// no round goes on: the final state, one by one, for the log
	for _, line := range state {
		if line != "" && env.Log != nil {
			fmt.Fprintln(env.Log, line)
		}
	}
	var not *Unsteady
	if errors.As(err, &not) {
		return &step.UserError{Msg: "cannot " + s.Title, Err: err, Now: "look into the product's own log for why"}
	}
	if err == nil {
		err = <-synced
	}
	return err
}

// settling makes durable what was written until now, beside the reading: what
// takes a moment on a busy disk is no outage of its own.
func (h *Handler) settling() <-chan error {
	done := make(chan error, 1)
	if h.settle == nil {
		done <- nil
		return done
	}
	go func() { done <- h.settle() }()
	return done
}

// Undo implements step.Handler. Nothing was changed.
func (h *Handler) Undo(context.Context, step.Env, plan.Step, step.Memo) error { return nil }

// Observe implements step.Handler.
func (h *Handler) Observe(_ context.Context, env step.Env, _ plan.Step, _ step.Memo) (step.Observation, error) {
	return Unchanged(env), nil
}

// Unchanged is what is observed of a step that changes nothing.
func Unchanged(env step.Env) step.Observation {
	if env.Direction == step.Back {
		return step.Observation{State: step.Old, Evidence: "it changes nothing"}
	}
	return step.Observation{State: step.New, Evidence: "it changes nothing"}
}

// reading is one thing to be read and what it must be.
type reading struct {
	name  string
	probe plan.Probe
	still bool // asked once for all rounds in a row
}

func readings(p *plan.VerifyParams) []reading {
	var out []reading
	for _, v := range p.Versions {
		out = append(out, reading{"version of " + Name(v), Wanted(v), v.Still()})
	}
	for _, s := range p.Services {
		out = append(out, reading{"service " + s.ID, Running(s), false})
	}
	for _, q := range p.Probes {
		out = append(out, reading{strings.TrimSpace(q.Source + " " + strings.Join(q.Args, " ")), q, false})
	}
	return out
}

// still keeps the answers of what lies still for the rounds of one row, so that
// users do not wait for the same reading twice. Its zero value has none.
type still struct {
	mu      sync.Mutex
	answers map[int]answerer
}

type answerer func() (wrong string, read bool, seen string, err error)

// once gives ask, or what an earlier round of the row asked.
func (s *still) once(i int, ask answerer) answerer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.answers[i]; ok {
		return f
	}
	if s.answers == nil {
		s.answers = map[int]answerer{}
	}
	var did sync.Once
	var wrong, seen string
	var read bool
	var err error
	s.answers[i] = func() (string, bool, string, error) {
		did.Do(func() { wrong, read, seen, err = ask() })
		return wrong, read, seen, err
	}
	return s.answers[i]
}

// again begins a new row: all is asked anew.
func (s *still) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.answers)
}

// Name names an instance.
func Name(v plan.VersionCheck) string {
	return plan.UnitID(v.Component, v.Instance)
}

// Wanted is the probe of a version with what it must read.
func Wanted(v plan.VersionCheck) plan.Probe {
	p := v.Probe
	p.Expect = []string{v.Want}
	return p
}

// Running is the probe that a service runs.
func Running(s plan.Service) plan.Probe {
	return plan.Probe{Source: "service", Args: []string{s.ID}, Service: &s, Expect: []string{"running"}}
}

// settled is how long a wrong value must be read without a change before the
// step gives up: what answers, and keeps answering the same, will not become
// the new version, and the users wait outside. What does not answer yet has
// the whole deadline.
const settled = 5 * time.Second

// patience watches for wrong values that do not change any more.
type patience struct {
	wrong []string
	since time.Time
}

// over takes in one round and says whether waiting has become pointless. Read
// says that every complaint is about a value, none about a silence.
func (p *patience) over(wrong []string, read bool, now time.Time) bool {
	if len(wrong) == 0 || !read || !slices.Equal(wrong, p.wrong) {
		p.wrong, p.since = wrong, now
		return false
	}
	return now.Sub(p.since) >= settled
}

// check gives what is wrong, empty when nothing is, whether there was a value
// to judge, and its evidence: of a service that names its invocation.
func (r reading) check(ctx context.Context, reader *probe.Evaluator) (wrong string, read bool, seen string, err error) {
	v, err := reader.Check(ctx, r.probe)
	switch {
	case err != nil && probe.Permanent(err):
		return "", false, "", fmt.Errorf("cannot read the %s: %w", r.name, err)
	case err != nil:
		return fmt.Sprintf("%s: %v", r.name, err), false, "", nil
	case !v.OK:
		return fmt.Sprintf("%s reads %s, wanted is %s (%s)", r.name, v.Got, v.Want, v.Evidence), true, "", nil
	}
	return "", true, v.Evidence, nil
}

// together asks n questions side by side and gives the complaints in order.
func together(ctx context.Context, n int, ask func(context.Context, int) (string, error)) ([]string, error) {
	wrong, errs := make([]string, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { wrong[i], errs[i] = ask(ctx, i) })
	}
	wg.Wait()
	var out []string
	for _, w := range wrong {
		if w != "" {
			out = append(out, w)
		}
	}
	return out, errors.Join(errs...)
}

// Unsteady says what was still wrong when the time had passed.
type Unsteady struct {
	Wrong  []string
	Rounds int
	Err    error // why it ended
}

func (e *Unsteady) Error() string {
	if len(e.Wrong) == 0 {
		return fmt.Sprintf("%v, before all was read often enough (%d times)", e.Err, e.Rounds)
	}
	return strings.Join(e.Wrong, "; ")
}

func (e *Unsteady) Unwrap() error { return e.Err }

// Steady asks in rounds until nothing is wrong several times in a row. Rounds
// begin one pause after the other and do not wait for each other's answers,
// since users wait too; while something is wrong there is one at a time. The
// error is *Unsteady when ctx's deadline passes, ctx's cause when it is
// cancelled, and that of a round when trying again cannot help.
func Steady(ctx context.Context, env step.Env, inARow int, every time.Duration, round func(context.Context) ([]string, error)) error {
	inARow, every = max(inARow, 1), max(every, time.Millisecond)
	asking, stop := context.WithCancel(ctx)
	var open []chan answer // rounds under way, in the order in which they began
	defer func() {
		stop()
		for _, r := range open { // nothing asks on behind the step's back
			<-r
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	var last []string
	for row, n := 0, 0; ; {
		var oldest chan answer
		if len(open) > 0 {
			oldest = open[0]
		}
		due := next.C
		if len(open) >= inARow-row || n > 0 && row == 0 && len(open) > 0 {
			due = nil
		}
		select {
		case <-due:
			r := make(chan answer, 1)
			open = append(open, r)
			go func() {
				wrong, err := round(asking)
				r <- answer{wrong, err}
			}()
			next.Reset(every)
		case a := <-oldest:
			open = open[1:]
			if ctx.Err() != nil { // one that was cut off says less than the one before
				return ended(ctx, last, a.wrong, n)
			}
			if a.err != nil {
				return a.err
			}
			n++
			if row++; len(a.wrong) > 0 {
				row, last = 0, a.wrong
				child.Progress(env, step.Progress{Line: "waiting: " + a.wrong[0]})
			}
			if row >= inARow {
				return nil
			}
		case <-ctx.Done():
			var cut []string
			if oldest != nil {
				cut, open = (<-oldest).wrong, open[1:]
			}
			return ended(ctx, last, cut, n)
		}
	}
}

// answer is what a round gave.
type answer struct {
	wrong []string
	err   error
}

// ended is the error of a wait that its context has ended.
func ended(ctx context.Context, last, cut []string, rounds int) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	if len(last) == 0 {
		last = cut
	}
	return &Unsteady{Wrong: last, Rounds: rounds, Err: context.Cause(ctx)}
}
