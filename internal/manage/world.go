//go:build !crash

package manage

import (
	"context"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/journal/sqlite"
)

// realFiles is the file system of this computer.
func realFiles() durable.FS { return durable.OS() }

// openJournal opens a journal of record.
func openJournal(ctx context.Context, path string) (*sqlite.Journal, error) {
	return sqlite.Open(ctx, path, time.Now)
}
