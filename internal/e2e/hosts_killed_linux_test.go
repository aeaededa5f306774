package e2e

import (
	"testing"

	"upkeep/internal/e2e/hosttest"
	"upkeep/internal/lab/host"
)

// TestNotesHostKilled ends whole machines while the sample product is upgraded
// over two hops, and while an upgrade is taken back. The boot units alone
// recover. make crash-hosts tries all 30 moments.
func TestNotesHostKilled(t *testing.T) {
	host.Need(t)
	hosttest.Notes(t).Killed(t, hosttest.Count(t, 8))
}

// TestNotesHostRebooted has somebody reboot the machine in the middle.
func TestNotesHostRebooted(t *testing.T) {
	host.Need(t)
	hosttest.Notes(t).Rebooted(t, hosttest.Count(t, 4))
}
