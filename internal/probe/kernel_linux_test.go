package probe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/durable"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

// rooted are the files of a computer that stands in a folder.
type rooted struct {
	Files
	root string
}

func (r rooted) Open(path string) (durable.ReadFile, error) { return r.Files.Open(r.root + path) }
func (r rooted) Stat(path string) (durable.Info, error)     { return r.Files.Stat(r.root + path) }

// computer makes the files of one.
func computer(t *testing.T, files map[string]string) Files {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		write(t, root+path, text)
	}
	return rooted{durable.OS(), root}
}

func TestSysctl(t *testing.T) {
	e := New(Deps{Files: computer(t, map[string]string{
		"/proc/sys/vm/max_map_count": "65530\n", "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n", "/proc/sys/net/ipv4/conf/eth0.1/forwarding": "1\n"})})
	for _, r := range []row{
		{p: probe("sysctl", "vm.max_map_count", "expect=>= 262144"), got: "65530", evidence: "vm.max_map_count is 65530"},
		{p: probe("sysctl", "vm/max_map_count", "expect=>= 65530"), ok: true, got: "65530"},
		{p: probe("sysctl", "net.ipv4.tcp_rmem"), ok: true, got: "4096 131072 6291456"},
		{p: probe("sysctl", "net.ipv4.conf.eth0/1.forwarding"), ok: true, got: "1"},
		{p: probe("sysctl", "vm.no_such"), got: "none", evidence: "this kernel has no parameter"},
		{p: probe("sysctl", "../../etc/passwd"), err: "is no name of a parameter"},
		{p: probe("sysctl", "vm..x"), err: "is no name of a parameter"},
	} {
		r.check(t, e)
	}
	real, err := os.ReadFile("/proc/sys/kernel/ostype")
	if err != nil {
		t.Fatal(err)
	}
	row{p: probe("sysctl", "kernel.ostype", "expect="+strings.TrimSpace(string(real))), ok: true, got: "Linux"}.check(t, New(Deps{}))
}

func FuzzSysctlPath(f *testing.F) {
	f.Add("vm.max_map_count")
	f.Add("net/ipv4/conf/eth0.1/forwarding")
	f.Add("net.ipv4.conf.eth0/../x")
	f.Fuzz(func(t *testing.T, name string) {
		path, err := sysctlPath(name)
		if err == nil && (filepath.Clean(path) != path || !strings.HasPrefix(path, "/proc/sys/") || path == "/proc/sys/") {
			t.Errorf("%q leads to %q", name, path)
		}
	})
}

func TestKernelModule(t *testing.T) {
	list := map[string]string{
		"/proc/modules": "br_netfilter 32768 0 - Live 0x0\noverlay 1 0 - Live 0x0\n", "/proc/sys/kernel/osrelease": "6.1.0-9-amd64\n", "/sys/module/tcp_cubic/parameters/x": "1",
		"/lib/modules/6.1.0-9-amd64/modules.builtin": "kernel/fs/ext4/ext4.ko\nkernel/net/ipv6/ipv6.ko\n",
		"/lib/modules/6.1.0-9-amd64/modules.dep":     "kernel/fs/nfs/nfs.ko.xz: kernel/net/sunrpc/sunrpc.ko.xz\nkernel/drivers/nf-log.ko:\n",
	}
	e := New(Deps{Files: computer(t, list)})
	for _, r := range []row{
		{p: probe("kernel-module", "br_netfilter", "expect=loaded"), ok: true, got: "loaded"},
		{p: probe("kernel-module", "br-netfilter"), ok: true, got: "loaded"},
		{p: probe("kernel-module", "ext4", "expect=loaded", "expect=built-in"), ok: true, got: "built-in"},
		{p: probe("kernel-module", "tcp_cubic"), ok: true, got: "built-in"},
		{p: probe("kernel-module", "nfs"), ok: true, got: "available", evidence: "is not loaded, and can be"},
		{p: probe("kernel-module", "nf_log"), ok: true, got: "available"},
		{p: probe("kernel-module", "zfs"), got: "none", evidence: "the kernel has no zfs"},
		{p: probe("kernel-module", "zfs.ko"), err: "is no name of a kernel module"},
	} {
		r.check(t, e)
	}
	delete(list, "/lib/modules/6.1.0-9-amd64/modules.builtin")
	row{p: probe("kernel-module", "zfs", "expect=none"), err: "what else the kernel has is not known: there is no /lib/modules/"}.check(t, New(Deps{Files: computer(t, list)}))
}

func TestCPU(t *testing.T) {
	e := New(Deps{Files: computer(t, map[string]string{"/proc/loadavg": "0.75 1.50 2.00 1/80 99\n",
		"/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx avx2 ssse3\n\nprocessor\t: 1\nflags\t\t: fpu\n"})})
	for _, r := range []row{
		{p: probe("cpu", "load1", "expect=< 1", "compare=number"), ok: true, got: "0.75", evidence: "in the last 1 minutes"},
		{p: probe("cpu", "load15"), ok: true, got: "2.00"},
		{p: probe("cpu", "features", "select=^avx2$", "expect=present"), ok: true, got: "avx2"},
		{p: probe("cpu", "features", "select=^avx512f$", "expect=present"), got: "none", evidence: "no ^avx512f$ among them"},
		{p: probe("cpu", "load1", "select=x"), err: "only of features can be selected"},
		{p: probe("cpu", "cores"), err: "is none of count, load1"},
	} {
		r.check(t, e)
	}
	out, err := exec.Command("nproc").Output()
	if err != nil {
		t.Skip(err)
	}
	row{p: probe("cpu", "count"), ok: true, got: strings.TrimSpace(string(out))}.check(t, e)
}

func TestMount_S4_17(t *testing.T) {
	e := New(Deps{Files: computer(t, map[string]string{"/proc/self/mountinfo": "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n31 21 0:44 / /no/backups rw,noexec - nfs4 nas:/export rw,vers=4.2\n"})})
	for _, r := range []row{
		{p: probe("mount", "/no/backups/upkeep"), ok: true, got: "nfs4", evidence: "/no/backups/upkeep lies on /no/backups, nfs4 of nas:/export"},
		{p: probe("mount", "/no/backups", "select=network", "expect=yes"), ok: true, got: "yes"},
		{p: probe("mount", "/no", "select=network", "expect=yes"), got: "no"},
		{p: probe("mount", "/no/backups", "select=options", "expect=/\\bnoexec\\b/"), ok: true, got: "rw,noexec,vers=4.2"},
		{p: probe("mount", "/no/backups", "select=source"), ok: true, got: "nas:/export"},
		{p: probe("mount", "/no/backups/x", "select=at"), ok: true, got: "/no/backups"},
		{p: probe("mount", "/no", "select=netwrk"), err: "netwrk cannot be selected: network was probably meant: use one of options, source, at, network"},
		{p: probe("mount", "srv"), err: "is no whole path"},
	} {
		r.check(t, e)
	}
	real, err := exec.Command("findmnt", "-n", "-o", "FSTYPE", "-T", t.TempDir()).Output()
	if err == nil {
		row{p: probe("mount", t.TempDir()), ok: true, got: strings.TrimSpace(string(real))}.check(t, New(Deps{}))
	}
}

func TestBlockDevice(t *testing.T) {
	files := map[string]string{"/proc/self/mountinfo": "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:30 / /tmpfs rw - tmpfs tmpfs rw\n23 21 9:9 / /odd rw - ext4 /dev/x rw\n"}
	for name, text := range map[string]string{"uevent": "MAJOR=8\nDEVNAME=sda1\n", "size": "2097152\n", "ro": "0\n", "queue/rotational": "1\n"} {
		files["/sys/dev/block/8:1/"+name] = text
	}
	e := New(Deps{Files: computer(t, files)})
	for _, r := range []row{
		{p: probe("block-device", "/srv", "expect=>= 1GB"), ok: true, got: "1073741824", evidence: "/srv lies on sda1, 1,073,741,824 bytes"},
		{p: probe("block-device", "/srv", "select=name"), ok: true, got: "sda1"},
		{p: probe("block-device", "/srv", "select=rotational", "expect=no"), got: "yes"},
		{p: probe("block-device", "/srv", "select=read-only", "expect=no"), ok: true, got: "no", evidence: "read only: no"},
		{p: probe("block-device", "/tmpfs/x"), got: "none", evidence: "lies on no block device, but on tmpfs"},
		{p: probe("block-device", "/odd/x"), got: "none", evidence: "none of the number 9:9"},
		{p: probe("block-device", "/dev/sdz"), got: "none", evidence: "there is no /dev/sdz"},
	} {
		r.check(t, e)
	}
	for _, dev := range []uint64{0x801, 0xfd02, 0x100010300, 1 << 20, 0xfffff00000000} {
		if got, want := deviceNumber(dev), fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)); got != want {
			t.Errorf("%#x is %s, want %s", dev, got, want)
		}
	}
}

func TestAccounts(t *testing.T) {
	files := map[string]string{"/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n# broken\n",
		"/etc/group": "root:x:0:\nwww-data:x:33:\nssl-cert:x:101:www-data,postgres\n", "/etc/nsswitch.conf": "passwd: files # local\ngroup: files\n"}
	e := New(Deps{Files: computer(t, files)})
	for _, r := range []row{
		{p: probe("account", "www-data"), ok: true, got: "33"},
		{p: probe("account", "www-data", "select=shell", "expect=/nologin$/"), ok: true, got: "/usr/sbin/nologin"},
		{p: probe("account", "www-data", "select=groups"), ok: true, got: "ssl-cert, www-data"},
		{p: probe("account", "www-data", "select=group"), ok: true, got: "www-data"},
		{p: probe("account", "nobody-here"), got: "none", evidence: "there is no account nobody-here"},
		{p: probe("group", "ssl-cert", "select=members"), ok: true, got: "www-data, postgres"},
		{p: probe("group", "root", "select=members"), got: "none"},
		{p: probe("group", "lost"), got: "none", evidence: "there is no group lost"},
		{p: probe("account", "a:b"), err: "is no name of an account"},
	} {
		r.check(t, e)
	}
	files["/etc/nsswitch.conf"] = "passwd: files sss\n"
	row{p: probe("account", "far", "expect=none"), err: "the name service cannot be asked: no commands can be run here"}.check(t, New(Deps{Files: computer(t, files)}))
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	withGetent := New(Deps{Files: computer(t, files), Commands: runner})
	row{p: probe("account", "upkeep-no-such", "expect=none"), ok: true, got: "none"}.check(t, withGetent)
	row{p: probe("account", "daemon"), ok: true, got: "1"}.check(t, withGetent) // not in that file, and on every Debian
}

func TestLimitsAndProcesses(t *testing.T) {
	cmd := exec.Command("sh", "-c", "ulimit -n 123; exec cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	pid := write(t, t.TempDir()+"/pid", itoa(cmd.Process.Pid))
	e := New(Deps{})
	account := "root"
	if os.Geteuid() != 0 {
		t.Skip("the account of the process is looked up by the name root")
	}
	waitFor(t, func() bool {
		v, err := e.Read(t.Context(), probe("limits", pid))
		return err == nil && v.Text == "123"
	})
	for _, r := range []row{
		{p: probe("limits", pid, "expect=>= 65536"), got: "123", evidence: "may have 123 open-files"},
		{p: probe("limits", pid, "select=address-space"), ok: true, got: "9223372036854775807", evidence: "has no limit of address-space"},
		{p: probe("limits", pid+"x"), got: "none", evidence: "does not exist"},
		{p: probe("limits", pid, "select=files"), err: "files cannot be selected: use one of address-space"},
		{p: probe("process", pid, "user="+account), ok: true, got: "running"},
		{p: probe("process", pid, "user=daemon"), got: "stopped", evidence: "0 of 1 processes are of daemon"},
		{p: probe("process", pid, "user=no-such-account"), err: "there is no account no-such-account"},
		{p: probe("process", pid, "select=count", "expect=1"), ok: true, got: "1"},
		{p: probe("process", "upkeep-none", "select=count", "expect=0"), ok: true, got: "0"},
		{p: probe("process", pid, "select=count"), err: "it does not say which count is expected"},
	} {
		r.check(t, e)
	}
}

func TestLimitOf(t *testing.T) {
	const text = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \nMax processes             unlimited            unlimited            processes \nMax stack size            eight                8                    bytes\n"
	for name, want := range map[string]string{"Max open files": "1024", "Max processes": "9223372036854775807", "Max stack size": `Max stack size is "eight"`, "Max locked memory": "it does not say"} {
		n, err := limitOf(text, name)
		if got := itoa(int(n)); err != nil && !strings.Contains(err.Error(), want) || err == nil && got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestUDP(t *testing.T) {
	const v4 = "  sl  local_address rem_address   st\n  12: 0100007F:0035 00000000:0000 07 0:0\n  13: 0100007F:9C40 0200007F:0035 01 0:0\n"
	const v6 = "  sl  local_address rem_address   st\n  9: 00000000000000000000000001000000:14E9 00000000000000000000000000000000:0000 07\n"
	e := New(Deps{Files: computer(t, map[string]string{"/proc/net/udp": v4, "/proc/net/udp6": v6})})
	for _, r := range []row{
		{p: probe("udp", "53"), ok: true, got: "open", evidence: "at 127.0.0.1:53"},
		{p: probe("udp", "5353"), ok: true, got: "open", evidence: "at [::1]:5353"},
		{name: "connected to somebody", p: probe("udp", "40000", "expect=none"), ok: true, got: "none"},
		{p: probe("udp", "54"), got: "none", evidence: "no program of this computer"},
		{p: probe("udp", "far:53"), err: "of another one it cannot be told"},
	} {
		r.check(t, e)
	}
	row{p: probe("udp", "53", "expect=none"), err: "shows no list of ports"}.check(t, New(Deps{Files: computer(t, nil)}))
}

func TestAddress(t *testing.T) {
	e := New(Deps{})
	for _, r := range []row{
		{p: probe("address", "127.0.0.0/8"), ok: true, got: "127.0.0.1"},
		{p: probe("address", "127.0.0.1"), ok: true, got: "127.0.0.1"},
		{p: probe("address", "203.0.113.0/24"), got: "none", evidence: "none of the addresses of this computer is in 203.0.113.0/24: "},
		{p: probe("address", "10.1.2.3/8"), err: "the network that it lies in is 10.0.0.0/8"},
		{p: probe("address", "office"), err: "is no network such as 10.0.0.0/8"},
	} {
		r.check(t, e)
	}
}

// Whoever lacks a right or a program is told what it takes.
func TestErrorsSayWhatIsNeeded(t *testing.T) {
	runner, err := scope.New(scope.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Deps{Commands: runner})
	p := plan.Probe{Source: "command", Args: []string{"psql", "-c", "SELECT 1"}, Env: []string{"PATH=/nowhere"}}
	row{p: p, err: `not found in its PATH "/nowhere"; Debian has psql in the package postgresql-client: install it`}.check(t, e)
	p.Args[0] = "/nowhere/redis-cli"
	row{p: p, err: "Debian has redis-cli in the package redis-tools"}.check(t, e)
	const needs = "permission denied: it needs root, or rights for the account that Upkeep runs as"
	if os.Geteuid() != 0 {
		row{p: probe("file", "/etc/shadow"), err: needs}.check(t, e)
	}
	denied := unreadable("x", os.ErrPermission)
	if got := rights(denied, false).Error(); !strings.Contains(got, needs) {
		t.Error(got)
	}
	if rights(denied, true) != denied {
		t.Error("root is told that it needs root")
	}
	if gone := unreadable("x", os.ErrNotExist); rights(gone, false) != gone {
		t.Error("rights do not help where there is nothing")
	}
}
