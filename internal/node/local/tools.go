package local

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"upkeep/internal/database/command"
	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/scope"
)

// Tools runs the vendors' own tools for their data.
type Tools struct {
	Commands interface {
		Run(ctx context.Context, c scope.Command) (scope.Result, error)
	}
	Probes *probe.Evaluator
	// Give hands a path to an account.
	Give func(path, account string) error
}

func (t Tools) config(fsys durable.FS, db plan.Database, opID string) (command.Config, error) {
	if t.Commands == nil || t.Probes == nil {
		return command.Config{}, fmt.Errorf("cannot open %s: no tool can be run here", db.Component)
	}
	program := func(c plan.ToolCall) command.Program {
		return command.Program{Args: c.Args, As: c.As, Within: c.Within}
	}
	c := command.Config{Name: db.Component, Make: program(db.Tool.Make), Restore: program(db.Tool.Restore), FS: fsys, Give: t.Give,
		Version: t.reads(db.Tool.Version, opID), Content: t.reads(db.Tool.Content, opID), Run: t.run(opID, db.Tool.Env)}
	if len(db.Tool.Verify) > 0 {
		c.Verify = func(ctx context.Context, file string) error { return t.verify(ctx, db.Tool.Verify, opID, file) }
	}
	return c, nil
}

func (t Tools) reads(p *plan.Probe, opID string) func(context.Context) (string, error) {
	if p == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		v, err := t.Probes.For(opID).Read(ctx, *p)
		if err == nil && !v.Present {
			err = fmt.Errorf("the probe %s gave nothing: %s", p.Source, v.Evidence)
		}
		return v.Text, err
	}
}

func (t Tools) verify(ctx context.Context, all []plan.Probe, opID, file string) error {
	for _, p := range all {
		p.Args = replaced(p.Args, file)
		switch v, err := t.Probes.For(opID).Check(ctx, p); {
		case err != nil:
			return err
		case !v.OK:
			return fmt.Errorf("what the tool wrote is not as it should be: it reads %s, wanted is %s (%s)", v.Got, v.Want, v.Evidence)
		}
	}
	return nil
}

func replaced(args []string, file string) []string {
	var out []string
	for _, a := range args {
		out = append(out, strings.ReplaceAll(a, command.File, file))
	}
	return out
}

// run runs a program of the tool in the scope of its operation, so that recovery
// ends what is left of it.
func (t Tools) run(opID string, env []string) command.Run {
	return func(ctx context.Context, p command.Program, stdin io.Reader, stdout io.Writer) error {
		within := p.Within
		if end, ok := ctx.Deadline(); ok && (within <= 0 || time.Until(end) < within) {
			within = time.Until(end)
		}
		_, err := t.Commands.Run(ctx, scope.Command{OpID: opID, Args: p.Args, Account: p.As, Env: env,
			Deadline: max(within, time.Millisecond), Stdin: stdin, Stdout: stdout})
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(p.Args, " "), err)
		}
		return nil
	}
}
