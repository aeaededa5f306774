package e2e

import (
	"testing"

	"upkeep/internal/e2e/hosttest"
	"upkeep/internal/lab/host"
)

// TestNotesHosts ends whole machines while the sample product is upgraded over
// two hops, and while an upgrade is taken back. The boot units alone recover.
// make crash-hosts tries all 30 moments of each way.
func TestNotesHosts(t *testing.T) {
	host.Need(t)
	p := hosttest.Notes(t)
	t.Run("killed", func(t *testing.T) { p.Killed(t, hosttest.Count(t, 4)) })
	t.Run("rebooted", func(t *testing.T) { p.Rebooted(t, hosttest.Count(t, 3)) })
}

// TestXivoHosts is the same with XiVO: packages of dpkg, nine units, a
// supervisor that starts again what is stopped, PostgreSQL. Its power is cut,
// too: dpkg, PostgreSQL and Upkeep lose what they had not synced. And its disk
// fills up while packages are installed.
func TestXivoHosts(t *testing.T) {
	host.Need(t)
	p := hosttest.XiVO(t)
	t.Run("killed", func(t *testing.T) { p.Killed(t, hosttest.Count(t, 4)) })
	t.Run("cut", func(t *testing.T) { p.Cut(t, hosttest.Count(t, 3)) })
	t.Run("rebooted", func(t *testing.T) { p.Rebooted(t, hosttest.Count(t, 2)) })
	t.Run("full", func(t *testing.T) { p.Full(t, "h1.install.pf-xivo", 1<<20) })
}
