package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// ResticVersion is the restic that the tests run with; the Makefile has it too.
const ResticVersion = "0.18.1"

// S3ServerVersion is that of the server that the tests of S3 run with.
const S3ServerVersion = "1.8.0"

// AxeVersion is that of axe-core, which looks whether everybody can use a page.
const AxeVersion = "4.14.1"

var buildTools sync.Mutex

// Restic gives the program restic as make restic builds it, and builds it where
// nobody has.
func Restic(t testing.TB) string { return tool(t, "restic", ResticVersion) }

// S3Server gives a server with the S3 protocol, likewise.
func S3Server(t testing.TB) string { return tool(t, "versitygw", S3ServerVersion) }

// Axe gives the script axe-core, likewise. It comes from npm's registry, and its
// sum is in the Makefile.
func Axe(t testing.TB) string { return tool(t, "axe.js", AxeVersion) }

// tool gives a program that make TARGET builds into the cache.
func tool(t testing.TB, name, version string) string {
	t.Helper()
	path, err := builtTool(name, version)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func builtTool(name, version string) (string, error) {
	buildTools.Lock()
	defer buildTools.Unlock()
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	dir := os.Getenv("UPKEEP_CACHE")
	if dir == "" {
		dir = filepath.Join(root, ".cache")
	}
	path := filepath.Join(dir, name+"-"+version, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	out, err := exec.Command("make", "-C", root, name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", name, err, out)
	}
	_, err = os.Stat(path)
	return path, err
}
