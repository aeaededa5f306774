package e2e

import (
	"testing"

	"upkeep/internal/lab"
)

// The console's list of plug-ins is read as an inventory: which are to be
// upgraded, each acknowledged for itself, and which need one that is not on.
func TestItmsPlugIns(t *testing.T) {
	lab.Slow(t)
	s := itms(t, "7.5 HF6")
	t.Run("S4_44_plug_ins_with_state_and_dependency", func(t *testing.T) {
		wants(t, flat(s.Must(0, "check", "--from", s.Releases).Out), `✓ plug-ins: plug-ins: 3 items, 2 on, 1 off; none is to be upgraded ✓ plug-in-needs: .*; none lacks what it needs`)
		s.Write("settings/plug-ins.csv", "plug-in;state;needs\ninventory;off;\npatch;to be upgraded;inventory\nsoftware;on;inventory, agent\n", 0o644)
		out := flat(s.Must(3, "check", "--from", s.Releases).Out)
		wants(t, out, `! plug-ins: plug-ins: 3 items, 1 off, 1 to be upgraded, 1 on; to be upgraded: patch`)
		wants(t, out, `software needs inventory \(off\), software needs agent \(not there\)`)
		wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Out), `plug-ins\.1, found: patch`)
		s.Must(0, "done", "plug-ins.1", "--from", s.Releases, "--note", "its policy is off")
		wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), `✓ plug-ins\.1, found: patch — .*: its policy is off`)
		s.Remove("settings/plug-ins.csv")
		wants(t, flat(s.Must(4, "check", "--from", s.Releases).Out), `! plug-ins: .*its list cannot be had: .*plug-ins\.csv does not exist`)
	})
}
