package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// Slow skips a test that takes longer than about two seconds, unless
// UPKEEP_SLOW=1 is set.
func Slow(t testing.TB) {
	t.Helper()
	if os.Getenv("UPKEEP_SLOW") != "1" {
		t.Skip("slow test: set UPKEEP_SLOW=1 to run it")
	}
}

// Bench skips a measurement, unless UPKEEP_BENCH=1 is set.
func Bench(t testing.TB) {
	t.Helper()
	if os.Getenv("UPKEEP_BENCH") != "1" {
		t.Skip("measurement: set UPKEEP_BENCH=1 to run it")
	}
}

// Root skips a test that needs the rights of root when it has not got them.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: run the tests as root to run it")
	}
}

// FreePort gives a TCP port of 127.0.0.1 on which nothing listened a moment
// ago. Another process may take it before the caller does.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cannot find a free port on 127.0.0.1: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Dir makes a temporary folder that every account may enter (the folders of
// testing.TB.TempDir are closed to others, and a service under an account of
// its own could not reach its files). It is removed at the end of the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := openDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("cannot remove the lab's folder: %v", err)
		}
	})
	return dir
}

func openDir() (string, error) { return openDirIn("") }

// Memory gives a folder in memory with so many bytes of room, for tests that
// unpack and remove large trees again and again; empty where there is none.
func Memory(room int64) string {
	const dir = "/dev/shm"
	if free, err := freeBytes(dir); err == nil && free >= room {
		return dir
	}
	return ""
}

func openDirIn(base string) (string, error) {
	dir, err := os.MkdirTemp(base, "upkeep-lab-")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for the lab: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("cannot open the lab's folder to other accounts: %w", err)
	}
	return dir, nil
}

// timeout gives a context of the lab's own, for work that must end even when
// the test's context has.
func timeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
