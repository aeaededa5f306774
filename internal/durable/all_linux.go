package durable

import "golang.org/x/sys/unix"

// SyncAll makes everything durable that any process has written so far, on
// all volumes. It is for recovery: what is seen after the death of an engine
// may not have reached the disk yet, and must not be recorded as done before
// it has.
func SyncAll() error {
	unix.Sync() // waits for the writing on Linux (sync(2), notes)
	return nil
}
