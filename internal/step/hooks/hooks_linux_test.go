package hooks_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/plan"
	"upkeep/internal/step"
	"upkeep/internal/step/hooks"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/run/child/childtest"
	"upkeep/internal/step/steptest"
)

type folder = childtest.Folder

// hook writes a script and gives its place in a plan.
func hook(t testing.TB, dir, name, script string) plan.HookFile {
	t.Helper()
	path := filepath.Join(dir, name)
	text := "#!/bin/sh\n" + script + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return plan.HookFile{Path: path, SHA256: hex.EncodeToString(sum[:]), By: "vendor", Phase: "before-install"}
}

func params(dir string, files ...plan.HookFile) plan.HooksParams {
	return plan.HooksParams{Dir: dir, By: "vendor", Phase: "before-install", Files: files, Within: 5 * time.Second,
		Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}, OutputMax: 1 << 20}
}

func TestContract(t *testing.T) {
	for _, undo := range []string{"action", "restore"} {
		t.Run(undo, func(t *testing.T) {
			steptest.Run(t, steptest.Subject[folder]{
				New: func(t *testing.T, k *steptest.Killer) (step.Handler, plan.Step, folder) {
					w, dir := folder(t.TempDir()), t.TempDir()
					p := params(dir, hook(t, dir, "10-a", "echo a > "+w.Path("a")), hook(t, dir, "20-b", "echo b > "+w.Path("b")))
					back := childtest.Sh("rm -f " + w.Path("a") + " " + w.Path("b"))
					if undo == "action" {
						p.Undo = &back
					}
					return hooks.New(childtest.Runner(t, k), childtest.Probes(t)), childtest.Step(t, plan.Step{Verb: "hooks", Undo: undo}, p), w
				},
				Unsure: true,
				Kept: func(f string) string {
					if undo == "action" {
						return f
					}
					return ""
				},
			})
		})
	}
}

type scene struct {
	h   *hooks.Handler
	s   plan.Step
	env step.Env
	log *strings.Builder
}

func open(t *testing.T, s plan.Step, p plan.HooksParams) scene {
	t.Helper()
	s.Verb = "hooks"
	s = childtest.Step(t, s, p)
	env, log := childtest.Env(t, s, step.Forward)
	return scene{hooks.New(childtest.Runner(t, nil), childtest.Probes(t)), s, env, log}
}

func (c scene) do(ctx context.Context) error { return c.h.Do(ctx, c.env, c.s, nil) }

func TestFailureStopsAndNamesTheHook(t *testing.T) {
	dir := t.TempDir()
	after := filepath.Join(dir, "after")
	c := open(t, plan.Step{}, params(dir, hook(t, dir, "10-bad.sh", "echo no room left; exit 7"), hook(t, dir, "20-next.sh", "touch "+after)))
	err := c.do(t.Context())
	for _, want := range []string{"run the vendor hook " + dir + "/10-bad.sh", "exit code 7", "no room left"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if _, err := os.Stat(after); err == nil {
		t.Error("the next hook ran all the same")
	}
}

func TestWarningsDoNotStopTheOthers(t *testing.T) {
	dir := t.TempDir()
	after := filepath.Join(dir, "after")
	c := open(t, plan.Step{Tolerated: true}, params(dir, hook(t, dir, "10-bad.sh", "exit 7"), hook(t, dir, "20-next.sh", "touch "+after)))
	if err := c.do(t.Context()); err == nil {
		t.Error("the failure is not reported")
	}
	if _, err := os.Stat(after); err != nil {
		t.Error("the next hook did not run")
	}
}

// After a crash what has run does not run again; what was cut off is unknown.
func TestFinishedHooksDoNotRunTwice(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	c := open(t, plan.Step{}, params(dir, hook(t, dir, "10-a", "echo a >> "+ran), hook(t, dir, "20-b", "echo b >> "+ran+"; test -e "+dir+"/go"), hook(t, dir, "30-c", "echo c >> "+ran)))
	if err := c.do(t.Context()); err == nil {
		t.Fatal("the second hook did not fail")
	}
	if err := (child.Records{FS: childtest.FS(nil)}).Write(c.env, c.s, step.Forward, "2", child.Record{}); err != nil {
		t.Fatal(err)
	}
	if obs, err := c.h.Observe(t.Context(), c.env, c.s, nil); err != nil || obs.State != step.Unknown || !strings.Contains(obs.Evidence, "20-b") {
		t.Errorf("Observe gives %+v, %v", obs, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(ran); err != nil || string(got) != "a\nb\nb\nc\n" {
		t.Errorf("ran %q, %v", got, err)
	}
}

// Done and taken back a second time, all run a second time.
func TestEachRoundRunsAll(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	p := params(dir, hook(t, dir, "10-a", "echo do >> "+ran))
	back := childtest.Sh(`echo "undo to the $UPKEEP_OUTCOME version" >> ` + ran)
	p.Undo = &back
	c := open(t, plan.Step{Undo: "action"}, p)
	wayBack := c.env
	wayBack.Direction = step.Back
	for range 2 {
		must(t, c.do(t.Context()))
		must(t, c.h.Undo(t.Context(), wayBack, c.s, nil))
		must(t, c.h.Undo(t.Context(), wayBack, c.s, nil))
	}
	round := "do\nundo to the old version\n"
	if b, err := os.ReadFile(ran); err != nil || string(b) != round+round {
		t.Errorf("ran %q, %v", b, err)
	}
}

func TestRefusedHooks(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string, f *plan.HookFile)
		want  string
	}{
		{"changed since the yes", func(t *testing.T, _ string, f *plan.HookFile) {
			appendTo(t, f.Path, "rm -rf /tmp/nothing\n")
		}, "changed since it was approved"},
		{"gone", func(t *testing.T, _ string, f *plan.HookFile) { must(t, os.Remove(f.Path)) }, "no such file"},
		{"writable by others", func(t *testing.T, _ string, f *plan.HookFile) { must(t, os.Chmod(f.Path, 0o757)) }, "can be written by others (mode 757)"},
		{"folder writable by others", func(t *testing.T, dir string, _ *plan.HookFile) { must(t, os.Chmod(dir, 0o775)) }, "can be written by others (mode 775)"},
		{"link", func(t *testing.T, dir string, f *plan.HookFile) {
			must(t, os.Symlink(f.Path, filepath.Join(dir, "link")))
			f.Path = filepath.Join(dir, "link")
		}, "too many levels of symbolic links"},
		{"pipe", func(t *testing.T, dir string, f *plan.HookFile) {
			must(t, os.Remove(f.Path))
			must(t, os.Mkdir(f.Path, 0o755))
		}, "not a regular file"},
		{"of another account", func(t *testing.T, dir string, f *plan.HookFile) {
			lab.Root(t)
			must(t, os.Chown(f.Path, 4711, 4711))
		}, "belongs to another account"},
		{"folder of another account", func(t *testing.T, dir string, f *plan.HookFile) {
			lab.Root(t)
			must(t, os.Chown(dir, 4711, 4711))
		}, "belongs to another account"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			ran := filepath.Join(t.TempDir(), "ran")
			f := hook(t, dir, "10-a", "touch "+ran)
			c.spoil(t, dir, &f)
			err := open(t, plan.Step{}, params(dir, f)).do(t.Context())
			var user *step.UserError
			if !errors.As(err, &user) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Do gives %v, want a user error with %q", err, c.want)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("it ran")
			}
		})
	}
}

func TestEachHasItsOwnTimeLimit(t *testing.T) {
	dir := t.TempDir()
	p := params(dir, hook(t, dir, "10-hangs", "echo waiting for a key; exec sleep 60"))
	p.Within = 100 * time.Millisecond
	began := time.Now()
	err := open(t, plan.Step{}, p).do(t.Context())
	if err == nil || !strings.Contains(err.Error(), "10-hangs") || !strings.Contains(err.Error(), "waiting for a key") {
		t.Errorf("Do gives %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestOutputIsCut(t *testing.T) {
	dir := t.TempDir()
	p := params(dir, hook(t, dir, "10-floods", "head -c 300000 /dev/zero | tr '\\0' 'x' | fold -w 99"))
	p.OutputMax = 10_000
	c := open(t, plan.Step{}, p)
	if err := c.do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.log.Len(); n < 10_000 || n > 30_000 {
		t.Errorf("the log has %d bytes", n)
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		id, phase string
		dir       step.Direction
		want      string
	}{
		{"hooks.before-install", "before-install", step.Forward, "r1:"},
		{"hooks.end-of-run", "end-of-run", step.Forward, "r1:new"},
		{"m1.hooks.end-of-run", "end-of-run", step.Forward, "r1:milestone"},
	} {
		t.Run(c.id, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, plan.Step{ID: c.id, Phase: c.phase}, params(dir, hook(t, dir, "10-a", `echo "got $UPKEEP_RUN:$UPKEEP_OUTCOME"; env | grep -c HOME`)))
			err := s.do(t.Context()) // grep finds no HOME: nothing is inherited
			if err == nil || !strings.Contains(s.log.String(), "got "+c.want+"\n0\n") {
				t.Errorf("Do gives %v, log %q", err, s.log)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	must(t, f.Close())
}
