package e2e

import (
	"os"
	"strings"
	"testing"

	"upkeep/internal/lab/host"
	"upkeep/internal/lab/xivo"
)

// Packages, locks and units that go wrong: the machine ends as it was, in
// full, or on the new release, verified.
func TestXivoFaults(t *testing.T) {
	host.Need(t)
	m := xivo.New(t, xivo.Options{})
	before := m.Fingerprint(t)
	for _, c := range []struct {
		name   string
		faults []xivo.Fault
		edit   func(path, text string) string
		limit  bool // little time for the packages
		why    string
	}{
		{name: "S1_18 postinst fails", faults: []xivo.Fault{{Package: "xivo-ctid", Postinst: "useradd --system half\necho half >/etc/xivo-ctid/half.conf\necho 'the half of it is done' >&2\nexit 1"}},
			why: `failed at step h1\.install\.pf-xivo`},
		{name: "postinst hangs", faults: []xivo.Fault{{Package: "xivo-ctid", Postinst: "sleep 100000 &\nsleep 100000"}}, limit: true, why: `failed at step h1\.install\.pf-xivo.*(time|20s)`},
		{name: "postinst asks", faults: []xivo.Fault{{Package: "pf-xivo-provd", Postinst: "printf 'Really? '\nread -r answer\n[ \"$answer\" = yes ]"}}, why: `failed at step h1\.install\.pf-xivo`},
		{name: "postinst migrates and starts", faults: []xivo.Fault{{Package: "pf-xivo-web-interface",
			Postinst: "runuser -u postgres -- psql -qc 'ALTER TABLE queues ADD COLUMN strategy text' xivo\nsystemctl start xivo-webi || true\ndeb-systemd-invoke start xivo-webi.service || true"}},
			why: `failed at step h1\.migrate\.database`},
		{name: "the release promises another version", edit: func(path, text string) string {
			return strings.Replace(text, `pf-xivo: "1.2.3"`, `pf-xivo: "1.2.9"`, 1)
		},
			why: `failed at step`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := "/srv/" + strings.ReplaceAll(c.name, " ", "-")
			m.BundleIn(t, dir, xivo.Release{Version: "1.2.3", Faults: c.faults, Edit: c.edit})
			if c.limit {
				m.Sh(t, "sed -i 's/^params:/limits: {packages: 20s}\\nparams:/' "+xivo.Document)
				defer m.Sh(t, "sed -i '/^limits:/d' "+xivo.Document)
			}
			r := m.Upkeep(t, 6, "upgrade", "--yes", "--from", dir)
			wants(t, flat(r.Out), c.why)
			wants(t, r.Out, `back on 1\.2\.2`)
			after := m.Fingerprint(t)
			if d := xivo.Diff(before, after); d != "" {
				t.Errorf("not as it was:\n%s\n%s", d, m.Log(t))
			}
			before = after
			if got := m.Sh(t, "grep -c post-upgrade /var/log/xivo-upgrade.log || true"); strings.TrimSpace(got) != "0" && len(c.faults) > 0 {
				t.Errorf("the scripts after ran: %s", got)
			}
			if left := m.Sh(t, "pgrep -f '[s]leep 100000' || true"); left != "" {
				t.Errorf("still running: %s", left)
			}
		})
	}
	t.Run("a masked supervisor and a package database in use", func(t *testing.T) {
		m.Sh(t, "systemctl stop xivo-monit && systemctl mask xivo-monit")
		// dpkg's lock, as another dpkg would hold it
		seconds := "12"
		if os.Getenv("UPKEEP_MOMENTS") != "" { // make crash-hosts has the time
			seconds = "300"
		}
		lock, err := m.Start("perl", "-MFcntl", "-e", `open(F, "+>>", "/var/lib/dpkg/lock-frontend") or die; $l = pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep $ARGV[0]`, seconds)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = lock.Wait() }()
		m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases)
		wants(t, m.Log(t), `waiting for perl`)
		if got := m.Status(t); got != `{"language":"en","schema":3,"version":"1.2.3"}` {
			t.Errorf("it says %s", got)
		}
		if got := strings.TrimSpace(m.Sh(t, "systemctl is-enabled xivo-monit || true; systemctl is-active xivo-monit || true")); got != "masked\ninactive" {
			t.Errorf("the supervisor is %s", got)
		}
	})
}

// A supervisor that nobody holds, since the manifest does not know it.
func TestXivoSupervisor(t *testing.T) {
	host.Need(t)
	m := xivo.New(t, xivo.Options{Edit: func(path, text string) string {
		text = strings.Replace(text, "  - {id: xivo-monit, as: root}\n", "", 1)
		return strings.Replace(text, "  start-of-run: [{hold: {service: xivo-monit}, to: stopped, until: verify}]\n", "", 1)
	}})
	m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases)
	if got := m.Status(t); got != `{"language":"en","schema":3,"version":"1.2.3"}` {
		t.Errorf("it says %s", got)
	}
	wants(t, m.Must(t, "journalctl", "-q", "-o", "cat", "-u", "xivo-monit"), `does not run: it is started`)
	if got := m.Sh(t, "systemctl is-active xivo-monit"); strings.TrimSpace(got) != "active" {
		t.Errorf("the supervisor is %s", got)
	}
}
