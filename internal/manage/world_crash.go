//go:build crash

package manage

import (
	"context"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal/sqlite"
	"upkeep/internal/lab/crash/fault"
)

// realFiles is the file system of this computer with the fault in it that the
// environment names: this is the test build, which ends itself, fails or leaves
// something out at a numbered operation. Nobody is given it.
func realFiles() durable.FS { return fault.Here().FS(durable.OS()) }

// openJournal opens a journal of record with that fault in it.
func openJournal(ctx context.Context, path string) (*sqlite.Journal, error) {
	return sqlite.Open(ctx, path, time.Now, fault.Here().Journal)
}
