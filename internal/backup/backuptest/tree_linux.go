package backuptest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Exact makes a tree with one of everything that a restore must keep. What
// needs root is there when the tests run as root.
func Exact(t testing.TB, root string) {
	t.Helper()
	p := func(name string) string { return filepath.Join(root, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(name, content string, mode os.FileMode) {
		t.Helper()
		check(os.MkdirAll(filepath.Dir(p(name)), 0o755))
		check(os.WriteFile(p(name), []byte(content), 0o600))
		check(os.Chmod(p(name), mode))
	}
	file("bin/app", strings.Repeat("program ", 5000), 0o755)
	file("etc/app.conf", "a = 1\n", 0o640)
	file("empty", "", 0o444)
	file("exact block", strings.Repeat("b", 4096), 0o600)
	for _, name := range []string{"new\nline", "-rf", "back\\slash", "latin1-\xe9\xff", "blank end ", "ünï", "#: file", strings.Repeat("long", 60), "x=y"} {
		file("odd/"+name, name, 0o644)
	}
	check(os.Link(p("etc/app.conf"), p("etc/second name")))
	check(os.Link(p("etc/app.conf"), p("a first name elsewhere")))
	check(os.Symlink("bin/app", p("current")))
	check(os.Symlink("/nowhere/at all", p("dangling")))
	check(os.Symlink("../../..", p("odd/up")))
	check(unix.Mkfifo(p("pipe"), 0o620))
	check(os.MkdirAll(p("var/empty"), 0o755))
	sparse, err := os.Create(p("var/sparse"))
	check(err)
	check(sparse.Truncate(3 << 20))
	_, err = sparse.WriteAt([]byte("in the middle"), 1<<20)
	check(err)
	check(sparse.Close())
	attribute := func(name, key string, value []byte) {
		t.Helper()
		err := unix.Lsetxattr(p(name), key, value, 0)
		if err == unix.ENOTSUP {
			t.Logf("the file system of the test keeps no %s", key)
			return
		}
		check(err)
	}
	attribute("bin/app", "user.origin", []byte("vendor\x00\xff"))
	attribute("var", "user.empty", nil)
	attribute("etc/app.conf", "system.posix_acl_access", acl(0o6, 1234, 0o4))
	attribute("var", "system.posix_acl_default", acl(0o7, 4321, 0o5))
	if os.Geteuid() == 0 {
		// cap_net_bind_service=ep, as capabilities(7) packs it, version 2.
		attribute("bin/app", "security.capability", []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		file("bin/setuid", "s", 0o755)
		check(os.Chown(p("bin/setuid"), 1234, 4321))
		check(os.Chmod(p("bin/setuid"), 0o755|os.ModeSetuid|os.ModeSetgid))
		check(os.Lchown(p("dangling"), 1, 2))
		check(os.Chown(p("var/empty"), 33, 33))
		check(unix.Mknod(p("device"), unix.S_IFCHR|0o660, int(unix.Mkdev(1, 3))))
	}
	check(os.Chmod(p("var/empty"), 0o700|os.ModeSticky))
	check(os.MkdirAll(p("closed/inner"), 0o755))
	file("closed/inner/kept", "k", 0o400)
	check(os.Chmod(p("closed/inner"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(p("closed/inner"), 0o755) }) // so that it can be removed
	old := time.Date(2001, 2, 3, 4, 5, 6, 123456789, time.UTC)
	for _, name := range []string{"bin/app", "odd/new\nline", "odd", "var/empty"} {
		check(os.Chtimes(p(name), old, old))
	}
	ts := []unix.Timespec{unix.NsecToTimespec(old.UnixNano()), unix.NsecToTimespec(old.UnixNano())}
	check(unix.UtimesNanoAt(unix.AT_FDCWD, p("dangling"), ts, unix.AT_SYMLINK_NOFOLLOW))
}

// acl is a POSIX ACL with one named user, as the kernel keeps it
// (linux/posix_acl_xattr.h): owner, named user, group, mask, others.
func acl(owner uint16, user uint32, perm uint16) []byte {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a buffer takes everything
	put(uint32(2))
	const none = ^uint32(0)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, owner, none}, {2, perm, user}, {4, 0o4, none}, {0x10, 0o4, none}, {0x20, 0, none}} {
		put(e.tag)
		put(e.perm)
		put(e.id)
	}
	return b.Bytes()
}
