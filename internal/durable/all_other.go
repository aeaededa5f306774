//go:build !linux

package durable

// SyncAll makes everything durable that any process has written so far. This
// platform has no call for it.
func SyncAll() error { return ErrUnsupported }
