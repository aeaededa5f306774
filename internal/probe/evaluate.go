package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"upkeep/internal/plan"
)

// Read reads the value. The error is *Error, or the context's.
func (e *Evaluator) Read(ctx context.Context, p plan.Probe) (Value, error) {
	s, q, err := prepare(e.sources, p, e.deps.Timeout)
	if err != nil {
		return Value{}, err
	}
	return e.read(ctx, s, q)
}

// List reads every value that the probe gives: each match of its selector, each
// line where it has none.
func (e *Evaluator) List(ctx context.Context, p plan.Probe) ([]string, error) {
	s, q, err := prepare(e.sources, p, e.deps.Timeout)
	if err != nil {
		return nil, err
	}
	q.all = true
	v, err := e.read(ctx, s, q)
	if err != nil || !v.Present {
		return nil, err
	}
	return strings.Split(v.Text, "\n"), nil
}

// Check reads the value and compares it with what the probe expects. The
// verdict is filled also when there is an error; it is then never OK.
func (e *Evaluator) Check(ctx context.Context, p plan.Probe) (Verdict, error) {
	r, err := e.Look(ctx, p)
	return r.Verdict, err
}

// Reading is a value that was read once, and can be compared with more than
// what its probe expects.
type Reading struct {
	Value   Value
	Verdict Verdict // against what the probe expects
	query   query
}

// Look is Check that keeps what was read.
func (e *Evaluator) Look(ctx context.Context, p plan.Probe) (Reading, error) {
	s, q, err := prepare(e.sources, p, e.deps.Timeout)
	if err != nil {
		return Reading{Verdict: Verdict{Got: "unknown", Want: strings.Join(p.Expect, " or "), Evidence: err.Error()}}, err
	}
	v, err := e.read(ctx, s, q)
	if err != nil {
		return Reading{Verdict: Verdict{Got: "unknown", Want: q.want.String(), Evidence: err.Error()}}, err
	}
	return Reading{Value: v, Verdict: q.judge(v), query: q}, nil
}

// Against compares the value with another expectation, as if the probe had it.
func (r Reading) Against(expect ...string) (Verdict, error) {
	q := r.query
	q.Expect = expect
	if err := q.readExpect(""); err != nil {
		return Verdict{Got: r.Verdict.Got, Evidence: err.Error()}, named(err, q.Probe)
	}
	return q.judge(r.Value), nil
}

func (q query) judge(v Value) Verdict {
	ok, why := q.want.Match(v.Text, v.Present)
	verdict := Verdict{OK: ok, Got: "none", Want: q.want.String(), Evidence: v.Evidence}
	if v.Present {
		verdict.Got = oneLine(v.Text, 120)
	}
	if why != "" {
		verdict.Evidence += ": " + why
	}
	return verdict
}

// read bounds a source by its time limit. A read that the kernel does not give
// back (a dead network volume) is left behind rather than waited for.
func (e *Evaluator) read(ctx context.Context, s source, q query) (Value, error) {
	limited, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	type result struct {
		value Value
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := s.read(limited, e, q)
		done <- result{v, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-limited.Done():
		// The source has a moment to say more than that the time has passed.
		grace := time.NewTimer(250 * time.Millisecond)
		defer grace.Stop()
		select {
		case r = <-done:
		case <-grace.C:
			r.err = limited.Err()
		}
	}
	switch {
	case r.err == nil:
		r.value.Text = strings.TrimSpace(r.value.Text)
		return r.value, nil
	case ctx.Err() != nil:
		return Value{}, fmt.Errorf("cannot read %s %s: %w", q.Source, subject(q.Probe), ctx.Err())
	case limited.Err() != nil:
		return Value{}, named(unreadable("", fmt.Errorf("no answer within %s: %w", q.timeout, limited.Err())), q.Probe)
	}
	return Value{}, named(rights(r.err, os.Geteuid() == 0), q.Probe)
}

// rights says what helps where something may not be read.
func rights(err error, root bool) error {
	if !errors.Is(err, fs.ErrPermission) || root || strings.Contains(err.Error(), "root") {
		return err
	}
	var own *Error
	if errors.As(err, &own) {
		mended := *own
		mended.Err = fmt.Errorf("%w: it needs root, or rights for the account that Upkeep runs as", own.Err)
		return &mended
	}
	return fmt.Errorf("%w: it needs root, or rights for the account that Upkeep runs as", err)
}
