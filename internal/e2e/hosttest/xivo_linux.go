package hosttest

import (
	"strings"
	"testing"

	"upkeep/internal/lab/host"
	"upkeep/internal/lab/xivo"
)

// XiVO makes a machine with XiVO 1.2.2: Debian packages, nine units, a
// supervisor, PostgreSQL. Its upgrade goes to 1.2.3.
func XiVO(t testing.TB) *Product {
	t.Helper()
	m := xivo.New(t, xivo.Options{Name: "pbx"})
	visitor(t, m.Host, "http://127.0.0.1:8080/status")
	shell(t, m.Host, "sync")
	m.Shutdown(t)
	return &Product{
		Name: "xivo", Old: "1.2.2", New: "1.2.3", Machine: m.Host, State: xivo.State,
		Upgrade: []string{xivo.Program, "upgrade", "--yes", "--installation", xivo.Document, "--from", xivo.Releases},
		// The unit that starts last but one fails on the new version.
		Sabotage: func(t testing.TB, h *host.Host) {
			h.Write(t, "/etc/systemd/system/nginx.service.d/broken.conf", "[Service]\nExecStartPre=/bin/sh -c '! grep -q 1.2.3 /usr/share/pf-xivo/XIVO-VERSION'\n", 0o644)
			h.Must(t, "systemctl", "daemon-reload")
		},
		Describe: func(t testing.TB, h *host.Host) string {
			xivoSettled(t, h)
			return (&xivo.Machine{Host: h}).Fingerprint(t) + left(t, h)
		},
		IsNew: xivoIsNew,
		Skip:  xivoSkip,
	}
}

// xivoSkip leaves out what dpkg, PostgreSQL and any running program change by
// themselves, and restore points.
func xivoSkip(path string) bool {
	for _, dir := range []string{"/var/lib/postgresql", "/var/cache", "/var/backups/xivo", "/var/lib/nginx", "/etc/ld.so.cache", "/etc/.pwd.lock",
		"/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock", "/var/lib/apt"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return strings.HasPrefix(path, "/var/lib/dpkg/") && strings.HasSuffix(path, "-old")
}

// xivoSettled waits until everything of the product runs.
func xivoSettled(t testing.TB, h *host.Host) {
	t.Helper()
	shell(t, h, `for i in $(seq 200); do curl -sf -m 2 -o /dev/null http://127.0.0.1:8080/status && systemctl -q is-active `+strings.Join(xivo.Units(), " ")+` && exit 0; sleep 0.1; done
curl -sS -m 2 http://127.0.0.1:8080/status || true; systemctl is-active `+strings.Join(xivo.Units(), " ")+`; exit 1`)
}

func xivoIsNew(t testing.TB, h *host.Host) {
	t.Helper()
	xivoSettled(t, h)
	m := &xivo.Machine{Host: h}
	if got := m.Status(t); got != `{"language":"en","schema":3,"version":"1.2.3"}` {
		t.Errorf("it says %s", got)
	}
	if got := m.Query(t, "SELECT string_agg(name, ' ' ORDER BY name) FROM queues"); got != "reception sales support" {
		t.Errorf("queues: %s", got)
	}
	if got := strings.TrimSpace(shell(t, h, "dpkg --audit; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | grep xivo | grep -v ' 1.2.3 installed$' || true")); got != "" {
		t.Errorf("packages: %s", got)
	}
	if got := left(t, h); got != "" {
		t.Errorf("left behind: %s", got)
	}
}
