package scope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/scope/kin"
	"upkeep/internal/scope/proc"
	"upkeep/internal/scope/proctest"
)

// Pids are no unique names here: tests run in PID namespaces.
var testParent = fmt.Sprintf("upkeep-test-scope-%x", time.Now().UnixNano())

func TestMain(m *testing.M) {
	if os.Getenv("SCOPE_TEST_ENGINE") != "" {
		engineMain()
	}
	code := proctest.Main(m)
	for _, root := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/unified/"} {
		_ = unix.Rmdir(root + testParent)
	}
	os.Exit(code)
}

// engineMain is an engine that runs one child and is killed by its test.
func engineMain() {
	r, err := New(Options{Cgroups: os.Getenv("SCOPE_TEST_ENGINE")})
	if err == nil {
		_, err = r.Run(context.Background(), Command{OpID: os.Getenv("SCOPE_TEST_OP"), Args: []string{"sh", "-c", os.Getenv("SCOPE_TEST_SCRIPT")}, Env: env, Deadline: time.Minute})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

var env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}

// mechanisms runs a test with control groups, where there are any, and without.
func mechanisms(t *testing.T, f func(t *testing.T, r *Runner)) {
	t.Run("session", func(t *testing.T) {
		r, err := New(Options{Cgroups: "-"})
		if err != nil {
			t.Fatal(err)
		}
		f(t, r)
	})
	t.Run("cgroup", func(t *testing.T) {
		r, err := New(Options{Cgroups: testParent})
		if err != nil {
			t.Fatal(err)
		}
		if _, why := r.Mechanism(); why != "" {
			t.Skip("no control groups here: " + why)
		}
		f(t, r)
	})
}

func op(t *testing.T) string { return fmt.Sprintf("%s/%d/forward", t.Name(), time.Now().UnixNano()) }

func sh(t *testing.T, script string) Command {
	return Command{OpID: op(t), Args: []string{"sh", "-c", script}, Env: env, Deadline: 10 * time.Second, Grace: 300 * time.Millisecond}
}

// nothingLeft fails when the scope, or a process whose arguments hold mark, lives.
func nothingLeft(t *testing.T, r *Runner, ref Ref, mark string) {
	t.Helper()
	if left, err := r.Alive(ref); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, p := range withArg(t, mark) {
		t.Errorf("still running: %s", p)
		_ = proc.Signal(p.ID, unix.SIGKILL)
	}
	if ref.Cgroup != "" {
		if _, err := os.Stat(ref.Cgroup); err == nil {
			t.Errorf("control group %s is left", ref.Cgroup)
		}
	}
}

func withArg(t *testing.T, mark string) (out []proc.Proc) {
	t.Helper()
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if args, err := proc.Args(p.PID); err == nil && len(args) > 1 && args[0] == "sleep" && args[1] == mark && !p.Dead() {
			out = append(out, p)
		}
	}
	return out
}

// mark is a number of seconds that no other test sleeps.
func mark() string {
	return fmt.Sprintf("%d.%09d", 300+time.Now().Unix()%1000, time.Now().UnixNano()%1e9)
}

func TestRunOutcomes(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		for _, c := range []struct {
			name, script string
			code         int
			out, err     string
		}{
			{name: "well", script: "echo one; echo two >&2", out: "one\ntwo\n"},
			{name: "badly", script: "echo no such column >&2; exit 3", code: 3, out: "no such column\n", err: "sh failed with exit code 3: no such column"},
			{name: "by a signal", script: "kill -SEGV $$", code: -1, err: "sh was ended by a signal: segmentation fault"},
			{name: "no environment", script: "echo ${HOME-unset} $PWD", out: "unset /\n"},
			{name: "empty input", script: "cat; echo end", out: "end\n"},
			{name: "no terminal", script: "(: </dev/tty) 2>/dev/null || echo none", out: "none\n"},
		} {
			t.Run(c.name, func(t *testing.T) {
				var log bytes.Buffer
				cmd := sh(t, c.script)
				cmd.Output = &log
				res, err := r.Run(t.Context(), cmd)
				if fmt.Sprint(err) != c.err && (c.err != "" || err != nil) {
					t.Errorf("error %q, want %q", err, c.err)
				}
				if res.ExitCode != c.code || res.Output != c.out || log.String() != c.out {
					t.Errorf("exit %d, kept %q, log %q; want %d and %q", res.ExitCode, res.Output, log.String(), c.code, c.out)
				}
				nothingLeft(t, r, res.Scope, "none")
			})
		}
	})
}

func TestRefusedBeforeStart(t *testing.T) {
	r, err := New(Options{Cgroups: testParent})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func(*Command)
		err  string
	}{
		{"empty", func(c *Command) { c.Args = nil }, "it is empty"},
		{"no operation", func(c *Command) { c.OpID = "" }, "no operation id"},
		{"no time limit", func(c *Command) { c.Deadline = 0 }, "no time limit"},
		{"not in PATH", func(c *Command) { c.Args = []string{"pg_dumpp"} }, `pg_dumpp: not found in its PATH "/usr/bin:/bin"`},
		{"relative", func(c *Command) { c.Args = []string{"./x"} }, "whole path"},
		{"no such program", func(c *Command) { c.Args = []string{"/no/such"} }, "no such program"},
		{"not executable", func(c *Command) { c.Args = []string{"/etc/passwd"} }, "not executable"},
		{"no directory", func(c *Command) { c.Dir = "/no/such" }, "no directory /no/such"},
		{"no account", func(c *Command) { c.Account = "no-such-user" }, "cannot run as no-such-user: no such account"},
		{"bad environment", func(c *Command) { c.Env = append(c.Env[:2:2], "secret") }, "not NAME=VALUE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := sh(t, "true")
			c.edit(&cmd)
			res, err := r.Run(t.Context(), cmd)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if res.Scope.Cgroup != "" && cmd.OpID != "" {
				if _, err := os.Stat(res.Scope.Cgroup); err == nil {
					t.Error("an empty control group is left")
				}
			}
		})
	}
}

func TestHangIsEndedWithAllItForked(t *testing.T) {
	for name, script := range map[string]string{
		"hangs":             `sleep MARK`,
		"ignores TERM":      `trap "" TERM; sleep MARK; sleep MARK`,
		"own session":       `setsid sleep MARK & sleep MARK`,
		"forks and forks":   `(setsid sh -c "(sleep MARK &) ; sleep MARK" &) ; sleep MARK`,
		"stopped":           `kill -STOP $$; sleep MARK`,
		"clean environment": `env -i setsid sleep MARK & sleep MARK`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mechanisms(t, func(t *testing.T, r *Runner) {
				m := mark()
				cmd := sh(t, "echo begun; "+strings.ReplaceAll(script, "MARK", m))
				cmd.Deadline, cmd.Grace = 300*time.Millisecond, 100*time.Millisecond
				begin := time.Now()
				res, err := r.Run(t.Context(), cmd)
				if !errors.Is(err, ErrDeadline) || !strings.Contains(err.Error(), "after 300ms; its last words: begun") {
					t.Errorf("error %v", err)
				}
				if d := time.Since(begin); d < 300*time.Millisecond || d > 3*time.Second {
					t.Errorf("took %v", d)
				}
				nothingLeft(t, r, res.Scope, m)
			})
		})
	}
}

func TestCancelEndsTheScope(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		m := mark()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		res, err := r.Run(ctx, sh(t, "setsid sleep "+m+" & wait"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		nothingLeft(t, r, res.Scope, m)
	})
}

// A child that leaves a process behind which holds its output open must not
// hang the run; the process is ended and counted.
func TestLeftBehindIsEndedAndCounted(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		m := mark()
		begin := time.Now()
		res, err := r.Run(t.Context(), sh(t, "sleep "+m+" & setsid sleep "+m+" & echo ok"))
		if err != nil || res.LeftBehind != 2 || res.Output != "ok\n" {
			t.Errorf("left %d, output %q, error %v; want 2, ok, none", res.LeftBehind, res.Output, err)
		}
		if d := time.Since(begin); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
		nothingLeft(t, r, res.Scope, m)
	})
}

// One that ends by itself within the moment given is not counted.
func TestShortChildMayFinish(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		res, err := r.Run(t.Context(), sh(t, "(sleep 0.05; echo late) & echo early"))
		if err != nil || res.LeftBehind != 0 || res.Output != "early\nlate\n" {
			t.Errorf("left %d, output %q, error %v", res.LeftBehind, res.Output, err)
		}
	})
}

// What clears its environment, leaves the session and then loses its parent
// was seen before, and is ended too.
// A stopped process hears TERM too, and may clean up.
func TestFloodCostsBoundedMemory(t *testing.T) {
	const flood = 100 << 20
	r, err := New(Options{Cgroups: testParent})
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"lines":    "yes 0123456789abcdef | head -c 104857600; echo; echo the end",
		"one line": "head -c 104857600 /dev/zero; echo; echo the end",
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			cmd := sh(t, script)
			cmd.Output, cmd.OutputLimit = &log, 64<<10
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := r.Run(t.Context(), cmd)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
				t.Errorf("%d bytes were allocated for a flood of %d", got, flood)
			}
			if res.Bytes < flood || res.Truncated < flood-64<<10 || len(res.Output) > TailSize+8 {
				t.Errorf("bytes %d, truncated %d, kept %d", res.Bytes, res.Truncated, len(res.Output))
			}
			if !strings.HasSuffix(res.Output, "the end\n") || !strings.HasSuffix(log.String(), "the end\n") {
				t.Errorf("the end is lost: kept …%q", lastBytes(res.Output, 40))
			}
			if !strings.Contains(log.String(), "writes more than 65536 bytes; cut here]") || !strings.Contains(log.String(), "bytes were cut") {
				t.Errorf("the cut is not told; log of %d bytes", log.Len())
			}
			if log.Len() > 64<<10+8<<10 {
				t.Errorf("log has %d bytes", log.Len())
			}
		})
	}
}

// Recovery: the engine is killed with -9, and another one ends what is left,
// knowing only what was planned before the start.
func TestAccount(t *testing.T) {
	r, err := New(Options{Cgroups: testParent})
	if err != nil {
		t.Fatal(err)
	}
	cmd := sh(t, "id -un; id -G; test -w /etc/shadow || echo closed")
	cmd.Account = "nobody"
	if os.Geteuid() != 0 {
		cmd.Account = "root"
	}
	res, err := r.Run(t.Context(), cmd)
	if os.Geteuid() != 0 {
		if !errors.Is(err, kin.ErrNotRoot) || !strings.Contains(err.Error(), "cannot run as root: not root") {
			t.Errorf("error %v", err)
		}
		return
	}
	if err != nil || res.Output != "nobody\n65534\nclosed\n" {
		t.Errorf("output %q, error %v", res.Output, err)
	}
}

func writeScript(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(p, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}
