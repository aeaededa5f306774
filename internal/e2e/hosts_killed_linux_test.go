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
	hosttest.Notes(t).Killed(t, hosttest.Count(t, 4))
}

// TestNotesHostRebooted has somebody reboot the machine in the middle.
func TestNotesHostRebooted(t *testing.T) {
	host.Need(t)
	hosttest.Notes(t).Rebooted(t, hosttest.Count(t, 3))
}

// TestXivoHostKilled is the same with XiVO: packages of dpkg, nine units, a
// supervisor that starts again what is stopped, PostgreSQL.
func TestXivoHostKilled(t *testing.T) {
	host.Need(t)
	hosttest.XiVO(t).Killed(t, hosttest.Count(t, 5))
}

// TestXivoHostCut cuts the power of XiVO's machine: dpkg, PostgreSQL, and what
// Upkeep itself has written lose what they had not synced.
func TestXivoHostCut(t *testing.T) {
	host.Need(t)
	hosttest.XiVO(t).Cut(t, hosttest.Count(t, 2))
}

// TestXivoHostRebooted has somebody reboot XiVO's machine in the middle.
func TestXivoHostRebooted(t *testing.T) {
	host.Need(t)
	hosttest.XiVO(t).Rebooted(t, hosttest.Count(t, 2))
}

// TestXivoHostFull fills the disk of a whole machine while packages are
// installed.
func TestXivoHostFull(t *testing.T) {
	host.Need(t)
	hosttest.XiVO(t).Full(t, "h1.install.pf-xivo", 1<<20)
}
