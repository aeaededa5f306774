package systemd_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/service"
	"upkeep/internal/service/systemd"
)

// A unit that systemd starts again whenever it ends stays stopped, and nothing
// and nobody starts it while it is inhibited.
func TestInsideRestartAlways(t *testing.T) {
	inside(t)
	makeUnit(t, "always.service", "[Service]\nExecStart=/bin/sleep 7001\nRestart=always\nRestartSec=0\n")
	own := "/etc/systemd/system/always.service.d/own.conf" // the administrator's
	must(t, os.Mkdir(filepath.Dir(own), 0o755))
	must(t, os.WriteFile(own, []byte("[Service]\nEnvironment=OWN=1\n"), 0o644))
	makeUnit(t, "needs.service", "[Unit]\nRequires=always.service\nPartOf=always.service\nAfter=always.service\n[Service]\nExecStart=/bin/sleep 7002\n")
	dir := filepath.Join(t.TempDir(), "state")
	m, s := manager(t, dir), service.Spec{ID: "always"}
	must(t, m.Start(t.Context(), s))
	must(t, m.Stop(t.Context(), s)) // nothing has made the state folder before
	must(t, m.Start(t.Context(), s))
	ctl(t, "start", "needs.service")
	must(t, m.Inhibit(t.Context(), s, "run 7 is open"))
	must(t, m.Stop(t.Context(), s))
	for _, name := range []string{"always.service", "needs.service"} {
		if out, err := exec.Command("systemctl", "start", name).CombinedOutput(); err == nil {
			t.Errorf("%s could be started:\n%s", name, out)
		}
	}
	out, _ := exec.Command("systemctl", "start", "always.service").CombinedOutput()
	t.Logf("what the administrator reads: %s", out)
	time.Sleep(300 * time.Millisecond)
	if st := mustState(t, m, s); st.Running || len(sleepers(t, "7001")) > 0 {
		t.Errorf("it runs: %+v", st)
	}
	shown := ctl(t, "cat", "always.service")
	if !strings.Contains(shown, filepath.Join(dir, "always.inhibit")) || !strings.Contains(shown, "upkeep status") {
		t.Errorf("systemctl cat does not say why:\n%s", shown)
	}
	// what was stopped together with it comes back with it
	other := manager(t, dir)
	must(t, other.Allow(t.Context(), s))
	must(t, other.Start(t.Context(), s))
	if ctl(t, "is-active", "needs.service") != "active" {
		t.Error("what stopped together with it was not started again")
	}
	for _, pattern := range []string{"*.d/*upkeep*", "needs.service.d"} {
		if left, _ := filepath.Glob("/etc/systemd/system/" + pattern); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left in the state folder: %v", left)
	}
	must(t, other.Stop(t.Context(), s))
}

// A daemon that leaves its control group is ended all the same, also by an
// engine that comes after one that was killed in the middle of the stop.
func TestInsideForkedAway(t *testing.T) {
	inside(t)
	group := "/sys/fs/cgroup/away"
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err == nil {
		group = "/sys/fs/cgroup/unified/away"
	}
	must(t, os.MkdirAll(group, 0o755))
	away := script(t, "setsid sh -c 'echo $$ >"+group+"/cgroup.procs; exec sleep 7011' &\nsetsid sh -c 'echo $$ >"+group+"/cgroup.procs; trap \"\" TERM; while :; do sleep 7012; done' &\nexec sleep 7013")
	makeUnit(t, "away.service", "[Service]\nExecStart="+away+"\n")
	dir := filepath.Join(t.TempDir(), "state")
	m, s := manager(t, dir), service.Spec{ID: "away", StopTimeout: 300 * time.Millisecond}
	all := func() int { return len(sleepers(t, "7011")) + len(sleepers(t, "7012")) + len(sleepers(t, "7013")) }
	must(t, m.Start(t.Context(), s))
	waitFor(t, "all run", func() bool { return all() == 3 })
	must(t, m.Stop(t.Context(), s))
	if n := all(); n > 0 {
		t.Errorf("%d processes are left", n)
	}
	must(t, m.Start(t.Context(), s))
	waitFor(t, "all run", func() bool { return all() == 3 })
	must(t, systemd.HalfStop(t.Context(), m.Manager, s))
	if st := mustState(t, manager(t, dir), s); !st.Running || !strings.Contains(st.Detail, "processes of it run on") {
		t.Errorf("half stopped: %+v", st)
	}
	must(t, manager(t, dir).Stop(t.Context(), s))
	if n := all(); n > 0 {
		t.Errorf("%d processes are left", n)
	}
	if st := mustState(t, m, s); st.Running {
		t.Errorf("stopped: %+v", st)
	}
}

// What the administrator masked is not unmasked.
func TestInsideMasked(t *testing.T) {
	inside(t)
	must(t, os.MkdirAll("/usr/local/lib/systemd/system", 0o755))
	at := "/usr/local/lib/systemd/system/closed.service"
	must(t, os.WriteFile(at, []byte("[Service]\nExecStart=/bin/sleep 7021\n[Install]\nWantedBy=multi-user.target\n"), 0o644))
	t.Cleanup(func() { os.Remove(at); os.Remove("/etc/systemd/system/closed.service") })
	ctl(t, "daemon-reload")
	m, s := manager(t, filepath.Join(t.TempDir(), "state")), service.Spec{ID: "closed"}
	ctl(t, "mask", "closed.service")
	if st := mustState(t, m, s); st.Running || !strings.Contains(st.Detail, "masked") {
		t.Errorf("masked: %+v", st)
	}
	var masked *systemd.MaskedError
	if err := m.Start(t.Context(), s); !errors.As(err, &masked) {
		t.Errorf("start: %v", err)
	}
	must(t, m.Inhibit(t.Context(), s, "run 7"))
	must(t, m.Stop(t.Context(), s))
	must(t, m.Allow(t.Context(), s))
	if f, err := m.Fact(t.Context(), s); f.Load != "masked" || err != nil {
		t.Errorf("fact: %+v, %v", f, err)
	}
}

// A socket that would start the service again does not, and listens again
// afterwards; users are not lost to a socket that gave up.
func TestInsideSocket(t *testing.T) {
	inside(t)
	makeUnit(t, "echo.socket", "[Socket]\nListenStream=127.0.0.1:7030\n")
	makeUnit(t, "echo.service", "[Service]\nExecStart=/bin/sleep 7031\nStandardInput=null\n")
	ctl(t, "start", "echo.socket")
	dir := filepath.Join(t.TempDir(), "state")
	m, s := manager(t, dir), service.Spec{ID: "echo"}
	knock := func() { _ = exec.Command("curl", "-s", "-m", "1", "http://127.0.0.1:7030/").Run() }
	knock()
	waitFor(t, "it is started by its socket", func() bool { return mustState(t, m, s).Running })
	must(t, m.Inhibit(t.Context(), s, "run 7"))
	must(t, m.Stop(t.Context(), s))
	knock()
	time.Sleep(200 * time.Millisecond)
	if st := mustState(t, m, s); st.Running {
		t.Errorf("its socket started it: %+v", st)
	}
	must(t, m.Allow(t.Context(), s))
	if got := ctl(t, "is-active", "echo.socket"); got != "active" {
		t.Errorf("its socket is %s", got)
	}
	knock()
	waitFor(t, "it is started by its socket", func() bool { return mustState(t, m, s).Running })
	ctl(t, "stop", "echo.socket")
	must(t, m.Stop(t.Context(), s))
}

// A unit that is only a name for others, as Debian's postgresql.service, stops
// with its parts, and they start with it.
func TestInsidePostgres(t *testing.T) {
	inside(t)
	m, s := manager(t, filepath.Join(t.TempDir(), "state")), service.Spec{ID: "database", Names: []string{"postgresql"}}
	ctl(t, "start", "postgresql.service")
	waitFor(t, "its cluster runs", func() bool { return ctl(t, "is-active", "postgresql@15-main.service") == "active" })
	must(t, m.Inhibit(t.Context(), s, "run 7"))
	must(t, m.Stop(t.Context(), s))
	if got := ctl(t, "is-active", "postgresql@15-main.service"); got != "inactive" {
		t.Errorf("its cluster is %s after the stop", got)
	}
	if out, err := exec.Command("systemctl", "start", "postgresql@15-main.service").CombinedOutput(); err == nil {
		t.Errorf("its cluster could be started: %s", out)
	}
	must(t, m.Allow(t.Context(), s))
	must(t, m.Start(t.Context(), s))
	if got := ctl(t, "is-active", "postgresql@15-main.service"); got != "active" {
		t.Errorf("its cluster is %s after the start", got)
	}
	must(t, m.Stop(t.Context(), s))
}

// Readiness is what the unit says it is; how it failed is told.
func TestInsideReadiness(t *testing.T) {
	inside(t)
	makeUnit(t, "told.service", "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh "+script(t, "sleep 0.5; touch /run/told; systemd-notify --ready; exec sleep 7041")+"\n")
	makeUnit(t, "never.service", "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 7042\n")
	makeUnit(t, "unmet.service", "[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/sleep 7043\n")
	makeUnit(t, "loops.service", "[Service]\nRestart=always\nRestartSec=0\nStartLimitIntervalSec=0\nExecStart=/bin/sh "+script(t, "echo no database; exit 3")+"\n")
	m := manager(t, filepath.Join(t.TempDir(), "state"))
	os.Remove("/run/told")
	must(t, m.Start(t.Context(), service.Spec{ID: "told"}))
	if _, err := os.Stat("/run/told"); err != nil {
		t.Error("the start returned before the service was ready")
	}
	must(t, m.Stop(t.Context(), service.Spec{ID: "told"}))
	var died *service.DiedError
	if err := m.Start(t.Context(), service.Spec{ID: "never"}); !errors.As(err, &died) || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("never ready: %v", err)
	}
	if err := m.Start(t.Context(), service.Spec{ID: "unmet"}); err == nil || !strings.Contains(err.Error(), "condition") {
		t.Errorf("a condition: %v", err)
	}
	if err := m.Start(t.Context(), service.Spec{ID: "loops"}); !errors.As(err, &died) || !strings.Contains(err.Error(), "no database") {
		t.Errorf("it crashes in a loop: %v", err)
	}
	must(t, m.Stop(t.Context(), service.Spec{ID: "loops"}))
	if err := m.Start(t.Context(), service.Spec{ID: "nowhere", Names: []string{"nothing"}}); err == nil || !strings.Contains(err.Error(), "there is no unit nothing.service or nowhere.service") {
		t.Errorf("no unit: %v", err)
	}
}

// What an inhibit costs: systemd reads its files once for each, and once more
// when the last one ends.
func TestInsideCost(t *testing.T) {
	inside(t)
	dir := filepath.Join(t.TempDir(), "state")
	m := manager(t, dir)
	var specs []service.Spec
	var names []string
	for _, id := range []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"} {
		names = append(names, id+".service")
		specs = append(specs, service.Spec{ID: id})
	}
	makeUnits(t, "[Service]\nType=exec\nExecStart=/bin/sleep 7051\n", names...)
	took := map[string]time.Duration{}
	each := func(what string, f func(service.Spec) error) {
		began := time.Now()
		for _, s := range specs {
			must(t, f(s))
		}
		took[what] = time.Since(began)
	}
	m.Together(specs)
	each("start", func(s service.Spec) error { return m.Start(t.Context(), s) })
	each("inhibit", func(s service.Spec) error { return m.Inhibit(t.Context(), s, "run 7") })
	each("stop", func(s service.Spec) error { return m.Stop(t.Context(), s) })
	each("allow", func(s service.Spec) error { return m.Allow(t.Context(), s) })
	began := time.Now()
	ctl(t, "daemon-reload")
	t.Logf("9 units: %v; one daemon-reload by systemctl: %v", took, time.Since(began))
}

// How a unit starts with the machine is put back to the last link, those that
// an administrator made by hand too.
func TestInsideStartType(t *testing.T) {
	inside(t)
	must(t, os.MkdirAll("/usr/local/lib/systemd/system", 0o755))
	at := "/usr/local/lib/systemd/system/typed.service"
	must(t, os.WriteFile(at, []byte("[Service]\nExecStart=/bin/sleep 7061\n[Install]\nWantedBy=multi-user.target\nAlias=alias-of-typed.service\n"), 0o644))
	t.Cleanup(func() {
		_ = exec.Command("systemctl", "stop", "typed.service").Run()
		links, _ := filepath.Glob("/etc/systemd/system/*.wants/typed.service")
		for _, left := range append(links, at, "/etc/systemd/system/typed.service", "/etc/systemd/system/alias-of-typed.service") {
			os.Remove(left)
		}
		_ = exec.Command("systemctl", "daemon-reload").Run()
	})
	ctl(t, "daemon-reload")
	ctl(t, "enable", "typed.service")
	ctl(t, "add-wants", "basic.target", "typed.service")
	m, s := manager(t, filepath.Join(t.TempDir(), "state")), service.Spec{ID: "typed"}
	was, err := m.StartType(t.Context(), s)
	must(t, err)
	if was.Mode != "enabled" || len(was.Links) != 3 {
		t.Errorf("before: %+v", was)
	}
	must(t, m.Start(t.Context(), s))
	for _, to := range []string{"disabled", "masked"} {
		must(t, m.SetStartType(t.Context(), s, to))
		must(t, m.SetStartType(t.Context(), s, to))
		if now, err := m.StartType(t.Context(), s); now.Mode != to || err != nil {
			t.Errorf("held: %+v, %v", now, err)
		}
		if st := mustState(t, m, s); !st.Running {
			t.Error("what runs was touched")
		}
		if to == "disabled" { // as systemctl disable leaves it
			must(t, os.Remove("/etc/systemd/system/basic.target.wants"))
		}
		for range 2 {
			must(t, m.PutStartType(t.Context(), s, was))
		}
		if now, err := m.StartType(t.Context(), s); !now.Equal(was) || err != nil {
			t.Errorf("afterwards: %+v, %v, want %+v", now, err, was)
		}
	}
	must(t, m.SetStartType(t.Context(), s, "disabled"))
	for _, name := range []string{"multi-user.target.wants/typed.service", "alias-of-typed.service"} {
		m.files.Named("/etc/systemd/system/" + name) // by systemd, which does not sync it
	}
	must(t, m.SetStartType(t.Context(), s, "enabled"))
	if now, err := m.StartType(t.Context(), s); now.Mode != "enabled" || err != nil {
		t.Errorf("enabled: %+v, %v", now, err)
	}
	must(t, m.Stop(t.Context(), s))
	ctl(t, "mask", "typed.service")
	if err := m.SetStartType(t.Context(), s, "enabled"); err == nil || !strings.Contains(err.Error(), "masked") {
		t.Errorf("a mask of the administrator: %v", err)
	}
	ctl(t, "unmask", "typed.service")
}
