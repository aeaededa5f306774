package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/durable"
	"upkeep/internal/scope/proc"
	"upkeep/internal/scope/proctest"
	"upkeep/internal/service"
	"upkeep/internal/service/servicetest"
)

// Pids are no unique names here: tests run in PID namespaces.
var testParent = fmt.Sprintf("upkeep-test-process-%x", time.Now().UnixNano())

func TestMain(m *testing.M) {
	if dir := os.Getenv("PROCESS_TEST_ENGINE"); dir != "" {
		engineMain(dir)
	}
	code := proctest.Main(m)
	for _, root := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/unified/"} {
		_ = unix.Rmdir(root + testParent)
	}
	os.Exit(code)
}

// engineMain starts a service and waits to be killed.
func engineMain(dir string) {
	m, err := New(Options{FS: durable.OS(), Dir: dir, Installation: "test", Cgroups: os.Getenv("PROCESS_TEST_CGROUPS")})
	if err == nil {
		err = m.Start(context.Background(), service.Spec{ID: "web", Run: []string{"/bin/sleep", os.Getenv("PROCESS_TEST_MARK")}})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	time.Sleep(time.Minute)
	os.Exit(1)
}

func manager(t *testing.T, dir, cgroups string) *Manager {
	t.Helper()
	m, err := New(Options{FS: durable.OS(), Dir: dir, Installation: "test", Cgroups: cgroups})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mechanisms runs a test with control groups, where there are any, and without.
func mechanisms(t *testing.T, f func(t *testing.T, cgroups string)) {
	t.Run("session", func(t *testing.T) { f(t, "-") })
	t.Run("cgroup", func(t *testing.T) {
		if m := manager(t, t.TempDir(), testParent); m.parent == "" {
			t.Skip("no control groups here")
		}
		f(t, testParent)
	})
}

func TestContract(t *testing.T) {
	mechanisms(t, func(t *testing.T, cgroups string) {
		servicetest.Run(t, func(t *testing.T) servicetest.Factory {
			dir := t.TempDir()
			return servicetest.Factory{
				New: func(t *testing.T) service.Manager { return manager(t, filepath.Join(dir, "state"), cgroups) },
				Spec: func(t *testing.T, id, script string, stop time.Duration) service.Spec {
					return service.Spec{ID: id, Run: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Log: filepath.Join(dir, id+".log"), StopTimeout: stop}
				},
			}
		})
	})
}

var seq int

func mark() string {
	seq++
	return fmt.Sprintf("%d.%09d", 5000+seq, time.Now().UnixNano()%1e9)
}

// The engine is killed with everything in its process group; the service runs
// on, and the next engine finds it, even when the pid file is lost.
func TestServiceOutlivesEngine(t *testing.T) {
	mechanisms(t, func(t *testing.T, cgroups string) {
		dir, k := t.TempDir(), mark()
		engine := exec.Command(os.Args[0], "-test.run=^$")
		engine.Env = []string{"PROCESS_TEST_ENGINE=" + dir, "PROCESS_TEST_CGROUPS=" + cgroups, "PROCESS_TEST_MARK=" + k}
		engine.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := engine.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := engine.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, _ := out.Read(buf)
		if got := string(buf[:n]); got != "started\n" {
			t.Fatalf("engine says %q", got)
		}
		_ = syscall.Kill(-engine.Process.Pid, syscall.SIGKILL)
		_ = engine.Wait()

		s := service.Spec{ID: "web", Run: []string{"/bin/sleep", k}, StopTimeout: time.Second}
		m := manager(t, dir, cgroups)
		t.Cleanup(func() { _ = m.Stop(context.Background(), s) })
		first, err := m.State(t.Context(), s)
		if err != nil || !first.Running {
			t.Fatalf("after the engine's death: %+v, %v", first, err)
		}
		if err := os.Remove(filepath.Join(dir, "web.pid")); err != nil {
			t.Fatal(err)
		}
		if st, err := m.State(t.Context(), s); err != nil || st != first {
			t.Errorf("without its pid file: %+v, %v; want %+v", st, err, first)
		}
		if err := m.Stop(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if left := servicetest.Sleepers(t, k); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func foreign(t *testing.T, args ...string) proc.Proc {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Env = []string{"PATH=/usr/bin:/bin"}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Wait() }()
	t.Cleanup(func() { _ = c.Process.Kill() })
	p, err := proc.Read(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A record or pid file that names a number which now is another's process
// must neither show it as the service nor end it.
func TestForeignProcessIsNeverTaken(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, dir string, p proc.Proc, boot string){
		"record with another start time": func(t *testing.T, dir string, p proc.Proc, boot string) {
			write(t, filepath.Join(dir, "web.pid"), fmt.Sprintf(`{"leader":{"pid":%d,"start":%d},"boot":%q}`, p.PID, p.Start-1, boot))
		},
		"record of another boot": func(t *testing.T, dir string, p proc.Proc, boot string) {
			write(t, filepath.Join(dir, "web.pid"), fmt.Sprintf(`{"leader":{"pid":%d,"start":%d},"boot":"before"}`, p.PID, p.Start))
		},
		"record that is garbage": func(t *testing.T, dir string, p proc.Proc, boot string) {
			write(t, filepath.Join(dir, "web.pid"), strconv.Itoa(p.PID))
		},
		"record of init": func(t *testing.T, dir string, p proc.Proc, boot string) {
			write(t, filepath.Join(dir, "web.pid"), fmt.Sprintf(`{"leader":{"pid":1,"start":1},"boot":%q}`, boot))
		},
		"pid file of another program": func(t *testing.T, dir string, p proc.Proc, boot string) {
			write(t, filepath.Join(dir, "vendor.pid"), strconv.Itoa(p.PID)+"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m := manager(t, dir, "-")
			p := foreign(t, "sleep", mark())
			lay(t, dir, p, m.boot)
			s := service.Spec{ID: "web", Run: []string{"/usr/bin/tail", "-f", "/dev/null"}, PIDFile: filepath.Join(dir, "vendor.pid"), StopTimeout: time.Second}
			if st, err := m.State(t.Context(), s); err != nil || st.Running {
				t.Errorf("state %+v, %v", st, err)
			}
			if err := m.Stop(t.Context(), s); err != nil {
				t.Errorf("stop: %v", err)
			}
			if !proc.Running(p.ID) {
				t.Error("a foreign process was ended")
			}
		})
	}
}

// A service that somebody started by hand is found by the vendor's pid file.
func TestAdoptsByPIDFile(t *testing.T) {
	dir, k := t.TempDir(), mark()
	p := foreign(t, "/bin/sleep", k)
	write(t, filepath.Join(dir, "vendor.pid"), fmt.Sprintf(" %d \n/var/lib/data\n", p.PID))
	m := manager(t, filepath.Join(dir, "state"), "-")
	s := service.Spec{ID: "web", Run: []string{"/bin/sleep", k}, PIDFile: filepath.Join(dir, "vendor.pid"), StopTimeout: time.Second}
	if st, err := m.State(t.Context(), s); err != nil || st.PID != p.PID {
		t.Errorf("state %+v, %v; want pid %d", st, err, p.PID)
	}
	if err := m.Start(t.Context(), s); err != nil || len(servicetest.Sleepers(t, k)) != 1 {
		t.Errorf("start of what runs: %v, %d copies", err, len(servicetest.Sleepers(t, k)))
	}
	other := s
	other.Run = []string{"/bin/sleep", "another"} // the same program, another service
	if st, err := m.State(t.Context(), other); err != nil || st.Running {
		t.Errorf("taken for another service: %+v, %v", st, err)
	}
	if os.Geteuid() == 0 {
		other.Run, other.As = s.Run, "nobody" // the same program, another's
		if st, err := m.State(t.Context(), other); err != nil || st.Running {
			t.Errorf("taken for another account's: %+v, %v", st, err)
		}
	}
	if err := m.Stop(t.Context(), s); err != nil || proc.Running(p.ID) {
		t.Errorf("stop: %v, running %v", err, proc.Running(p.ID))
	}
}

// A program that forks and names its main process is followed there.
func TestForkingService(t *testing.T) {
	mechanisms(t, func(t *testing.T, cgroups string) {
		dir, k := t.TempDir(), mark()
		pidFile := filepath.Join(dir, "vendor.pid")
		m := manager(t, filepath.Join(dir, "state"), cgroups)
		s := service.Spec{ID: "web", Run: []string{"/bin/sh", "-c", "setsid sleep " + k + " & sleep 0.05; echo $! > " + pidFile}, Env: []string{"PATH=/usr/bin:/bin"}, PIDFile: pidFile, StopTimeout: time.Second}
		m.o.Settle = time.Second
		if err := m.Start(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		want := servicetest.Sleepers(t, k)
		if st, err := m.State(t.Context(), s); err != nil || len(want) != 1 || st.PID != want[0].PID {
			t.Errorf("state %+v, %v; want %v", st, err, want)
		}
		if err := m.Stop(t.Context(), s); err != nil || len(servicetest.Sleepers(t, k)) > 0 {
			t.Errorf("stop: %v", err)
		}
	})
}

// When the main process is gone and workers stay, the service does not run;
// Start ends the workers first, since they hold its port.
func TestWorkersThatOutliveMain(t *testing.T) {
	mechanisms(t, func(t *testing.T, cgroups string) {
		dir, k := t.TempDir(), mark()
		m := manager(t, dir, cgroups)
		s := service.Spec{ID: "web", Run: []string{"/bin/sh", "-c", "setsid sleep " + k + " & sleep 30"}, Env: []string{"PATH=/usr/bin:/bin"}, StopTimeout: time.Second}
		t.Cleanup(func() { _ = m.Stop(context.Background(), s) })
		if err := m.Start(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		st, err := m.State(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for len(servicetest.Sleepers(t, k)) == 0 {
			time.Sleep(time.Millisecond)
		}
		old := servicetest.Sleepers(t, k)[0]
		_ = syscall.Kill(st.PID, syscall.SIGKILL)
		for i := 0; proc.Running(proc.ID{PID: st.PID, Start: startOf(st)}) && i < 1000; i++ {
			time.Sleep(time.Millisecond)
		}
		if st, err := m.State(t.Context(), s); err != nil || st.Running || !strings.Contains(st.Detail, "still run") {
			t.Errorf("state %+v, %v", st, err)
		}
		if err := m.Start(t.Context(), s); err != nil || proc.Running(old.ID) {
			t.Errorf("start: %v; the old worker runs: %v", err, proc.Running(old.ID))
		}
	})
}

func startOf(st service.State) uint64 {
	n, _ := strconv.ParseUint(strings.Split(st.Started, ":")[1], 10, 64)
	return n
}

func TestNothingIsInherited(t *testing.T) {
	dir := t.TempDir()
	m := manager(t, dir, "-")
	s := service.Spec{ID: "web", Run: []string{"/bin/sh", "-c", "ls -l /proc/$$/fd | sed 's/.* //'; env; exec sleep 30"}, StopTimeout: time.Second, Log: filepath.Join(dir, "w.log")}
	if err := m.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Stop(context.Background(), s) })
	var text string
	for i := 0; !strings.Contains(text, "UPKEEP_SERVICE=") && i < 1000; i++ {
		b, err := os.ReadFile(s.Log)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
		time.Sleep(time.Millisecond)
	}
	want := []string{"0", "/dev/null", s.Log, s.Log} // "total 0", then 0, 1, 2
	got := strings.Fields(strings.SplitAfter(text, "PWD=")[0])
	if len(got) < 5 || strings.Join(got[:4], " ") != strings.Join(want, " ") || strings.HasPrefix(got[4], "/") {
		t.Errorf("descriptors and environment:\n%s", text)
	}
	if strings.Contains(text, "HOME=") || strings.Contains(text, "PROCESS_TEST") {
		t.Errorf("environment is inherited:\n%s", text)
	}
}

func TestAccountAndLog(t *testing.T) {
	dir := t.TempDir()
	m := manager(t, dir, "-")
	s := service.Spec{ID: "web", Run: []string{"/bin/sh", "-c", "id -un; exit 3"}, Env: []string{"PATH=/usr/bin:/bin"}, As: "nobody"}
	if os.Geteuid() != 0 {
		s.As = "root"
	}
	m.o.Settle = time.Second
	err := m.Start(t.Context(), s)
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "cannot run as root: not root") {
			t.Errorf("error %v", err)
		}
		return
	}
	var died *service.DiedError
	if !errors.As(err, &died) || died.Last != "nobody" || died.How != "exit code 3" {
		t.Errorf("error %v", err)
	}
	// a link in place of the log is refused
	victim := filepath.Join(dir, "victim")
	write(t, victim, "")
	s.Log = filepath.Join(dir, "link.log")
	if err := os.Symlink(victim, s.Log); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "cannot open the log") {
		t.Errorf("a link as log: %v", err)
	}
}

func BenchmarkStartStop(b *testing.B) {
	for _, cgroups := range []string{"-", testParent} {
		b.Run(map[bool]string{true: "session", false: "cgroup"}[cgroups == "-"], func(b *testing.B) {
			m, err := New(Options{FS: durable.OS(), Dir: b.TempDir(), Installation: "bench", Cgroups: cgroups, Settle: time.Microsecond})
			if err != nil {
				b.Fatal(err)
			}
			s := service.Spec{ID: "web", Run: []string{"/bin/sleep", "60"}}
			for b.Loop() {
				if err := errors.Join(m.Start(b.Context(), s), m.Stop(b.Context(), s)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
