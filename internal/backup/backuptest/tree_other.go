//go:build !linux

package backuptest

import (
	"os"
	"path/filepath"
	"testing"
)

// Exact makes a tree of what every platform has.
func Exact(t testing.TB, root string) {
	t.Helper()
	for _, dir := range []string{"bin", "etc", "odd", "var/empty", "closed/inner"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bin/app", "etc/app.conf", "empty", "odd/-rf"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
