// Command cmd (make requirements) prints which of the 207 rows the end-to-end tests
// prove, and which rows would notice when a line of an example is taken away.
//
//	go run ./internal/requirements/cmd report [-all] [-beside COMMAND]
//	go run ./internal/requirements/cmd mutants -work FOLDER [-example miniflux] [-rows S3-46,S3-49]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/requirements"
)

// folder of the tests that count: they run the examples through the binary.
const folder = "internal/e2e"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want report or mutants")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return errors.New("run this in the root of the module")
	}
	switch args[0] {
	case "report":
		return report(ctx, root, args[1:])
	case "mutants":
		return mutants(ctx, root, args[1:])
	}
	return fmt.Errorf("want report or mutants, not %q", args[0])
}

func report(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	limit := flags.Duration("limit", time.Hour, "time for the few tests that run in one process")
	all := flags.Bool("all", false, "run, and judge, the end-to-end tests that name no row, too")
	beside := flags.String("beside", "", "a `command` that is run at the same time; what is left of the tests then is run in two lanes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := requirements.Rows()
	if err != nil {
		return err
	}
	tests := &requirements.Tests{}
	if _, err := os.Stat(filepath.Join(root, folder)); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "requirements: there is no %s: no row can be proven\n", folder)
	} else {
		pattern := requirements.Pattern
		if *all {
			pattern = ""
		}
		work := filepath.Join(root, ".cache", "requirements")
		if err := os.MkdirAll(work, 0o755); err != nil {
			return err
		}
		bin, err := requirements.Compile(ctx, root, folder, work, *limit)
		if err != nil {
			return err
		}
		suite := &requirements.Suite{Binary: bin, Pattern: pattern, Beside: strings.Fields(*beside), Log: os.Stderr, Ended: func(t *requirements.Test) {
			fmt.Fprintf(os.Stderr, "%s %s\n", t.Name, t.Verdict)
		}}
		if tests, err = suite.Run(ctx); tests == nil {
			return err
		}
	}
	rep := requirements.Judge(rows, tests)
	failed := rep.Failed
	if *all {
		failed = tests.Failed()
	}
	for _, t := range failed {
		fmt.Fprintf(os.Stderr, "%s\n%s\n", t.Name, strings.Join(t.Output, "\n"))
	}
	if err := rep.Write(os.Stdout); err != nil {
		return err
	}
	if !rep.OK() || len(failed) > 0 {
		return errors.New("a test failed, or could not run")
	}
	return nil
}

func mutants(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	work := flags.String("work", "", "an empty `folder` for copies and binaries")
	example := flags.String("example", "", "only documents below this `folder` of the examples")
	rows := flags.String("rows", "", "only tests that name one of these rows, as S3-46,S3-49")
	parallel := flags.Int("parallel", 2, "mutants at a time")
	limit := flags.Duration("limit", 2*time.Minute, "time for one test")
	budget := flags.Duration("budget", 2*time.Hour, "no new mutant is begun after this time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if list, err := os.ReadDir(*work); err != nil || len(list) > 0 {
		return errors.New("-work must name an empty folder")
	}
	at, err := filepath.Abs(*work)
	if err != nil {
		return err
	}
	bin, err := requirements.Compile(ctx, root, folder, at, *limit)
	if err != nil {
		return err
	}
	named, err := bin.List(ctx, *budget)
	if err != nil {
		return err
	}
	h := &requirements.Hunt{Examples: filepath.Join(root, "examples"), Work: at, Parallel: *parallel, Budget: *budget, Example: *example, Test: bin.Test,
		Log: func(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) }}
	if *rows != "" {
		h.Rows = strings.Split(*rows, ",")
	}
	found, err := h.Run(ctx, named)
	if err != nil {
		return err
	}
	return found.Write(os.Stdout)
}
