package cli

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestConfine confines a process of its own, as the page does.
func TestConfine(t *testing.T) {
	if socket := os.Getenv("CONFINE_TEST_SOCKET"); socket != "" {
		confined(t, socket)
		return
	}
	if abi, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); failed != 0 || abi < 4 {
		t.Skip("this kernel's Landlock is too old, or off")
	}
	socket := filepath.Join(t.TempDir(), "engine")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := exec.Command(os.Args[0], "-test.run=^TestConfine$", "-test.v", "-test.testlogfile=", "-test.paniconexit0=false")
	c.Env = []string{"CONFINE_TEST_SOCKET=" + socket, "TZ=Europe/Paris"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func confined(t *testing.T, socket string) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("/etc/passwd"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := confine(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // on whatever thread
		defer close(done)
		if _, err := os.ReadFile("/etc/passwd"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file can be read: %v", err)
		}
		if _, err := os.ReadDir("/var/lib"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a folder can be listed: %v", err)
		}
		if err := os.WriteFile(filepath.Join(os.TempDir(), "confine-test"), nil, 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file can be made: %v", err)
		}
		if err := exec.Command(own, "-test.run=^$").Run(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a program can be run: %v", err)
		}
		if c, err := net.Dial("tcp", l.Addr().String()); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("it can connect to others: %v, %v", c, err)
		}
		var plain net.ListenConfig
		plain.SetMultipathTCP(false) // which Landlock does not know; root's page has no network to do it in
		if _, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("it can listen elsewhere: %v", err)
		}
	}()
	<-done
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Errorf("the engine side cannot be reached: %v", err)
	} else {
		c.Close()
	}
	if zone, _ := time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local).Zone(); zone != "CET" {
		t.Errorf("the time zone is %s", zone)
	}
}
