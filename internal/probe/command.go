package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"upkeep/internal/scope"
)

// maxOutput is the most that is taken of a program's standard output.
const maxOutput = 4 << 20

// readCommand: what a program writes to standard output. It is run without a
// shell, in a scope of its own, with exactly the declared environment. When it
// fails there is no value, and the evidence has its exit code.
func readCommand(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Commands == nil {
		return Value{}, unreadable(q.arg, errors.New("no commands can be run here"))
	}
	id, fresh, done := e.op.command()
	defer done()
	if err := ctx.Err(); err != nil {
		return Value{}, err
	}
	var out bounded
	result, err := e.deps.Commands.Run(ctx, scope.Command{
		OpID: id, Fresh: fresh, Args: q.Args, Env: q.Env, Account: q.As,
		Deadline: q.timeout, Grace: time.Second, Stdout: &out,
	})
	name := filepath.Base(q.arg)
	var exit *scope.ExitError
	switch {
	case errors.As(err, &exit):
		return Value{Evidence: failure(name, result, exit)}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, missing(err, q.arg))
	case out.cut:
		return Value{}, unreadable(q.arg, fmt.Errorf("it wrote more than %d bytes", maxOutput))
	}
	v, err := q.pick(out.Bytes(), true)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	v.Evidence = fmt.Sprintf("%s, exit code 0", name)
	if !v.Present && q.Select != "" {
		v.Evidence += fmt.Sprintf(", no %s in its output", oneLine(q.Select, 60))
	} else if !v.Present {
		v.Evidence += ", no output"
	}
	return v, nil
}

// run runs a program of the computer's own, and gives what it writes.
func (e *Evaluator) run(ctx context.Context, timeout time.Duration, args ...string) (string, error) {
	if e.deps.Commands == nil {
		return "", errors.New("no commands can be run here")
	}
	id, fresh, done := e.op.command()
	defer done()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var out bounded
	_, err := e.deps.Commands.Run(ctx, scope.Command{OpID: id, Fresh: fresh, Args: args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"},
		Deadline: timeout, Grace: time.Second, Stdout: &out})
	switch {
	case err != nil:
		return "", missing(err, args[0])
	case out.cut:
		return "", fmt.Errorf("%s wrote more than %d bytes", args[0], maxOutput)
	}
	return out.String(), nil
}

func failure(name string, r scope.Result, exit *scope.ExitError) string {
	text := fmt.Sprintf("%s, exit code %d", name, r.ExitCode)
	if exit.Signal != "" {
		text = fmt.Sprintf("%s, ended by signal %s", name, exit.Signal)
	}
	if exit.Last != "" {
		text += ": " + oneLine(exit.Last, 120)
	}
	return text
}

// bounded keeps the first bytes of an output and takes the rest away, so that
// a program that floods is not held up.
type bounded struct {
	bytes.Buffer
	cut bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); len(p) > room {
		b.cut = true
		b.Buffer.Write(p[:room])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
