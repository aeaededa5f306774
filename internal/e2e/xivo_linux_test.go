package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/lab/host"
	"upkeep/internal/lab/xivo"
)

// One upgrade of XiVO by one command and one question, on a real Debian.
func TestXivo_S1(t *testing.T) {
	host.Need(t)
	m := xivo.New(t, xivo.Options{})
	// what administrators and their programs leave behind
	m.Sh(t, `cd /usr/share/xivo-upgrade/pre-upgrade.d && cp -p 10-note 10-note~ && cp -p 10-note 10-note.dpkg-old
sed -i 's/^cache = .*/cache = 256/' /etc/pf-xivo/provd/provd.conf`)
	plan := m.Upkeep(t, 0, "plan", "--from", xivo.Releases).Out
	before := m.Fingerprint(t)
	no := m.Answer(t, "n\n", "upgrade", "--from", xivo.Releases)
	changed := xivo.Diff(before, m.Fingerprint(t))
	since := strings.TrimSpace(m.Must(t, "date", "+%s"))
	r := m.Answer(t, "y\n", "upgrade", "--from", xivo.Releases)
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, m.Log(t))
	}
	log := m.Log(t)
	question, _, _ := strings.Cut(r.Out, "[y/N]")
	t.Run("S1_4_a_declared_environment", func(t *testing.T) {
		var names []string
		for _, l := range lines(log, "| env ") {
			_, kv, _ := strings.Cut(l, "| env ")
			names = append(names, kv)
		}
		for _, want := range []string{"DEBIAN_FRONTEND=noninteractive", "LANG=C", "PATH=/bin:/usr/bin:/sbin:/usr/sbin", "UPKEEP_VERSION_FROM=1.2.2", "UPKEEP_VERSION_TO=1.2.3"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s is not there: %v", want, names)
			}
		}
		for _, n := range names {
			if k, _, _ := strings.Cut(n, "="); slices.Contains([]string{"HOME", "SHELL", "TZ", "UPKEEP_E2E", "UPKEEP_INSTALLATION"}, k) {
				t.Errorf("it sees %s of whoever gave the command", n)
			}
		}
		wants(t, log, `\| no terminal\n.*\| and this went to the error output`)
		if n := strings.TrimSpace(m.Sh(t, "ls "+xivo.State+"/runs | wc -l")); n != "1" {
			t.Errorf("%s runs", n)
		}
	})
	t.Run("S1_5_edited_configuration_files", func(t *testing.T) {
		wants(t, flat(question), `/etc/pf-xivo/provd/provd\.conf`)
		wants(t, m.Read(t, "/etc/pf-xivo/provd/provd.conf"), `(?m)^cache = 128$`)
		wants(t, m.Read(t, "/etc/pf-xivo/provd/provd.conf.dpkg-old"), `(?m)^cache = 256$`)
		wants(t, m.Read(t, "/etc/xivo-ctid/xivo-ctid.ini"), `socket_timeout`)
		wants(t, flat(question), `provd\.conf of the package pf-xivo-provd was edited at this site`)
		wants(t, log, `provd\.conf\.dpkg-old\n.*\| -cache = 256\n[^\n]*\| \+cache = 128`)
		wants(t, flat(r.Out), `edited file /etc/pf-xivo/provd/provd\.conf: the new version's is in place, the other one is /etc/pf-xivo/provd/provd\.conf\.dpkg-old`)
	})
	t.Run("S1_6_services_use_the_new_library", func(t *testing.T) {
		for _, u := range xivo.Units() {
			if u == "nginx" {
				continue
			}
			journal := m.Must(t, "journalctl", "-q", "-o", "cat", "--since=@"+since, "-u", u)
			wants(t, journal, `serves with libxivo 1\.2\.3`)
		}
		if old := m.Sh(t, "grep -l 'libxivo.so.*deleted' /proc/[0-9]*/maps 2>/dev/null || true"); old != "" {
			t.Errorf("the old library is still in use: %s", old)
		}
	})
	t.Run("S1_7_migrations_in_order", func(t *testing.T) {
		if got := m.Query(t, "SELECT string_agg(name || ' ' || strategy, ', ' ORDER BY id) FROM queues"); got != "support ringall, sales ringall, reception ringall" {
			t.Errorf("queues: %s", got)
		}
		wants(t, plan, `migrate database for 1\.2\.3: 2 scripts`)
		if got := m.Query(t, "SELECT count(*) FROM users"); got != "200" {
			t.Errorf("%s users", got)
		}
	})
	t.Run("S1_8_current_and_new_version_before_the_question", func(t *testing.T) {
		wants(t, question, `pf-xivo +1\.2\.2 → 1\.2\.3 `)
		wants(t, question, `xivo-upgrade +1\.2\.2 → 1\.2\.3 `)
		wants(t, question, `database +2 → 3 `)
	})
	t.Run("S1_9_one_question", func(t *testing.T) {
		if n := strings.Count(r.Out, "[y/N]"); n != 1 {
			t.Errorf("%d questions", n)
		}
		wants(t, r.Out, `✓ xivo is on 1\.2\.3, verified`)
	})
	t.Run("S1_10_every_effect_beforehand", func(t *testing.T) {
		for _, want := range []string{`Outage, about`, `hold service xivo-monit stopped until verify`, `stop xivo-ctid`, `stop xivo-dahdi`, `start xivo-dahdi`, `start nginx`, `install .*pf-xivo`,
			`migrate database`, `run .*/set-webi-language en`, `10-note`, `If something fails`} {
			wants(t, question, want)
		}
	})
	t.Run("S1_13_up_to_date", func(t *testing.T) {
		still := m.Fingerprint(t)
		wants(t, m.Upkeep(t, 0, "upgrade", "--from", xivo.Releases).Out, `xivo is up to date: 1\.2\.3`)
		if d := xivo.Diff(still, m.Fingerprint(t)); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
	})
	t.Run("S1_14_no", func(t *testing.T) {
		if no.Code != 5 || changed != "" {
			t.Errorf("exit code %d, want 5; changed:\n%s", no.Code, changed)
		}
	})
	hooks := m.Read(t, "/var/log/xivo-upgrade.log")
	t.Run("S1_16_S1_22_scripts_before_in_name_order", func(t *testing.T) {
		wants(t, hooks, `^pre-upgrade\.d/10-note 1\.2\.2 1\.2\.3 1\.2\.2\npre-upgrade\.d/20-calls 1\.2\.2 1\.2\.3 1\.2\.2\n`)
		for _, want := range []string{`10-note~ is not run: `, `10-note\.dpkg-old is not run: `, `00_README is not run: it is not executable`} {
			wants(t, flat(plan), want)
		}
	})
	t.Run("S1_17_it_is_upgraded", func(t *testing.T) {
		for _, p := range []string{"pf-xivo", "libxivo", "xivo-asterisk", "xivo-upgrade"} {
			if got := m.Must(t, "dpkg-query", "-W", "-f", "${Version} ${db:Status-Abbrev}", p); got != "1.2.3 ii " {
				t.Errorf("%s is %s", p, got)
			}
		}
		if got := m.Status(t); got != `{"language":"en","schema":3,"version":"1.2.3"}` {
			t.Errorf("it says %s", got)
		}
	})
	t.Run("S1_18_S1_23_scripts_after", func(t *testing.T) {
		wants(t, hooks, `(?s)20-calls.*post-upgrade\.d/10-note 1\.2\.2 1\.2\.3 1\.2\.3\npost-upgrade\.d/20-done 1\.2\.2 1\.2\.3 1\.2\.3\n$`)
	})
	t.Run("S1_19_services_in_order", func(t *testing.T) {
		services(t, m)
		for _, id := range xivo.Units() {
			wants(t, log, `OK +service `+id+`: service `+id+` is running`)
		}
	})
	t.Run("S1_21_the_vendor's_folder", func(t *testing.T) {
		wants(t, log, `vendor hook /usr/share/xivo-upgrade/pre-upgrade\.d/10-note`)
	})
	t.Run("S1_10_nothing_is_left_behind", func(t *testing.T) {
		left := m.Sh(t, `ls /usr/sbin/policy-rc.d /run/systemd/system/*xivo* /etc/systemd/system/*.d/*upkeep* 2>/dev/null || true; nft list ruleset; dpkg --audit`)
		if left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
}

// services checks by systemd's own clock that the units were stopped in
// reverse and started in order, each when the one before was done.
func services(t *testing.T, m *xivo.Machine) {
	t.Helper()
	all := xivo.Units()
	stamp := func(unit, what string) (us int64) {
		out := m.Must(t, "systemctl", "show", "--value", "-p", what, unit)
		if _, err := fmt.Sscan(out, &us); err != nil || us == 0 {
			t.Fatalf("%s of %s: %q, %v", what, unit, out, err)
		}
		return us
	}
	for i := 1; i < len(all); i++ {
		if active, starting := stamp(all[i-1], "ActiveEnterTimestampMonotonic"), stamp(all[i], "InactiveExitTimestampMonotonic"); active > starting {
			t.Errorf("%s was started before %s served", all[i], all[i-1])
		}
		if stopping, stopped := stamp(all[i-1], "ActiveExitTimestampMonotonic"), stamp(all[i], "InactiveEnterTimestampMonotonic"); stopping < stopped {
			t.Errorf("%s was stopped before %s had ended", all[i-1], all[i])
		}
	}
}

// Tasks of the vendor: once each, never against a later choice of the
// administrator; and only where they apply. Unattended, too.
func TestXivoOnce_S1(t *testing.T) {
	host.Need(t)
	m := xivo.New(t, xivo.Options{Releases: []xivo.Release{{Version: "1.2.3"}, {Version: "1.2.4"}}})
	const ini, device, trace = "/etc/pf-xivo/web-interface/xivo.ini", "/var/lib/pf-xivo-provd/devices/0004f2ab1001.cfg", "/var/log/xivo-upgrade.log"
	r := m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases, "--to", "1.2.3")
	first, language, one := m.Read(t, trace), m.Read(t, ini), m.Read(t, device)
	m.Sh(t, `sed -i 's/^language.*/language = de/' `+ini+`; printf 'peer = 192.0.2.7\n' >/etc/pf-xivo/ha.conf`)
	second := m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases)
	tasks := m.Read(t, trace)
	t.Run("S1_15_unattended", func(t *testing.T) {
		if strings.Contains(r.Out, "[y/N]") {
			t.Errorf("it asked:\n%s", r.Out)
		}
	})
	t.Run("S1_24_templates_once", func(t *testing.T) {
		wants(t, first, `(?m)^update-device-templates$`)
		wants(t, one, `^model=1\nproxy_ip=192\.0\.2\.1\ntemplate=2\n$`)
		if got := lines(tasks, "update-device-templates"); len(got) != 1 {
			t.Errorf("it ran %d times", len(got))
		}
		wants(t, second.Out, `device-templates was done once`)
	})
	t.Run("S1_25_only_with_high_availability", func(t *testing.T) {
		if strings.Contains(first, "set-backup-proxy-ip") {
			t.Errorf("it ran without a second server: %s", first)
		}
		wants(t, tasks, `(?m)^set-backup-proxy-ip 192\.0\.2\.7$`)
		if got := strings.TrimSpace(m.Sh(t, "grep -lx backup_proxy_ip=192.0.2.7 /var/lib/pf-xivo-provd/devices/*.cfg | wc -l")); got != "3" {
			t.Errorf("%s of 3 telephones know the second server", got)
		}
	})
	t.Run("S1_26_the_language_of_a_later_choice_stays", func(t *testing.T) {
		wants(t, language, `(?m)^language = en$`)
		if got := m.Status(t); got != `{"language":"de","schema":4,"version":"1.2.4"}` {
			t.Errorf("after the second upgrade: %s", got)
		}
	})
	t.Run("S1_7_migrations_once", func(t *testing.T) {
		if got := m.Query(t, "SELECT string_agg(strategy || calls, ' ' ORDER BY id) FROM queues"); got != "ringall0 ringall0 ringall0" {
			t.Errorf("queues: %s", got)
		}
	})
}

// The same plan leads to the same state: what differs between two machines
// beforehand is in the plan, and is gone afterwards. An installation that was
// never configured is refused before anything happens.
func TestXivoSecondMachine_S1(t *testing.T) {
	host.Need(t)
	m, second := xivo.New(t, xivo.Options{Name: "pbx"}), xivo.New(t, xivo.Options{Name: "pbx"})
	t.Run("S1_10_not_configured", func(t *testing.T) {
		m.Sh(t, "mv /etc/pf-xivo/web-interface/xivo.ini /root/")
		before := m.Fingerprint(t)
		r := m.Upkeep(t, 3, "upgrade", "--yes", "--from", xivo.Releases)
		wants(t, flat(r.Err), `check configured.*Run the wizard first`)
		if d := xivo.Diff(before, m.Fingerprint(t)); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
		m.Sh(t, "mv /root/xivo.ini /etc/pf-xivo/web-interface/")
	})
	t.Run("S1_3_same_state", func(t *testing.T) {
		m.Sh(t, "echo '# by hand' >>/etc/xivo-ctid/xivo-ctid.ini")
		wants(t, flat(m.Upkeep(t, 0, "plan", "--from", xivo.Releases).Out), `/etc/xivo-ctid/xivo-ctid\.ini`)
		for _, m := range []*xivo.Machine{m, second} {
			m.Upkeep(t, 0, "upgrade", "--yes", "--from", xivo.Releases)
		}
		own := regexp.MustCompile(`(?m)^.*(\.dpkg-old|etc/(machine-id|hostname|hosts|ssh/|systemd/network|shadow|ssl/)|data INSERT INTO public.upkeep_(migrations|statements)).*\n`)
		if d := xivo.Diff(own.ReplaceAllString(m.Fingerprint(t), ""), own.ReplaceAllString(second.Fingerprint(t), "")); d != "" {
			t.Errorf("the machines differ:\n%s", d)
		}
	})
	t.Run("half_changed_by_hand", func(t *testing.T) {
		m.Put(t, old(t, "pf-xivo"), "/root/old.deb")
		m.Sh(t, "dpkg --force-downgrade --force-depends -i /root/old.deb 2>&1")
		r := m.Upkeep(t, 3, "plan", "--from", xivo.Releases)
		wants(t, flat(r.Err), `pf-xivo : Depends: libxivo \(= 1\.2\.2\) but 1\.2\.3 is installed`)
	})
	t.Run("S1_2_changed_by_hand", func(t *testing.T) {
		second.UpgradeByHand(t, "1.2.4")
		second.BundleIn(t, xivo.Releases, xivo.Release{Version: "1.2.4"})
		r := second.Upkeep(t, 0, "upgrade", "--from", xivo.Releases)
		wants(t, flat(r.Out), `xivo is up to date: 1\.2\.4`)
		wants(t, flat(r.Out+r.Err), `pf-xivo was 1\.2\.3 when Upkeep left it, and is 1\.2\.4 now: it was changed outside of Upkeep.*upkeep adopt`)
		second.Upkeep(t, 0, "adopt", "--product", xivo.Releases+"/xivo-1.2.4.tar.zst")
		if r := second.Upkeep(t, 0, "upgrade", "--from", xivo.Releases); strings.Contains(r.Out+r.Err, "outside of Upkeep") {
			t.Errorf("it was adopted, and it still says:\n%s", r.Out)
		}
	})
}

// old builds one package of 1.2.2 by itself.
func old(t *testing.T, name string) string {
	t.Helper()
	example, err := xivo.Example()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := xivo.Debs(example, "1.2.2", dir); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d packages %s, %v", len(all), name, err)
	}
	return all[0]
}
