package e2e

import (
	"strings"
	"testing"
	"time"
)

// A product that systemd runs, upgraded on a whole machine; a failing
// migration takes it back.
func TestHostUpgrade(t *testing.T) {
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

// The whole machine is killed in the middle; when it boots, users are kept out
// first, the product does not start, and the run goes on by itself to where it
// was going.
func TestHostKilledAndBooted(t *testing.T) {
	h := newNotesHost(t, true, nil)
	for _, c := range []struct {
		name, version, step, dir string
		result, on               string
		held                     bool // the product must have been kept from starting at boot
	}{
		{"at the stop", "2.0", "stop.web", "do", "new", "2.0", false},
		{"at the start", "3.0", "h1.start.web", "do", "new", "3.0", false},
		{"on the way back", "3.1", "h1.install.app", "undo", "old", "3.0", true},
	} {
		h.during(c.step, c.dir, func() { h.Kill(t) }, bundleOf(c.version)...)
		h.Boot(t)
		result, on := h.closed()
		if result != c.result || on != c.on {
			t.Errorf("%s: the run ended %s on %s, want %s on %s", c.name, result, on, c.result, c.on)
		}
		h.wants(c.on)
		said := h.Must(t, "journalctl", "--no-pager", "-b")
		if !strings.Contains(said, "is open; it is carried on") {
			t.Errorf("%s: the journal does not say that the run was carried on", c.name)
		}
		if c.held && !strings.Contains(said, "users are kept out until its run ends") {
			t.Errorf("%s: users were not kept out at boot", c.name)
		}
		if c.held && !strings.Contains(said, "notes-web.service: Starting requested but asserts failed") {
			t.Errorf("%s: the product was not kept from starting at boot", c.name)
		}
		if t.Failed() {
			h.log()
			t.Fatalf("%s: see above", c.name)
		}
	}
}

// Somebody reboots the machine in the middle, in an orderly way: that is no
// failure of the run, which goes on to the new version.
func TestHostRebootedBySomebodyElse(t *testing.T) {
	// a migration that takes a moment, and is then in flight
	h := newNotesHost(t, true, func(version, text string) string {
		if version != "2.0" {
			return text
		}
		return strings.Replace(text, "procedure:\n", "procedure:\n  after-install: [{run: [sh, -c, 'test -e /srv/slow || { touch /srv/slow; sleep 30; }'], as: root, undo: none, repeatable: true}]\n", 1)
	})
	h.during("h1.run.sh", "do", func() { h.Reboot(t) }, bundleOf("2.0")...)
	if result, on := h.closed(); result != "new" || on != "2.0" {
		t.Errorf("the run ended %s on %s", result, on)
	}
	h.wants("2.0")
	out := h.Must(t, "journalctl", "--no-pager", "-b", "-u", "upkeep-recover")
	if !strings.Contains(out, "is over: on 2.0") {
		t.Errorf("the journal does not say how it ended:\n%s", out)
	}
	if left, _, _ := h.Run("pgrep", "-x", "sleep"); strings.TrimSpace(left) != "" {
		t.Errorf("left of the step: %s", left)
	}
}

// The engine is killed while nobody watches: the machine starts another.
func TestHostEngineKilledUnwatched(t *testing.T) {
	h := newNotesHost(t, true, func(version, text string) string {
		if version != "2.0" {
			return text
		}
		return strings.Replace(text, "procedure:\n", "procedure:\n  after-install: [{run: [sh, -c, 'test -e /srv/slow || { touch /srv/slow; setsid sleep 7777 & sleep 30; }'], as: root, undo: none, repeatable: true}]\n", 1)
	})
	h.during("h1.run.sh", "do", func() {
		for range 500 { // until the step's children run
			if _, code, _ := h.Run("pgrep", "-f", "sleep [7]777"); code == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		h.Must(t, "sh", "-c", "pkill -9 -f '[u]pkeep upgrade'; pkill -9 -f '[u]pkeep engine'")
	}, bundleOf("2.0")...)
	if result, on := h.closed(); result != "new" || on != "2.0" {
		t.Errorf("the run ended %s on %s", result, on)
	}
	h.wants("2.0")
	if left, _, _ := h.Run("pgrep", "-af", "sleep [7]777"); strings.TrimSpace(left) != "" {
		t.Errorf("left of the step: %s", left)
	}
}

// A release that wants a reboot: refused until the machine carries runs on by
// itself; then the run goes on after it, behind the gate.
func TestHostRebootVerb(t *testing.T) {
	h := newNotesHost(t, false, func(version, text string) string {
		switch version {
		case "2.0":
			return strings.Replace(text, "procedure:\n", "procedure:\n  after-install: [{reboot: notes}]\n", 1)
		case "3.1": // its migration fails after the reboot
			return strings.Replace(text, "procedure:\n", "procedure:\n  before-install: [{reboot: notes}]\n", 1)
		}
		return text
	})
	if out := h.upgrade(3, bundleOf("2.0")...); !strings.Contains(out, "give upkeep setup-host first") {
		t.Errorf("without boot units the refusal says\n%s", out)
	}
	h.Must(t, "upkeep", "setup-host")
	for _, c := range []struct{ version, result, on string }{{"2.0", "new", "2.0"}, {"3.0", "new", "3.0"}, {"3.1", "old", "3.0"}} {
		if c.version == "3.0" {
			h.upgrade(0, bundleOf(c.version)...)
			continue
		}
		h.Must(t, append([]string{"systemd-run", "--quiet", "--collect", "upkeep", "upgrade", "--yes"}, bundleOf(c.version)...)...)
		if !h.WaitDown(t) {
			t.Fatal("it went down, and not for a reboot")
		}
		h.Boot(t)
		if result, on := h.closed(); result != c.result || on != c.on {
			t.Errorf("%s: the run ended %s on %s", c.version, result, on)
		}
		h.wants(c.on)
		if out := h.Must(t, "journalctl", "--no-pager", "-b", "-u", "upkeep-gate"); !strings.Contains(out, "users are kept out until its run ends") {
			t.Errorf("%s: users were not kept out at boot:\n%s", c.version, out)
		}
		if out := h.Must(t, "upkeep", "runs", "log"); !strings.Contains(out, "its boot id is another") {
			t.Errorf("%s: the log does not say that it was rebooted:\n%s", c.version, out)
		}
	}
}

// A timer is set up, and no restore point was made for longer than it promises:
// check says so, until one is made.
func TestHostTimerUnpunctual(t *testing.T) {
	h := newNotesHost(t, false, nil)
	h.upgrade(0, bundleOf("2.0")...)
	h.Must(t, "upkeep", "setup-host", "--backup", "daily")
	look := func(code int) string {
		out, got, err := h.Run(append([]string{"upkeep", "check"}, bundleOf("3.0")...)...)
		if err != nil || got != code {
			t.Fatalf("check: code %d, want %d (%v)\n%s", got, code, err, out)
		}
		return flat(out)
	}
	if out := look(0); strings.Contains(out, "restore-points") {
		t.Errorf("a timer that was set up just now:\n%s", out)
	}
	h.Must(t, "sh", "-c", "systemctl stop upkeep-backup-notes.timer; touch -d '3 days ago' /etc/systemd/system/upkeep-backup-notes.timer; rm -r /var/lib/upkeep/notes/restore-points/*")
	wants(t, look(4), `! restore-points: restore points are to be made daily, by the timer of upkeep setup-host, and there is none`)
	h.Must(t, "upkeep", "backup", "create")
	if out := look(0); strings.Contains(out, "restore-points") {
		t.Errorf("one was made:\n%s", out)
	}
}
