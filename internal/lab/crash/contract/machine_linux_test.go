package contract

import (
	"os/exec"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/host"
)

func TestPackages(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("this machine has no apt-get")
	}
	pkg := "internal/step/packages"
	suite{
		calls: within(t, calls(t), pkg),
		tests: here(t, pkg).of("^TestGuardContract$", "^TestFetch(Far)?Contract$/^(do|undo|mixed)$"),
	}.mutants(t)
}

// TestSystemd runs the tests that are made for the inside of a host.
func TestSystemd(t *testing.T) {
	host.Need(t)
	pkg := "internal/service/systemd"
	bin, _ := compiled(t, pkg)
	h := host.New(t, host.Options{Name: "mutants"})
	h.Boot(t)
	h.Put(t, bin, "/opt/systemd.test")
	inside := program{
		run: func(env string, args ...string) (string, bool) {
			out, code, err := h.Run(append([]string{"env", "UPKEEP_TEST_INSIDE_HOST=1", env, "/opt/systemd.test"}, args...)...)
			return out, err == nil && code == 0
		},
		reached: func(file string) string {
			out, _, _ := h.Run("cat", file)
			return out
		},
	}
	suite{
		calls: within(t, calls(t), pkg),
		tests: inside.of("^TestInsideRestartAlways$", "^TestInsideStartType$"),
	}.mutants(t)
}
