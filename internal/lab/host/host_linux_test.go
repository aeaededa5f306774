package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHost: what every other test relies on.
func TestHost(t *testing.T) {
	h := New(t, Options{Name: "alpha"})
	h.Boot(t)
	if got := strings.TrimSpace(h.Must(t, "hostname")); got != "alpha" {
		t.Errorf("host name %q", got)
	}
	t.Run("run", func(t *testing.T) {
		out, code, err := h.Run("sh", "-c", "echo out; echo err >&2; exit 3")
		if out != "out\nerr\n" || code != 3 || err != nil {
			t.Errorf("%q, %d, %v", out, code, err)
		}
		if _, code, err := h.Run("no-such-program"); code == 0 || err != nil {
			t.Errorf("a program that is not there: %d, %v", code, err)
		}
	})
	t.Run("put", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), []byte("#!/bin/sh\necho here\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		h.Put(t, dir, "/opt/tree")
		h.Put(t, filepath.Join(dir, "x"), "/usr/local/bin/here")
		h.Write(t, "/run/note", "in a file system of the host's own\n", 0o600)
		if got := h.Must(t, "sh", "-c", "/opt/tree/x; here; cat /run/note; stat -c %a /run/note"); got != "here\nhere\nin a file system of the host's own\n600\n" {
			t.Errorf("%q", got)
		}
		if err := h.write("/var/run/x", "", 0o600); err == nil {
			t.Error("a link out of the host was followed")
		}
	})
	t.Run("kill", func(t *testing.T) {
		h.Must(t, "sh", "-c", "echo kept >/root/kept")
		h.Kill(t)
		if _, _, err := h.Run("true"); err == nil {
			t.Error("a command ran in a host that is down")
		}
		h.Boot(t)
		if got := h.Must(t, "cat", "/root/kept"); got != "kept\n" {
			t.Errorf("%q", got)
		}
		if _, code, _ := h.Run("test", "-e", "/run/note"); code == 0 {
			t.Error("/run outlived the kill")
		}
	})
	t.Run("reboot", func(t *testing.T) {
		before := h.Must(t, "cat", "/proc/sys/kernel/random/boot_id")
		if _, err := h.Start("sleep", "1000"); err != nil { // a shutdown stops it before it ends it
			t.Fatal(err)
		}
		h.Reboot(t)
		if h.Must(t, "cat", "/proc/sys/kernel/random/boot_id") == before {
			t.Error("the boot id is that of the boot before")
		}
		if got := h.Must(t, "cat", "/root/kept"); got != "kept\n" {
			t.Errorf("%q", got)
		}
	})
	t.Run("services", func(t *testing.T) {
		h.Must(t, "systemctl", "start", "postgresql", "nginx")
		if got := h.Must(t, "runuser", "-u", "postgres", "--", "psql", "-Atc", "select 1+1"); got != "2\n" {
			t.Errorf("PostgreSQL: %q", got)
		}
		h.Must(t, "curl", "-sSf", "-o", "/dev/null", "http://"+h.Addr+"/")
		h.Must(t, "sqlite3", "/root/x.db", "create table t(a)")
	})
	t.Run("shutdown", func(t *testing.T) { h.Shutdown(t) })
}
