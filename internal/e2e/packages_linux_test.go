package e2e

import (
	"strings"
	"testing"
)

// TestPackagesUpgrade: packages of a bundle, on a real Debian. What is
// edited is said before; nothing asks; the guard is gone afterwards.
func TestPackagesUpgrade(t *testing.T) {
	for policy, want := range map[string]string{
		"keep":     "mine\nof 1.1\nmine too\n",
		"take-new": "of 1.1\nmine\nmine too\n",
	} {
		t.Run(policy, func(t *testing.T) {
			h := newShop(t, shopOptions{policy: policy})
			h.Write(t, "/etc/shop/shop.conf", "mine\n", 0o644)
			h.Write(t, "/etc/shop/same.conf", "mine too\n", 0o644)
			shown, code := h.upkeep(t, "plan", "--from", "/srv/releases")
			for _, want := range []string{"shop from 1.0 to 1.1", "shop-lib from 1.0 to 1.1", "/etc/shop/shop.conf of the package shop was edited", "/etc/shop/same.conf of the package shop was edited at this site, and stays"} {
				if code != 0 || !strings.Contains(unwrapped(shown), want) {
					t.Errorf("the plan does not say %q (code %d):\n%s", want, code, shown)
				}
			}
			before := h.fingerprint(t)
			h.upgrade(t, 0)
			got := h.Must(t, "sh", "-c", `cat /etc/shop/shop.conf /etc/shop/shop.conf.dpkg-* /etc/shop/same.conf
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' shop shop-lib
systemctl is-active shop; systemctl is-enabled shop shop-more
find /usr/sbin -name '*policy-rc.d*'; find /run/systemd/system -name 'shop*'
sqlite3 /var/lib/shop/shop.db 'select max(version) from meta'`)
			if want += "shop 1.1 installed\nshop-lib 1.1 installed\nactive\nenabled\nenabled\n11\n"; got != want {
				t.Errorf("afterwards:\n%s\nwant\n%s", got, want)
			}
			if out := h.upgrade(t, 0); !strings.Contains(out, "1.1") || strings.Contains(out, "install 2 packages") {
				t.Errorf("once more:\n%s", out)
			}
			// the next morning
			if out, code := h.upkeep(t, "back", "-y"); code != 0 {
				t.Fatalf("back: exit code %d\n%s\n%s", code, out, h.log(t))
			}
			sameShop(t, before, h.fingerprint(t))
		})
	}
}

// unwrapped takes the line breaks of the screen away.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestPackagesPutBack: whatever a postinst does, the machine is as it was.
func TestPackagesPutBack(t *testing.T) {
	for _, tt := range []struct{ name, postinst, limits, says string }{
		{"fails", "exit 7", "", "shop"},
		{"fails after it migrated and started the service", `/usr/bin/shop-migrate 99
systemctl start shop.service || echo could not start it
/usr/bin/shop & 
rm -rf /etc/shop/same.conf /var/spool/shop /usr/share/shop/version; touch /usr/lib/shop/left /etc/left
exit 1`, "", "shop"},
		{"hangs", "sleep 1000", "limits: {packages: 5s}", "deadline of 5s"},
		{"asks", `echo "Really?"; read answer </dev/tty || read answer; test "$answer" = yes`, "", "shop"},
		{"goes well, and what comes after it fails", `printf '#!/bin/sh\nexit 1\n' >/usr/bin/shop-migrate`, "", "shop-migrate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newShop(t, shopOptions{postinst: tt.postinst, limits: tt.limits})
			h.Write(t, "/etc/shop/shop.conf", "mine\n", 0o644)
			h.Write(t, "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n", 0o755) // the site's own
			h.Must(t, "systemctl", "mask", "shop-more")
			before := h.fingerprint(t)
			out := h.upgrade(t, 6)
			if !strings.Contains(unwrapped(out), tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, out)
			}
			sameShop(t, before, h.fingerprint(t))
			if t.Failed() {
				t.Logf("%s\n%s", out, h.log(t))
			}
		})
	}
}

// TestPackagesLock: somebody else has the package manager for a while; the
// run waits, says for whom, and for no longer than it may.
func TestPackagesLock(t *testing.T) {
	const hold = `flock -F -o /var/lib/dpkg/lock-frontend true 2>/dev/null; exec perl -e 'use Fcntl qw(:DEFAULT); open(F, "+<", "/var/lib/dpkg/lock-frontend") or die; my $l = pack("s s x4 l l i", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die "no lock: $!"; open(O, ">", "/run/held"); close O; sleep $ARGV[0]' `
	for _, tt := range []struct {
		name, seconds, limits string
		code                  int
		want                  string
	}{
		{"is waited for", "12", "", 0, "waiting for perl"},
		{"is not waited for for ever", "1000", "limits: {package-lock: 2s}", 6, "has had its lock for 2s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newShop(t, shopOptions{limits: tt.limits})
			before := h.fingerprint(t)
			cmd, err := h.Start("sh", "-c", hold+tt.seconds)
			if err != nil {
				t.Fatal(err)
			}
			h.Must(t, "sh", "-c", "for i in $(seq 100); do [ -e /run/held ] && exit 0; sleep 0.1; done; exit 1")
			h.upgrade(t, tt.code)
			if log := h.log(t); !strings.Contains(log, tt.want) {
				t.Errorf("the log does not say %q:\n%s", tt.want, log)
			}
			if tt.code != 0 {
				_ = cmd.Process.Kill()
				sameShop(t, before, h.fingerprint(t))
			}
			_ = cmd.Wait()
		})
	}
}

// TestPackagesKilled: the machine dies while dpkg is at work; afterwards the
// run goes on by one command, and ends new or exactly old.
func TestPackagesKilled(t *testing.T) {
	for _, tt := range []struct {
		name, postinst, command string
		code                    int
	}{
		{"and goes on", "touch /run/here; [ -e /var/tmp/second ] || { touch /var/tmp/second; sync; sleep 1000; }", "resume", 0},
		{"and goes back", "touch /run/here; sleep 1000", "back -y", 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newShop(t, shopOptions{postinst: tt.postinst})
			before := h.fingerprint(t)
			cmd, err := h.Start("/usr/local/bin/upkeep", "upgrade", "-y", "--from", "/srv/releases")
			if err != nil {
				t.Fatal(err)
			}
			h.Must(t, "sh", "-c", "for i in $(seq 600); do [ -e /run/here ] && exit 0; sleep 0.1; done; exit 1")
			h.Kill(t)
			_ = cmd.Wait()
			h.Boot(t)
			out, code := h.upkeep(t, strings.Fields(tt.command)...)
			if code != tt.code {
				t.Fatalf("exit code %d, want %d\n%s\n%s", code, tt.code, out, h.log(t))
			}
			if tt.code == 6 {
				sameShop(t, before, h.fingerprint(t))
				return
			}
			got := h.Must(t, "sh", "-c", "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' shop shop-lib; systemctl is-active shop; find /usr/sbin -name '*policy-rc.d*'; dpkg --audit")
			if want := "shop 1.1 installed\nshop-lib 1.1 installed\nactive\n"; got != want {
				t.Errorf("afterwards:\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// reindex makes a folder of packages a source of the machine.
const reindex = `set -e
cd /srv/repo
for d in *.deb; do
	dpkg-deb -f $d
	echo "Filename: ./$d"
	echo "Size: $(stat -c %s $d)"
	echo "SHA256: $(sha256sum $d | cut -d' ' -f1)"
	echo
done >Packages
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list`

// TestPackagesOfSources: the bundle brings no packages; the computer's own
// sources do, fetched before the outage. Afterwards the sources may be gone.
func TestPackagesOfSources(t *testing.T) {
	for _, tt := range []struct {
		name, release string
		code          int
		says          string
	}{
		{"fetches before the outage", "1.1", 0, "from this computer's package sources"},
		{"has no such version", "1.9", 3, "cannot be installed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newShop(t, shopOptions{version: tt.release, sources: true, policy: "take-new"})
			h.Must(t, "sh", "-c", reindex+"\napt-get update -q")
			h.Must(t, "apt-mark", "auto", "shop-lib")
			out := h.upgrade(t, tt.code)
			if !strings.Contains(unwrapped(out), tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, out)
			}
			if tt.code != 0 {
				return
			}
			got := h.Must(t, "sh", "-c", `dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' shop shop-lib; systemctl is-active shop; apt-mark showauto shop-lib`)
			if want := "shop 1.1 installed\nshop-lib 1.1 installed\nactive\nshop-lib\n"; got != want {
				t.Errorf("afterwards:\n%s\nwant\n%s\n%s", got, want, h.log(t))
			}
		})
	}
}

// The feed of a product that comes by apt: the computer's own sources tell which
// version is published.
func TestFeedByApt(t *testing.T) {
	h := newShop(t, shopOptions{sources: true, policy: "take-new"})
	h.Must(t, "sh", "-c", reindex+"\napt-get update -q")
	h.upgrade(t, 0)
	if out, code := h.upkeep(t, "feed", "refresh"); code != 0 || !strings.Contains(unwrapped(out), "New: 1.1") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, _ := h.upkeep(t, "status"); !strings.Contains(out, "✓ up to date: 1.1, looked just now") {
		t.Errorf("status:\n%s", out)
	}
	dir := t.TempDir()
	h.Put(t, shopDeb("1.2", "").Build(t, dir), "/srv/repo/shop_1.2_all.deb")
	h.Put(t, shopLib("1.2").Build(t, dir), "/srv/repo/shop-lib_1.2_all.deb")
	h.Must(t, "sh", "-c", reindex) // nobody has given apt-get update
	if out, code := h.upkeep(t, "feed", "refresh"); code != 0 || !strings.Contains(unwrapped(out), "New: 1.2") {
		t.Errorf("code %d\n%s", code, out)
	}
	out, _ := h.upkeep(t, "status")
	if !strings.Contains(out, "1.2 is published (seen 20") || !strings.Contains(out, "installed is 1.1") || !strings.Contains(out, "upkeep plan --from RELEASE") {
		t.Errorf("status:\n%s", out)
	}
	if out, code := h.upkeep(t, "upgrade", "--yes"); code == 0 {
		t.Errorf("what nobody has signed is installed:\n%s", out)
	}
	h.Must(t, "sh", "-c", "echo 'deb [trusted=yes] file:/srv/nothing ./' >/etc/apt/sources.list")
	if out, code := h.upkeep(t, "feed", "refresh"); code != 1 || !strings.Contains(unwrapped(out), "cannot see which version is published") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, _ := h.upkeep(t, "status"); !strings.Contains(out, "! has not looked with success since") {
		t.Errorf("status:\n%s", out)
	}
}
