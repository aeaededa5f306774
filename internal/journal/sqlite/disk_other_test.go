//go:build !linux

package sqlite_test

import "testing"

func small(t *testing.T, _ int) string {
	t.Helper()
	t.Skip("a small file system can be mounted on Linux only")
	return ""
}

func room(t *testing.T, _ string, _ int) {
	t.Helper()
	t.Skip("a small file system can be mounted on Linux only")
}
