// Package child runs the programs of the verbs: without a shell, in a scope
// that recovery can end, with the step's time limit, its output in the run's
// log and its last lines in the error. It also keeps the records by which a
// program that ended is told from one that was interrupted.
//
// It may import the model, internal/step, internal/durable, internal/scope
// and the standard library.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/step"
)

// Commands runs a program to its end; *scope.Runner does.
type Commands interface {
	Run(ctx context.Context, c scope.Command) (scope.Result, error)
}

// Runner runs the programs of steps.
type Runner struct {
	Commands Commands
	FS       durable.FS // for the records
	// Settle makes durable what programs have written; nil where nothing is done.
	// What becomes of a program is recorded: a power cut after that must not take
	// its effects away, or some of them.
	Settle func() error
	Boot   string // identity of the computer's boot; empty where it has none
}

// Call is one program of a step.
type Call struct {
	plan.RunParams
	With   []string      // further entries of its environment
	Within time.Duration // its own time limit; 0: what the step has left
	File   *os.File      // runs in place of Args[0], when its sum is SHA256
	SHA256 string
	Stdin  io.Reader // nil: empty
}

// tailLines is how many of its last lines a failure quotes.
const tailLines = 20

// Failure says that a program ended badly, with its last lines.
type Failure struct {
	Name string
	Err  error  // *scope.ExitError, or one that wraps scope.ErrDeadline …
	Tail string // its last lines
}

func (e *Failure) Error() string {
	if e.Tail == "" {
		return e.short() + "; it wrote nothing"
	}
	return e.short() + "; its last lines:\n  " + strings.ReplaceAll(e.Tail, "\n", "\n  ")
}

// short is the failure without what the program wrote.
func (e *Failure) short() string {
	var exit *scope.ExitError
	switch {
	case errors.As(e.Err, &exit) && exit.Signal != "":
		return fmt.Sprintf("%s was ended by a signal: %s", e.Name, exit.Signal)
	case errors.As(e.Err, &exit):
		return fmt.Sprintf("%s failed with exit code %d", e.Name, exit.Code)
	}
	return firstLine(e.Err.Error())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (e *Failure) Unwrap() error { return e.Err }

// Run runs a program. The references that are known only in a run are put
// into its arguments, environment and directory. The error is *step.UserError
// around a *Failure when the program itself failed.
func (r Runner) Run(ctx context.Context, env step.Env, s plan.Step, c Call) (scope.Result, error) {
	if len(c.Args) == 0 {
		return scope.Result{ExitCode: -1}, fmt.Errorf("cannot carry out %s: it names no command", s.ID)
	}
	args := expand(env, c.Args)
	name := filepath.Base(args[0])
	within := s.Deadline
	if end, ok := ctx.Deadline(); ok {
		within = time.Until(end)
	}
	if c.Within > 0 && (within <= 0 || c.Within < within) {
		within = c.Within
	}
	if err := ctx.Err(); err != nil {
		return scope.Result{ExitCode: -1}, fmt.Errorf("cannot run %s: %w", name, context.Cause(ctx))
	}
	res, err := r.Commands.Run(ctx, scope.Command{
		OpID: env.OpID, Args: args, Dir: env.Expand(c.Dir), Account: c.As, Deadline: max(within, time.Millisecond),
		Env:  append(expand(env, c.Env), append(expand(env, c.With), "UPKEEP_RUN="+env.Run)...),
		File: c.File, SHA256: c.SHA256, Stdin: c.Stdin, Output: lines{env}, OutputLimit: c.OutputMax,
	})
	if res.LeftBehind > 0 {
		Log(env, "%s left %d processes behind; they were ended", name, res.LeftBehind)
	}
	if r.Settle != nil {
		if serr := r.Settle(); serr != nil {
			return res, errors.Join(err, fmt.Errorf("cannot make durable what %s has written: %w", name, serr))
		}
	}
	if err == nil || errors.Is(ctx.Err(), context.Canceled) {
		return res, err
	}
	return res, failed(s, name, res, err)
}

func failed(s plan.Step, name string, res scope.Result, err error) error {
	now := "mend what it says, then start the upgrade again; all that it wrote is in the run's log"
	switch {
	case errors.Is(err, scope.ErrChanged):
		return &step.UserError{Msg: "cannot " + s.Title, Err: err, Now: "look at what changed in it, then make a new plan"}
	case errors.Is(err, scope.ErrDeadline):
		now = "find out what it waits for, or give the step more time with limits: in the installation document"
	case res.Duration == 0 && res.ExitCode < 0 && res.Signal == "":
		return &step.UserError{Msg: "cannot " + s.Title, Err: err} // it was not started: the error says why
	}
	return &step.UserError{Msg: "cannot " + s.Title, Err: &Failure{Name: name, Err: err, Tail: Tail(res.Output)}, Now: now}
}

// Tail gives the last lines of an output.
func Tail(output string) string {
	list := strings.Split(strings.TrimRight(output, " \t\r\n"), "\n")
	if len(list) > tailLines {
		list = list[len(list)-tailLines:]
	}
	return strings.Join(list, "\n")
}

func expand(env step.Env, texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = env.Expand(t)
	}
	return out
}

// lines hands a child's lines to the run's log and to who watches.
type lines struct{ env step.Env }

func (l lines) Write(p []byte) (int, error) {
	if l.env.Log != nil {
		if _, err := l.env.Log.Write(append(bytes.TrimRight(bytes.Clone(p), "\n"), '\n')); err != nil {
			return 0, fmt.Errorf("cannot write to the run's log: %w", err)
		}
	}
	Progress(l.env, step.Progress{Line: strings.TrimSpace(string(p))})
	return len(p), nil
}

// Log writes a line of the handler's own into the run's log.
func Log(env step.Env, format string, a ...any) {
	if env.Log != nil {
		fmt.Fprintf(env.Log, format+"\n", a...)
	}
}

// Progress tells who watches how far the step is.
func Progress(env step.Env, p step.Progress) {
	if env.Progress != nil {
		env.Progress(p)
	}
}
