package proc

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "60")
	c.Env = env
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

func TestReadSelfAndAll(t *testing.T) {
	me, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if me.PID != os.Getpid() || me.PPID != os.Getppid() || me.Start == 0 || me.Dead() {
		t.Errorf("own process read as %+v", me)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(p Proc) bool { return p.ID == me.ID }) {
		t.Error("own process is not among all processes")
	}
	if exe, err := Exe(me.PID); err != nil || exe == "" {
		t.Errorf("Exe = %q, %v", exe, err)
	}
	if boot, err := BootID(); err != nil || len(boot) != 36 {
		t.Errorf("BootID = %q, %v", boot, err)
	}
}

func TestBegan(t *testing.T) {
	before := time.Now()
	c := sleeper(t)
	p, err := Read(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	at, err := Began(p)
	if d := at.Sub(before); err != nil || d < -50*time.Millisecond || d > time.Second {
		t.Errorf("began %v after it was started, %v", d, err)
	}
}

func TestEnvironAndArgs(t *testing.T) {
	c := sleeper(t, "UPKEEP_OP=x y", "B=")
	// In the first moment of a new program the kernel shows neither.
	env, err := Environ(c.Process.Pid)
	for i := 0; err == nil && len(env) == 0 && i < 1000; i++ {
		time.Sleep(time.Millisecond)
		env, err = Environ(c.Process.Pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !HasEntry(env, "UPKEEP_OP=x y") {
		t.Errorf("environment %q lacks the marker", env)
	}
	args, err := Args(c.Process.Pid)
	if err != nil || !slices.Equal(args, []string{"sleep", "60"}) {
		t.Errorf("Args = %q, %v", args, err)
	}
}

func TestSignalNeverHitsAReusedPid(t *testing.T) {
	c := sleeper(t)
	p, err := Read(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	other := ID{PID: p.PID, Start: p.Start - 1} // the process that had this number before
	if err := Signal(other, syscall.SIGKILL); !errors.Is(err, ErrGone) {
		t.Errorf("signal to the earlier process: %v, want ErrGone", err)
	}
	if Running(other) || !Running(p.ID) {
		t.Errorf("running: earlier %v, this one %v", Running(other), Running(p.ID))
	}
	if err := Signal(p.ID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if q, err := Read(p.PID); err == nil && q.Dead() { // not collected yet: a zombie
			break
		}
		time.Sleep(time.Millisecond)
	}
	if Running(p.ID) {
		t.Error("a zombie counts as running")
	}
	if err := Signal(p.ID, syscall.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("signal to a zombie: %v, want ErrGone", err)
	}
	if err := Signal(ID{PID: 1}, syscall.SIGTERM); err == nil {
		t.Error("init may be signalled")
	}
}

func BenchmarkAll(b *testing.B) {
	for b.Loop() {
		if _, err := All(); err != nil {
			b.Fatal(err)
		}
	}
}
