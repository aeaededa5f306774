package mounts

import (
	"os"
	"strings"
	"testing"
)

const list = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:20 / /proc rw,nosuid,nodev,noexec shared:2 - proc proc rw
30 21 8:17 / /srv rw,noatime - ext4 /dev/sdb1 rw
31 30 0:44 / /srv/my\040backups rw,nosuid - nfs4 nas:/export/my\134nas rw,vers=4.2,hard
32 21 8:33 / /data rw - xfs /dev/sdc1 rw
33 32 0:50 / /data rw - tmpfs tmpfs rw,size=1024k
34 32 8:49 / /data/old rw - xfs /dev/sdd1 rw
35 21 0:60 / /host rw - fuse.sshfs admin@far:/ rw
`

func TestOf(t *testing.T) {
	all := Parse(list)
	for _, tt := range []struct {
		path, at, kind string
		network        bool
	}{
		{"/", "/", "ext4", false},
		{"/etc/passwd", "/", "ext4", false},
		{"/srvx", "/", "ext4", false},
		{"/srv/app/", "/srv", "ext4", false},
		{"/srv/my backups/x", "/srv/my backups", "nfs4", true},
		{"/data/old/x", "/data", "tmpfs", false}, // mounted over all of /data
		{"/host/x", "/host", "fuse.sshfs", true},
	} {
		m, ok := Of(all, tt.path)
		if !ok || m.At != tt.at || m.Type != tt.kind || m.Network() != tt.network {
			t.Errorf("%s lies on %+v", tt.path, m)
		}
	}
	nas, _ := Of(all, "/srv/my backups")
	if nas.Source != `nas:/export/my\nas` || strings.Join(nas.Options, ",") != "rw,nosuid,vers=4.2,hard" {
		t.Errorf("%+v", nas)
	}
	if m, ok := Of(all[2:], "/srv/x"); !ok || m.At != "/srv" {
		t.Errorf("without a root: %+v, %v", m, ok)
	}
	if _, ok := Of(nil, "/"); ok {
		t.Error("no list has a mount")
	}
}

// The real list of this computer is read.
func TestReal(t *testing.T) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Skip("this system has no such list")
	}
	all := Parse(string(text))
	if len(all) != strings.Count(string(text), "\n") {
		t.Errorf("%d mounts of %d lines", len(all), strings.Count(string(text), "\n"))
	}
	if m, ok := Of(all, "/proc/self"); !ok || m.Type != "proc" {
		t.Errorf("/proc lies on %+v", m)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(list, "/srv/my backups/x")
	f.Add("1 1 0:1 / / rw - a b c\n2 1 0:1 / / rw - a b\n1 2 0:1 / /x rw - a b\n", "/x/y")
	f.Add(`1 2 3 \0 /\04 rw - \ \40 \777`, "")
	f.Fuzz(func(t *testing.T, text, path string) {
		all := Parse(text)
		for _, m := range all {
			if !strings.HasPrefix(m.At, "/") {
				t.Errorf("a mount at %q", m.At)
			}
		}
		if m, ok := Of(all, path); ok && len(all) == 0 {
			t.Errorf("%+v of no list", m)
		}
	})
}
