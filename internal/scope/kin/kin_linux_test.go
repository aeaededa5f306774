package kin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/scope/proc"
	"upkeep/internal/scope/proctest"
)

func TestMain(m *testing.M) {
	if os.Getenv("UPKEEP_TEST_LARGE") != "" {
		large()
	}
	os.Exit(proctest.Main(m))
}

// large is a process of several threads whose memory takes the kernel a while to free.
func large() {
	b := make([]byte, 128<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(b)
}

// A process that is being torn down has lost its environment, by which it was
// found, while it still holds its files and ports: End waits for its end.
func TestEndWaitsForTheDying(t *testing.T) {
	const marker = "UPKEEP_TEST_LARGE=1"
	for name, args := range map[string][]string{"one thread": {"tail", "-c", "128M"}, "threads": {"/proc/self/exe"}} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(args[0], args[1:]...)
			c.Env, c.SysProcAttr = []string{marker}, &syscall.SysProcAttr{Setsid: true}
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if name == "threads" {
				_, err = bufio.NewReader(out).ReadString('\n')
			} else {
				_, err = in.Write(make([]byte, 128<<20))
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := proc.Read(c.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			n, err := (Group{Marker: marker}).End(t.Context(), 0)
			if err != nil || n != 1 {
				t.Errorf("ended %d, %v", n, err)
			}
			if tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.PID)); proc.Running(p.ID) || len(tasks) > 1 {
				t.Errorf("it runs after its end, with %d threads", len(tasks))
			}
			_ = c.Wait()
		})
	}
}

// shell starts a session leader that stays, with jobs in process groups of their own.
func shell(t *testing.T, script string) (leader proc.Proc, printed []int) {
	t.Helper()
	c := exec.Command("bash", "-c", "set -m; "+script+"; echo; wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skip("no bash: ", err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Fields(line) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, n)
	}
	if leader, err = proc.Read(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return leader, printed
}

// As root these tests must not be able to reach the machine's processes.
func TestRunsApart(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: only own processes can be reached anyway")
	}
	first, err := proc.Exe(1)
	if err != nil {
		t.Fatal(err)
	}
	if me, err := proc.Exe(os.Getpid()); err != nil || first != me {
		t.Fatalf("process 1 is %s, not this test: %v", first, err)
	}
}

// A service that somebody started from a login shell is ended without the
// shell and its other jobs.
func TestLoginShellIsNoMember(t *testing.T) {
	sh, jobs := shell(t, "sleep 71 >/dev/null & printf '%s ' $!; sleep 72 >/dev/null & printf '%s ' $!")
	service, err := proc.Read(jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := proc.Read(jobs[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proc.Signal(other.ID, syscall.SIGKILL) })
	g := Group{Leader: service.ID}
	m, err := g.Members()
	if err != nil || len(m) != 1 || m[0].ID != service.ID {
		t.Fatalf("members %v, %v; want the service alone", m, err)
	}
	if n, err := g.End(t.Context(), time.Second); n != 1 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	if !proc.Running(sh.ID) || !proc.Running(other.ID) {
		t.Error("the shell or its other job was ended")
	}
}

func TestEndWithoutGraceOrContext(t *testing.T) {
	_, jobs := shell(t, "(trap '' TERM; sleep 73; sleep 73) >/dev/null & printf '%s ' $!")
	p, err := proc.Read(jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if n, err := (Group{Leader: p.ID}).End(ctx, time.Minute); n < 1 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("a cancelled end took %v", d)
	}
}

func TestCredential(t *testing.T) {
	if _, err := credential("no-such-user"); err == nil || !strings.Contains(err.Error(), "no such account") {
		t.Errorf("unknown account: %v", err)
	}
	if c, err := credential(""); c != nil || err != nil {
		t.Errorf("no account: %v, %v", c, err)
	}
	if os.Geteuid() != 0 {
		_, err := credential("root")
		if !errors.Is(err, ErrNotRoot) {
			t.Errorf("as another without root: %v", err)
		}
		return
	}
	c, err := credential("nobody")
	if err != nil || c.Uid == 0 || len(c.Groups) == 0 {
		t.Errorf("nobody: %+v, %v", c, err)
	}
}

func TestCgroupName(t *testing.T) {
	a, b := CgroupName("op", "run/1/forward"), CgroupName("op", "run-1-forward")
	if a == b || !strings.HasPrefix(a, "op-run-1-forward-") || strings.ContainsAny(a, "/. \n") {
		t.Errorf("names %q and %q", a, b)
	}
	if n := CgroupName("op", strings.Repeat("x/", 500)); len(n) > 100 {
		t.Errorf("a name of %d bytes", len(n))
	}
}

func TestCgroupParentRefusesOddNames(t *testing.T) {
	for _, name := range []string{"", "..", "a/b", ".x", "a\nb"} {
		if _, err := CgroupParent(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

// Processes that cleared their environment and lost their parent are members
// by the session that a member leads, or that a marked process is left in.
func TestSessionFindsOrphans(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   int
	}{
		"leader lives": {"(env -i sleep 81 &) ; exec sleep 81", 2},
		"leader gone":  {"sleep 82 & env -i sleep 82 &", 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := Group{Marker: "UPKEEP_OP=" + t.Name()}
			p, _, err := g.Launch(Launch{Path: "/bin/sh", Args: []string{"sh", "-c", c.script}, Env: []string{"PATH=/usr/bin:/bin"}})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = p.Wait() }()
			t.Cleanup(func() { _, _ = g.End(context.Background(), 0) })
			var m []proc.Proc
			for range 1000 {
				if m, err = g.Members(); err != nil {
					t.Fatal(err)
				}
				if len(m) == c.want && m[0].Name == "sleep" && m[1].Name == "sleep" {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			if len(m) != c.want {
				t.Errorf("members %v, want %d", m, c.want)
			}
			if n, err := g.End(t.Context(), time.Second); n != c.want || err != nil {
				t.Errorf("ended %d, %v", n, err)
			}
		})
	}
}
