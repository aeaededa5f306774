package e2e

import (
	"strings"
	"testing"
)

// A product that systemd runs, upgraded on a whole machine; a failing
// migration takes it back.
func TestHostUpgrade_S1_19(t *testing.T) {
	h := newNotesHost(t, false, nil)
	if out := h.Must(t, "upkeep", "status"); !strings.Contains(out, "upkeep setup-host makes that automatic") {
		t.Errorf("status does not say that the boot units are missing:\n%s", out)
	}
	if out := h.Must(t, "upkeep", "setup-host"); strings.Count(out, "/etc/systemd/system/") != 4 {
		t.Errorf("setup-host says\n%s", out)
	}
	if out := h.Must(t, "upkeep", "setup-host"); !strings.Contains(out, "set up already") {
		t.Errorf("setup-host, given again, says\n%s", out)
	}
	before := h.Must(t, "systemctl", "show", "-P", "InvocationID", "notes-web")
	h.upgrade(0, bundleOf("2.0")...)
	h.wants("2.0")
	if after := h.Must(t, "systemctl", "show", "-P", "InvocationID", "notes-web"); after == before {
		t.Error("the service was not started anew")
	}
	h.upgrade(0, bundleOf("3.0")...)
	h.wants("3.0")
	h.upgrade(6, bundleOf("3.1")...)
	h.wants("3.0")
	// the engine had a scope of its own, and left nothing
	if out := h.Must(t, "journalctl", "--no-pager", "-b"); !strings.Contains(out, "Upkeep carries on run") {
		t.Error("the engine had no scope of its own")
	}
	if out, _, _ := h.Run("sh", "-c", "systemctl list-units --all --no-legend 'upkeep-*.scope'; pgrep -af '[u]pkeep engine'"); strings.TrimSpace(out) != "" {
		t.Errorf("left of the engine: %s", out)
	}

	// remove-host takes everything away, and says what stays
	out := h.Must(t, "upkeep", "remove-host")
	for _, want := range []string{"left: the installation document /etc/upkeep/notes.yaml", "left: its state", "left: its restore points"} {
		if !strings.Contains(out, want) {
			t.Errorf("remove-host does not say %q:\n%s", want, out)
		}
	}
	if out, _, _ := h.Run("sh", "-c", "find /etc/systemd/system -name '*upkeep*'; ls -a /var/lib/upkeep | grep register; systemctl list-unit-files --no-legend 'upkeep-*'"); strings.TrimSpace(out) != "" {
		t.Errorf("remove-host leaves %s", out)
	}
	h.Must(t, "upkeep", "remove-host")
}
