package host

import (
	"os"
	"strings"
	"testing"
)

func TestFullDisk(t *testing.T) {
	h := New(t, Options{})
	h.Write(t, "/srv/data/before", "here before\n", 0o600)
	h.FullDisk(t, "/srv/data", 16<<20)
	h.Boot(t)
	if got := h.Must(t, "cat", "/srv/data/before"); got != "here before\n" {
		t.Errorf("%q", got)
	}
	out, code, _ := h.Run("dd", "if=/dev/zero", "of=/srv/data/big", "bs=1M", "count=32")
	if code == 0 || !strings.Contains(out, "No space left") {
		t.Errorf("32 MiB went into a disk of 16 MiB: %s", out)
	}
	h.Must(t, "rm", "/srv/data/big")
	h.Kill(t)
	h.Boot(t)
	ballast := h.Fill(t, "/srv/data", 1<<20)
	if left := h.Space(t, "/srv/data"); left > 1<<20+8192 {
		t.Errorf("%d bytes are free after the disk was filled", left)
	}
	if _, code, _ := h.Run("dd", "if=/dev/zero", "of=/srv/data/big", "bs=1M", "count=2"); code == 0 {
		t.Error("2 MiB went where 1 MiB was free")
	}
	h.Must(t, "rm", ballast, "/srv/data/big")
	h.Must(t, "dd", "if=/dev/zero", "of=/srv/data/big", "bs=1M", "count=2")
	h.Must(t, "dd", "if=/dev/zero", "of=/root/elsewhere", "bs=1M", "count=32")
}

// TestWholeDisk: everything that a machine writes goes to one disk.
func TestWholeDisk(t *testing.T) {
	h := New(t, Options{}).CloneOnDisk(t, "small", 64<<20)
	h.Boot(t)
	ballast := h.Fill(t, "/", 1<<20)
	if _, code, _ := h.Run("dd", "if=/dev/zero", "of=/usr/local/big", "bs=1M", "count=4"); code == 0 {
		t.Error("4 MiB went where 1 MiB was free")
	}
	h.Must(t, "rm", ballast, "/usr/local/big")
	h.Must(t, "dd", "if=/dev/zero", "of=/usr/local/big", "bs=1M", "count=4")
	h.Kill(t)
	h.Boot(t)
	h.Must(t, "test", "-s", "/usr/local/big")
}

func TestPartition(t *testing.T) {
	a, b := New(t, Options{Name: "a"}), New(t, Options{Name: "b"})
	a.Boot(t)
	b.Boot(t)
	b.Must(t, "systemctl", "start", "nginx")
	get := []string{"curl", "-sSf", "-m", "2", "-o", "/dev/null", "http://" + b.Addr + "/"}
	a.Must(t, get...)
	b.Partition(t, true)
	if out, code, _ := a.Run(get...); code == 0 {
		t.Errorf("a host that is cut off answered: %s", out)
	}
	b.Must(t, "curl", "-sSf", "-o", "/dev/null", "http://127.0.0.1/") // alive, only cut off
	b.Partition(t, false)
	eventually(t, "the host answers again", func() bool { _, code, _ := a.Run(get...); return code == 0 })
	if _, code, _ := a.Run("ping", "-c1", "-W1", "192.0.2.1"); code == 0 {
		t.Error("a host reaches beyond the lab")
	}
}

// TestGateWorksInside: what Upkeep's gate is made of works in a host.
func TestGateWorksInside(t *testing.T) {
	h := New(t, Options{})
	h.Boot(t)
	h.Must(t, "systemctl", "start", "nginx")
	h.Must(t, "sh", "-c", `nft add table inet g
nft 'add chain inet g out { type nat hook output priority -100; }'
nft 'add rule inet g out meta mark != 7 tcp dport 80 redirect to :81'`)
	if out, code, _ := h.Run("curl", "-sS", "-m", "2", "http://127.0.0.1/"); code == 0 {
		t.Errorf("a user passed: %s", out)
	}
	machine, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(machine), h.veth()) || strings.Contains(string(machine), " "+bridge+":") {
		t.Error("the lab's network shows in the machine's")
	}
	h.Kill(t)
	h.Boot(t)
	if out := h.Must(t, "nft", "list", "ruleset"); strings.TrimSpace(out) != "" {
		t.Errorf("rules outlived the host: %s", out)
	}
}

// TestPackages: put in beforehand, with what they need, and not started.
func TestPackages(t *testing.T) {
	h := New(t, Options{Packages: []string{"monit"}})
	h.Boot(t)
	if got := h.Must(t, "dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "monit"); !strings.HasPrefix(got, "ii") {
		t.Errorf("monit is %q", got)
	}
	if out := strings.TrimSpace(h.Must(t, "dpkg", "--audit")); out != "" {
		t.Errorf("packages are not whole: %s", out)
	}
	if _, code, _ := h.Run("test", "-e", "/usr/sbin/policy-rc.d"); code == 0 {
		t.Error("the ban on starting services was left behind")
	}
	h.Must(t, "systemctl", "restart", "monit")
}

// A power cut keeps what was synced and loses what was not, on a disk that was
// used a moment ago.
func TestCut(t *testing.T) {
	first := New(t, Options{Name: "whole"})
	h := first.CloneOnDisk(t, "cut", 512<<20)
	h.Boot(t)
	h.Must(t, "sh", "-c", "echo old >/srv/kept; echo old >/srv/both; sync; echo new >/srv/both; echo new >/srv/lost; dd if=/dev/zero of=/srv/large bs=1M count=8 2>/dev/null; mkdir /srv/dir; echo x >/srv/synced; sync /srv/synced /srv")
	h.Must(t, "sh", "-c", "echo late >/srv/late; echo new >>/srv/both")
	h.Cut(t)
	h.Boot(t)
	if got := h.Must(t, "sh", "-c", "cd /srv; cat kept synced; cat both | tail -n 1; test ! -e late && echo lost"); got != "old\nx\nnew\nlost\n" && got != "old\nx\nold\nlost\n" {
		t.Errorf("after the cut: %q", got)
	}
	h.Must(t, "sh", "-c", "echo again >/srv/again; sync")
	h.Cut(t)
	h.Boot(t)
	if got := h.Must(t, "cat", "/srv/again"); got != "again\n" {
		t.Errorf("after the second cut: %q", got)
	}
	if err := first.cut(); err == nil {
		t.Error("a host without a disk of its own was cut")
	}
}
