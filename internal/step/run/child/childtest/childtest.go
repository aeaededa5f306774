// Package childtest helps the tests of verbs that run programs: real programs
// whose runs are moments at which the process can die, real probes, and the
// description of a folder. It may be imported by tests only.
package childtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/probe"
	"upkeep/internal/scope"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/steptest"
)

// Commands runs real programs. Each run is a moment of the killer. Scopes get
// names of their own, since tests run side by side with the same steps.
type Commands struct {
	runner *scope.Runner
	point  func(string, func() error) error
	unique string
}

// New makes Commands; k may be nil.
func New(t testing.TB, k *steptest.Killer) *Commands {
	t.Helper()
	r, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &Commands{runner: r, unique: rand.Text(), point: func(_ string, f func() error) error { return f() }}
	if k != nil {
		c.point = k.Point
	}
	return c
}

// Run implements child.Commands.
func (c *Commands) Run(ctx context.Context, cmd scope.Command) (res scope.Result, err error) {
	cmd.OpID = c.unique + "/" + cmd.OpID
	res.ExitCode = -1
	var own error
	err = c.point("run "+filepath.Base(cmd.Args[0]), func() error {
		res, own = c.runner.Run(ctx, cmd)
		return own
	})
	return res, err
}

// Runner gives a child.Runner on the killer's file system.
func Runner(t testing.TB, k *steptest.Killer) child.Runner {
	return child.Runner{Commands: New(t, k), FS: FS(k)}
}

// FS is the killer's file system, or the machine's.
func FS(k *steptest.Killer) durable.FS {
	if k == nil {
		return durable.OS()
	}
	return k.FS()
}

// Probes gives real probes of files and commands. Their commands are no
// moments: a probe changes nothing.
func Probes(t testing.TB) *probe.Evaluator {
	return probe.New(probe.Deps{Commands: New(t, nil), Timeout: 5 * time.Second})
}

// Env is a run's environment in a folder of the test.
func Env(t testing.TB, s plan.Step, d step.Direction) (step.Env, *strings.Builder) {
	log := &strings.Builder{}
	dir := t.TempDir()
	return step.Env{Run: "r1", OpID: "r1/" + s.ID + "/" + string(d), Direction: d, Dir: dir, State: dir, Log: log,
		Progress: func(step.Progress) {}, Touched: func(string) bool { return false }, Opened: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		Recall: func(string) (step.Memo, error) { return nil, nil }}, log
}

// Step makes a step of a verb.
func Step(t testing.TB, s plan.Step, params any) plan.Step {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	s.Params = raw
	if s.ID == "" {
		s.ID = s.Verb
	}
	if s.Title == "" {
		s.Title = s.Verb + " something"
	}
	if s.Deadline == 0 {
		s.Deadline = 10 * time.Second
	}
	if s.Class == "" {
		s.Class = plan.Reversible
	}
	return s
}

// Sh is a command of the shell.
func Sh(script string) plan.RunParams {
	return plan.RunParams{Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}}
}

// FileReads is a probe of a file's content.
func FileReads(path, want string) plan.Probe {
	return plan.Probe{Source: "file", Args: []string{path}, Expect: []string{want}}
}

// Folder describes everything below a folder.
type Folder string

// Fingerprint implements steptest.World.
func (f Folder) Fingerprint() string {
	var b strings.Builder
	err := filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(string(f), path)
		fmt.Fprintf(&b, "%s %s", rel, info.Mode())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", content)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		fmt.Fprintf(&b, "cannot describe: %v\n", err)
	}
	return b.String()
}

// Path gives a path in the folder.
func (f Folder) Path(name string) string { return filepath.Join(string(f), name) }

// Write writes a file of the folder.
func (f Folder) Write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(f.Path(name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
