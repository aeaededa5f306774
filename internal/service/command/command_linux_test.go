package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/durable"
	"upkeep/internal/scope/proctest"
	"upkeep/internal/service"
	"upkeep/internal/service/servicetest"
)

// Pids are no unique names here: tests run in PID namespaces.
var testParent = fmt.Sprintf("upkeep-test-command-%x", time.Now().UnixNano())

func TestMain(m *testing.M) {
	code := proctest.Main(m)
	for _, root := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/unified/"} {
		_ = unix.Rmdir(root + testParent)
	}
	os.Exit(code)
}

func manager(t *testing.T, dir, cgroups string) *Manager {
	t.Helper()
	m, err := New(Options{FS: durable.OS(), Dir: dir, Installation: "test", Cgroups: cgroups})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// spec is a vendor's pair of commands: start forks the script into the
// background and writes a pid file, or fails when it dies within 50 ms.
func spec(dir, id, script string, stop time.Duration) service.Spec {
	pid := filepath.Join(dir, id+".vendor.pid")
	body := filepath.Join(dir, id+".sh")
	if err := os.WriteFile(body, []byte(script+"\n"), 0o600); err != nil {
		panic(err)
	}
	return service.Spec{
		ID: id, Log: filepath.Join(dir, id+".log"), PIDFile: pid, Env: []string{"PATH=/usr/bin:/bin"}, StopTimeout: stop,
		Start: []string{"/bin/sh", "-c", `setsid sh "$1" & echo $! >"$2"; sleep 0.05; kill -0 $! 2>/dev/null || { wait $!; exit $?; }`, "start", body, pid},
		Stop:  []string{"/bin/sh", "-c", `kill "$(cat "$1")"`, "stop", pid},
	}
}

func TestContract(t *testing.T) {
	for _, cgroups := range []string{"-", testParent} {
		t.Run(map[bool]string{true: "session", false: "cgroup"}[cgroups == "-"], func(t *testing.T) {
			if cgroups != "-" && manager(t, t.TempDir(), cgroups).parent == "" {
				t.Skip("no control groups here")
			}
			servicetest.Run(t, func(t *testing.T) servicetest.Factory {
				dir := t.TempDir()
				return servicetest.Factory{
					New: func(t *testing.T) service.Manager { return manager(t, filepath.Join(dir, "state"), cgroups) },
					Spec: func(t *testing.T, id, script string, stop time.Duration) service.Spec {
						return spec(dir, id, script, stop)
					},
				}
			})
		})
	}
}

// The product's own state probe decides, whatever processes there are.
func TestStateProbe(t *testing.T) {
	dir := t.TempDir()
	flag := filepath.Join(dir, "running")
	m, err := New(Options{FS: durable.OS(), Dir: dir, Installation: "test", Cgroups: "-", Running: func(context.Context, service.Spec) (bool, string, error) {
		_, err := os.Stat(flag)
		return err == nil, "", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := service.Spec{ID: "x", Start: []string{"/usr/bin/touch", flag}, Stop: []string{"/bin/rm", flag}, Log: filepath.Join(dir, "log"), StartTimeout: 2 * time.Second, StopTimeout: 2 * time.Second}
	for range 2 {
		if err := m.Start(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := m.State(t.Context(), s); err != nil || !st.Running {
		t.Errorf("state %+v, %v", st, err)
	}
	for range 2 {
		if err := m.Stop(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	bad := s
	bad.Start = []string{"/bin/true"} // exits 0 and starts nothing
	if err := m.Start(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("a start without effect: %v", err)
	}
	if err := m.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	bad = s
	bad.Stop = []string{"/bin/true"}
	if err := m.Stop(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "still runs") {
		t.Errorf("a stop without effect: %v", err)
	}
	bad.Stop = []string{"/bin/sh", "-c", "echo no permission; exit 4"}
	if err := m.Stop(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "exit code 4: no permission") {
		t.Errorf("a stop that fails: %v", err)
	}
	bad = s
	os.Remove(flag)
	bad.Start = []string{"/bin/sleep", "60"} // hangs
	if err := m.Start(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "did not end within 2s") {
		t.Errorf("a start that hangs: %v", err)
	}
	boom := errors.New("probe is broken")
	m.o.Running = func(context.Context, service.Spec) (bool, string, error) { return false, "", boom }
	if err := m.Stop(t.Context(), s); !errors.Is(err, boom) {
		t.Errorf("stop with an unknown state: %v", err)
	}
	m.o.Running = nil
	if _, err := m.State(t.Context(), s); !errors.Is(err, service.ErrSpec) {
		t.Errorf("neither probe nor pid file: %v", err)
	}
}

// A pid file that is older than the process of that number is stale.
func TestStalePIDFile(t *testing.T) {
	dir := t.TempDir()
	m := manager(t, dir, "-")
	s := spec(dir, "x", "true", time.Second)
	if err := os.WriteFile(s.PIDFile, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if st, err := m.State(t.Context(), s); err != nil || !st.Running {
		t.Errorf("a file newer than its process: %+v, %v", st, err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.PIDFile, old, old); err != nil {
		t.Fatal(err)
	}
	if st, err := m.State(t.Context(), s); err != nil || st.Running {
		t.Errorf("a file an hour older than its process: %+v, %v", st, err)
	}
}
