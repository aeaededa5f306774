package host

import (
	"fmt"
	"os/exec"
	"testing"
)

// veth is the name of the host's network link, seen from the bridge.
func (h *Host) veth() string { return "vb-" + h.machine }

// Partition cuts the host off the bridge, or lets it back on.
func (h *Host) Partition(t testing.TB, down bool) {
	t.Helper()
	state := "up"
	if down {
		state = "down"
	}
	if out, err := exec.Command("nsenter", "--net="+h.lab.netns(), "ip", "link", "set", h.veth(), state).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("cannot set the link of %s %s: %w\n%s", h.Name, state, err, out))
	}
}
