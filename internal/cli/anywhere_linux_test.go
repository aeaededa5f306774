package cli_test

import (
	"syscall"
	"testing"
	"time"

	"upkeep/internal/cli"
	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// A person who cancels, or an engine that is killed, at any moment: the
// product ends new or old, and users are in.
func TestCancelledOrKilledAnywhere(t *testing.T) {
	lab.Slow(t)
	h := newHouse(t)
	was := h.fingerprint()
	counts := map[string]int{}
	for i := range 22 {
		done := make(chan int, 1)
		before := h.runs()
		go func() {
			code, out, e := h.give("upgrade", "-y", "--from", h.good)
			if h.runs() == before {
				t.Errorf("%d: upgrade opened no run, and ended with %d\n%s%s", i, code, out, e)
			}
			done <- code
		}()
		until(t, "a run is open", func() bool { return t.Failed() || h.runs() > before })
		if t.Failed() {
			t.FailNow()
		}
		time.Sleep(time.Duration(i) * 37 * time.Millisecond)
		if i%2 == 0 {
			code, _, e := h.give("cancel")
			t.Logf("%d: cancel ended with %d %s", i, code, e)
		} else if pid := h.engine(); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		code := <-done
		r := h.last()
		if r.Waiting != nil {
			counts["waited"]++
			t.Logf("%d: waits at %s", i, r.Waiting.Step.ID)
			h.expect(cli.ExitOld, "back", "-y")
			r = h.last()
		}
		counts[string(result(r))]++
		switch result(r) {
		case run.ResultOld:
			if d := was.Differences(h.fingerprint()); len(d) > 0 {
				t.Fatalf("%d: it is not as it was: %v (exit code %d)", i, d, code)
			}
		case run.ResultNew:
			if h.version() != "3.0" {
				t.Fatalf("%d: it is new, but on %s", i, h.version())
			}
			h.expect(cli.ExitDone, "backup", "restore", "-y", r.ID+"-origin")
			if d := was.Differences(h.fingerprint()); len(d) > 0 {
				t.Fatalf("%d: restored, it is not as it was: %v", i, d)
			}
		default:
			t.Fatalf("%d: the run ended %s (exit code %d)", i, result(r), code)
		}
		if got := h.get(); got != 200 {
			t.Fatalf("%d: a user is answered with %d", i, got)
		}
	}
	t.Logf("%v", counts)
}
