package systemd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab/host"
	"upkeep/internal/scope/proc"
	"upkeep/internal/service"
	"upkeep/internal/service/servicetest"
	"upkeep/internal/service/systemd"
	"upkeep/internal/step/steptest"
)

// insideEnv says that this test binary runs in a host of the lab, where units
// may be made and stopped.
const insideEnv = "UPKEEP_TEST_INSIDE_HOST"

// TestInHost runs the tests below in a host with a real systemd.
func TestInHost(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		t.Skip("this is inside")
	}
	host.Need(t)
	bin := filepath.Join(t.TempDir(), "systemd.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h := host.New(t, host.Options{Name: "units"})
	h.Boot(t)
	h.Put(t, bin, "/opt/systemd.test")
	out, code, err := h.Run("env", insideEnv+"=1", "/opt/systemd.test", "-test.v", "-test.run", "^TestInside", "-test.timeout", "5m")
	t.Log(out)
	if err != nil || code != 0 || !strings.Contains(out, "--- PASS: TestInsideContract") {
		t.Errorf("inside: code %d, %v", code, err)
	}
}

func inside(t *testing.T) {
	t.Helper()
	if os.Getenv(insideEnv) == "" {
		t.Skip("runs inside a host of the lab: TestInHost starts it there")
	}
}

func ctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemctl", args...).CombinedOutput()
	if err != nil && args[0] != "show" && args[0] != "is-active" && args[0] != "is-enabled" {
		t.Fatalf("systemctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// makeUnit writes a unit file, removed at the end.
func makeUnit(t *testing.T, name, text string) {
	t.Helper()
	makeUnits(t, text, name)
}

// makeUnits writes several unit files of one text.
func makeUnits(t *testing.T, text string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile("/etc/systemd/system/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, verb := range []string{"kill --signal KILL", "stop", "reset-failed"} {
			_ = exec.Command("systemctl", append(strings.Fields(verb), names...)...).Run()
		}
		for _, name := range names {
			os.Remove("/etc/systemd/system/" + name)
			os.RemoveAll("/etc/systemd/system/" + name + ".d")
		}
		_ = exec.Command("systemctl", "daemon-reload").Run()
	})
	ctl(t, "daemon-reload")
}

// script writes a shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "run.sh")
	if err := os.WriteFile(at, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

func manager(t *testing.T, dir string) *watched {
	t.Helper()
	w := steptest.Watch()
	m, err := systemd.New(systemd.Options{FS: w.FS(), Dir: dir, Installation: "shop", Settle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return &watched{m, t, w}
}

// watched fails the test when a call returns before what it wrote is durable.
type watched struct {
	*systemd.Manager
	t     *testing.T
	files steptest.Watched
}

func (w *watched) durable(what string, err error) error {
	w.t.Helper()
	if left := w.files.Dirty(); err == nil && len(left) > 0 {
		w.t.Errorf("%s returned before these were durable: %q", what, left)
	}
	return err
}

func (w *watched) Start(ctx context.Context, s service.Spec) error {
	return w.durable("Start", w.Manager.Start(ctx, s))
}

func (w *watched) Stop(ctx context.Context, s service.Spec) error {
	return w.durable("Stop", w.Manager.Stop(ctx, s))
}

func (w *watched) Inhibit(ctx context.Context, s service.Spec, reason string) error {
	return w.durable("Inhibit", w.Manager.Inhibit(ctx, s, reason))
}

func (w *watched) Allow(ctx context.Context, s service.Spec) error {
	return w.durable("Allow", w.Manager.Allow(ctx, s))
}

func (w *watched) SetStartType(ctx context.Context, s service.Spec, mode string) error {
	return w.durable("SetStartType", w.Manager.SetStartType(ctx, s, mode))
}

func (w *watched) PutStartType(ctx context.Context, s service.Spec, was service.StartType) error {
	return w.durable("PutStartType", w.Manager.PutStartType(ctx, s, was))
}

func TestInsideContract(t *testing.T) {
	inside(t)
	servicetest.Run(t, func(t *testing.T) servicetest.Factory {
		dir := filepath.Join(t.TempDir(), "state")
		prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
		return servicetest.Factory{
			New: func(t *testing.T) service.Manager { return manager(t, dir) },
			Spec: func(t *testing.T, id, text string, stop time.Duration) service.Spec {
				makeUnit(t, prefix+id+".service", "[Service]\nExecStart=/bin/sh "+script(t, text)+"\nTimeoutStopSec="+fmt.Sprint(stop.Seconds())+"\n")
				return service.Spec{ID: id, Names: []string{prefix + id}, StopTimeout: stop}
			},
		}
	})
}

func mustState(t *testing.T, m service.Manager, s service.Spec) service.State {
	t.Helper()
	st, err := m.State(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func sleepers(t *testing.T, mark string) []proc.Proc { return servicetest.Sleepers(t, mark) }
