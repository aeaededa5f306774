package scope

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/scope/proc"
)

func TestWandererIsEnded(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		m := mark()
		res, err := r.Run(t.Context(), sh(t, "(env -i setsid sleep "+m+" & sleep 0.15) & wait $!"))
		if err != nil || res.LeftBehind != 1 {
			t.Errorf("left %d, error %v; want 1, none", res.LeftBehind, err)
		}
		nothingLeft(t, r, res.Scope, m)
	})
}

func TestStoppedProcessMayCleanUp(t *testing.T) {
	r, err := New(Options{Cgroups: testParent})
	if err != nil {
		t.Fatal(err)
	}
	cmd := sh(t, "trap 'echo cleaned up; exit' TERM; kill -STOP $$; sleep 60")
	cmd.Deadline, cmd.Grace = 200*time.Millisecond, 2*time.Second
	if res, err := r.Run(t.Context(), cmd); !errors.Is(err, ErrDeadline) || res.Output != "cleaned up\n" {
		t.Errorf("output %q, %v", res.Output, err)
	}
}

func TestSameOperationTwiceIsRefused(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		m := mark()
		cmd := sh(t, "exec sleep "+m)
		done := make(chan error, 1)
		go func() { _, err := r.Run(context.Background(), cmd); done <- err }()
		for i := 0; len(withArg(t, m)) == 0 && i < 1000; i++ {
			time.Sleep(2 * time.Millisecond)
		}
		if _, err := r.Run(t.Context(), cmd); !errors.Is(err, ErrBusy) {
			t.Errorf("second run: %v, want ErrBusy", err)
		}
		if n, err := r.End(t.Context(), r.Plan(cmd.OpID)); n != 1 || err != nil {
			t.Errorf("ended %d, %v", n, err)
		}
		if err := <-done; err == nil {
			t.Error("the run that was ended reports success")
		}
	})
}

func TestEndAfterEngineWasKilled(t *testing.T) {
	mechanisms(t, func(t *testing.T, r *Runner) {
		m, id := mark(), op(t)
		engine := exec.Command(os.Args[0], "-test.run=^$")
		parent := testParent
		if name, _ := r.Mechanism(); name != "cgroup" {
			parent = "-"
		}
		engine.Env = []string{"SCOPE_TEST_ENGINE=" + parent, "SCOPE_TEST_OP=" + id, "SCOPE_TEST_SCRIPT=trap '' TERM HUP PIPE; setsid sleep " + m + " & (sleep " + m + " &); sleep " + m}
		if err := engine.Start(); err != nil {
			t.Fatal(err)
		}
		for i := 0; len(withArg(t, m)) < 3 && i < 2000; i++ {
			time.Sleep(2 * time.Millisecond)
		}
		_ = engine.Process.Kill()
		_ = engine.Wait()
		ref := r.Plan(id)
		left, err := r.Alive(ref)
		if err != nil || len(left) != 4 {
			t.Errorf("alive after the crash: %v, %v; want the shell and three children", left, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // do not wait the whole grace for those that ignore TERM
		defer cancel()
		if n, err := r.End(ctx, ref); n != 4 || err != nil {
			t.Errorf("ended %d, %v", n, err)
		}
		nothingLeft(t, r, ref, m)
		if n, err := r.End(t.Context(), ref); n != 0 || err != nil {
			t.Errorf("ended again: %d, %v", n, err)
		}
	})
}

func TestEndSparesReusedPidAndOtherBoot(t *testing.T) {
	r, err := New(Options{Cgroups: "-"})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sleep", mark())
	c.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	p, err := proc.Read(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	ref := r.Plan(op(t))
	ref.PGID, ref.StartTime = p.PID, p.Start-7
	if n, err := r.End(t.Context(), ref); n != 0 || err != nil {
		t.Errorf("a later process with the same number: ended %d, %v", n, err)
	}
	ref.StartTime, ref.Boot = p.Start, "another-boot"
	if n, err := r.End(t.Context(), ref); n != 0 || err != nil {
		t.Errorf("a process of another boot: ended %d, %v", n, err)
	}
	if !proc.Running(p.ID) {
		t.Fatal("a foreign process was ended")
	}
	ref.Boot = r.boot
	if n, err := r.End(t.Context(), ref); n != 1 || err != nil {
		t.Errorf("the process itself: ended %d, %v", n, err)
	}
}
