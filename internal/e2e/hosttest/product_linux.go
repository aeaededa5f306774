package hosttest

import (
	"slices"
	"strings"
	"testing"

	"upkeep/internal/lab/host"
)

// Product is a product on a machine of the lab, for tests that end the
// machine.
type Product struct {
	Name     string
	Old, New string // versions, as the product itself tells them to its users
	// Machine gives a machine that is down, where the old version is installed
	// and starts when the machine boots, and where upkeep setup-host was done.
	// It is cloned for every try.
	Machine *host.Host
	Upgrade []string // the command, with its arguments
	State   string   // Upkeep's folder of the installation, inside
	// Sabotage changes a clone that is up so that the upgrade fails late.
	Sabotage func(t testing.TB, h *host.Host)
	// Describe gives what a file comparison does not see: data, states of units,
	// access. It is compared as text.
	Describe func(t testing.TB, h *host.Host) string
	// IsNew fails the test unless the product is on the new version with its data.
	IsNew func(t testing.TB, h *host.Host)
	// Skip says which files are not compared, beside those that change by
	// themselves and Upkeep's own: databases, which Describe reads.
	Skip func(path string) bool

	// forward and back are the steps of an upgrade that nobody disturbs, and of one that
	// fails: they are found out once.
	forward, back []span
}

// fingerprint is a whole machine: every file that is not as it was in the
// machine that was cloned, and what the product describes.
type fingerprint struct {
	files []string
	state string
}

func (p *Product) fingerprint(t testing.TB, h *host.Host) fingerprint {
	t.Helper()
	return fingerprint{state: p.Describe(t, h), files: h.Changes(t, func(path string) bool {
		return host.Noise(path) || p.Skip(path) || p.own(path)
	})}
}

// own says which paths are Upkeep's own: its folder of the installation, and
// the plans that it has shown.
func (p *Product) own(path string) bool {
	return slices.ContainsFunc([]string{"/var/lib/upkeep", p.State, "/root/.cache/upkeep"}, func(dir string) bool {
		return path == dir || strings.HasPrefix(path, dir+"/")
	}) || path == "/root/.cache"
}

// same fails the test where two fingerprints differ.
func same(t testing.TB, before, after fingerprint) {
	t.Helper()
	for _, line := range after.files {
		if !slices.Contains(before.files, line) {
			t.Errorf("not as it was: %s", line)
		}
	}
	for _, line := range before.files {
		if !slices.Contains(after.files, line) {
			t.Errorf("not as it was any more: %s", line)
		}
	}
	if before.state != after.state {
		t.Errorf("not as it was: %s", lineDiff(before.state, after.state))
	}
}

func lineDiff(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

// shell runs a script inside that has to succeed.
func shell(t testing.TB, h *host.Host, script string) string {
	t.Helper()
	return h.Must(t, "sh", "-euc", script)
}

// units describes units of systemd: whether they run, start at boot, and what
// is added to them.
func units(t testing.TB, h *host.Host, names ...string) string {
	t.Helper()
	return h.Must(t, append([]string{"systemctl", "show", "-p", "Id,LoadState,ActiveState,SubState,UnitFileState,DropInPaths,NeedDaemonReload"}, names...)...)
}

// left lists what a closed run must not leave on the machine: rules of the
// gate, inhibits, policy-rc.d, children.
func left(t testing.TB, h *host.Host) string {
	t.Helper()
	return shell(t, h, `nft list ruleset
find /etc/systemd/system /run/systemd/system -path '*upkeep*' ! -name 'upkeep-recover*' ! -name 'upkeep-gate*' ! -path '*.wants*'
find /var/lib/upkeep /srv -name '*inhibit*' 2>/dev/null || true
ls /usr/sbin/policy-rc.d 2>/dev/null || true
systemctl list-units --all --plain --no-legend 'upkeep*.scope' 'upkeep-run*' || true
ps -eo args --no-headers | grep -E '/upkeep (engine|upgrade|resume)' | grep -v grep || true`)
}
