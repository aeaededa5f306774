package host

import (
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
)

// bootTime bounds a boot: a second or two, and what the units add that are
// part of it.
const bootTime = 3 * time.Minute

// rebooted is how systemd-nspawn ends when the host wants to start again.
const rebooted = 133

// Boot boots the host and waits until systemd says that it is running, or
// degraded.
func (h *Host) Boot(t testing.TB) {
	t.Helper()
	if err := h.Up(); err != nil {
		t.Fatal(err)
	}
}

// Up boots the host and waits for its end.
func (h *Host) Up() error {
	if err := h.PowerOn(); err != nil {
		return err
	}
	return h.Ready()
}

// PowerOn boots the host and waits only until commands can be run in it.
func (h *Host) PowerOn() error {
	if h.nspawn != nil {
		return fmt.Errorf("cannot boot %s: it is up", h.Name)
	}
	if h.cloned {
		return fmt.Errorf("cannot boot %s: it was cloned, and what lies under others must not change", h.Name)
	}
	if err := h.free(); err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(h.dir, "console"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot boot %s: %w", h.Name, err)
	}
	defer console.Close()
	args := append(entering(h.groups), "nsenter", "--net="+h.lab.netns(), "systemd-nspawn", "-q", "-D", filepath.Join(h.dir, "root"), "-M", h.machine,
		"--hostname="+h.Name, "--register=no", "--keep-unit", "--network-bridge="+bridge, "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe", "-b")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot boot %s: %w", h.Name, err)
	}
	h.nspawn, h.gone, h.boots = cmd, make(chan struct{}), h.boots+1
	go func(gone chan struct{}) {
		_ = cmd.Wait() // its status is looked at where it matters
		close(gone)
	}(h.gone)
	return h.findLeader()
}

// free waits until nothing is left of the boot before.
func (h *Host) free() error {
	for range 100 {
		dropGroups(h.groups)
		link := h.outside("ip", "link", "show", "dev", h.veth())
		if link.Run() != nil {
			for _, g := range h.groups {
				if err := os.MkdirAll(g, 0o755); err != nil {
					return fmt.Errorf("cannot boot %s: %w", h.Name, err)
				}
			}
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("cannot boot %s: its network of the boot before is still there after 5 s", h.Name)
}

// findLeader waits for the host's pid 1: the child of systemd-nspawn that is
// the first process of a pid namespace and has become the init.
func (h *Host) findLeader() error {
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-h.gone:
			return h.failed("systemd-nspawn has ended")
		default:
		}
		pid := h.nspawn.Process.Pid
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		for _, c := range strings.Fields(string(children)) {
			status, _ := os.ReadFile("/proc/" + c + "/status")
			if s := string(status); strings.HasPrefix(s, "Name:\tsystemd\n") && firstInside(s) {
				h.leader, _ = strconv.Atoi(c)
				return h.session()
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return h.failed("its init does not appear")
}

// firstInside says whether a process is pid 1 of a namespace below ours.
func firstInside(status string) bool {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 1 && f[len(f)-1] == "1"
		}
	}
	return false
}

// session makes the cgroups for what is run inside from outside, beside the
// slices of the host's own systemd, as a login has one of its own.
func (h *Host) session() error {
	for _, g := range h.sessionGroups() {
		if err := os.MkdirAll(g, 0o755); err != nil {
			return fmt.Errorf("cannot enter %s: %w", h.Name, err)
		}
	}
	return nil
}

func (h *Host) sessionGroups() []string {
	var groups []string
	for _, g := range h.groups {
		groups = append(groups, filepath.Join(g, "payload", "lab"))
	}
	return groups
}

// Ready waits until the boot is over.
func (h *Host) Ready() error {
	deadline := time.Now().Add(bootTime)
	state := ""
	for time.Now().Before(deadline) {
		select {
		case <-h.gone:
			return h.failed("it went down while it booted")
		default:
		}
		out, _, _ := h.Run("systemctl", "is-system-running")
		state = strings.TrimSpace(out)
		if state == "running" || state == "degraded" {
			return nil
		}
		time.Sleep(30 * time.Millisecond)
	}
	jobs, _, _ := h.Run("systemctl", "list-jobs", "--no-pager")
	return h.failed(fmt.Sprintf("it is %q after %v; jobs:\n%s", state, bootTime, jobs))
}

func (h *Host) failed(why string) error {
	err := fmt.Errorf("cannot boot %s: %s; console:\n%s", h.Name, why, tail(h.Console(), 40))
	return errors.Join(err, h.kill())
}

// Console gives what the host has said on its console, over all its boots.
func (h *Host) Console() string {
	text, err := os.ReadFile(filepath.Join(h.dir, "console"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Kill ends the host at once: its pid 1 and with it everything inside. What
// it has written stays.
func (h *Host) Kill(t testing.TB) {
	t.Helper()
	if err := h.kill(); err != nil {
		t.Fatal(err)
	}
}

func (h *Host) kill() error {
	if h.nspawn == nil {
		return nil
	}
	pid := h.leader
	if pid == 0 {
		pid = h.nspawn.Process.Pid
	}
	// all at once: who goes on for a moment after systemd has died would see its
	// services fail, and record it
	freeze(h.groups)
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	time.Sleep(50 * time.Millisecond)      // the kernel kills what is below it
	thaw(h.groups)                         // systemd-nspawn, too, which has to see it
	if _, err := h.waitDown(20 * time.Second); err != nil {
		_ = h.nspawn.Process.Kill()
		_, err = h.waitDown(20 * time.Second)
		return err
	}
	return nil
}

// WaitDown waits, up to a minute, for an end of the host that came from
// inside, and says whether it wants to be started again.
func (h *Host) WaitDown(t testing.TB) (reboot bool) {
	t.Helper()
	reboot, err := h.waitDown(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return reboot
}

func (h *Host) waitDown(limit time.Duration) (bool, error) {
	if h.nspawn == nil {
		return false, fmt.Errorf("cannot wait for the end of %s: it is down", h.Name)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline, up := time.Now().Add(limit), true; up; {
		select {
		case <-h.gone:
			up = false
		case <-tick.C:
			h.wake()
			if time.Now().After(deadline) {
				return false, fmt.Errorf("cannot wait for the end of %s: it is still up after %v", h.Name, limit)
			}
		}
	}
	code := h.nspawn.ProcessState.ExitCode()
	h.nspawn, h.leader = nil, 0
	return code == rebooted, nil
}

// wake continues what was stopped together with the host. A shutdown stops
// every process before it ends them; nsenter then stops itself with its child,
// nobody inside can continue it, and the shutdown would wait for the child that
// it does not collect.
func (h *Host) wake() {
	for _, g := range h.sessionGroups() {
		text, _ := os.ReadFile(filepath.Join(g, "cgroup.procs")) // gone with the host
		for _, f := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		}
	}
}

// Reboot restarts the host in an orderly way and waits until it is up again.
func (h *Host) Reboot(t testing.TB) {
	t.Helper()
	h.order(t, "reboot")
	if !h.WaitDown(t) {
		t.Fatalf("%s went down and does not want to be started again", h.Name)
	}
	h.Boot(t)
}

// Shutdown ends the host in an orderly way.
func (h *Host) Shutdown(t testing.TB) {
	t.Helper()
	if err := h.Down(); err != nil {
		t.Fatal(err)
	}
}

// Down ends the host in an orderly way.
func (h *Host) Down() error {
	if out, _, err := h.Run("systemctl", "--no-block", "poweroff"); err != nil {
		return fmt.Errorf("cannot shut %s down: %w: %s", h.Name, err, out)
	}
	again, err := h.waitDown(time.Minute)
	if err == nil && again {
		err = fmt.Errorf("%s went down and wants to be started again", h.Name)
	}
	return err
}

func (h *Host) order(t testing.TB, what string) {
	t.Helper()
	// The command may be ended together with what it ends.
	if out, _, err := h.Run("systemctl", "--no-block", what); err != nil {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
}
