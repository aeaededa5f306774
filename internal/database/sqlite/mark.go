package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// grain is how long after a change of a file another one may leave its times as
// they are: the clock that stamps inodes ticks slowly.
const grain = 50 * time.Millisecond

// Mark is what the volume says of the file, its log and its journal: whatever
// SQLite writes goes through write calls, which move their times. A product
// that closes the database empties its log into the file, so the mark moves
// then, too.
func (db *DB) Mark(ctx context.Context) (string, error) {
	path, err := db.path()
	if err != nil {
		return "", db.fail(ctx, "look at the database", err)
	}
	now := time.Now()
	var out []string
	for _, part := range []string{"", "-wal", "-journal"} {
		i, err := db.config.FS.Lstat(path + part)
		if part != "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", db.fail(ctx, "look at the database", err)
		}
		if i.CTime.IsZero() || now.Sub(i.CTime) < grain {
			return "", nil
		}
		out = append(out, fmt.Sprintf("%s %d %d %d %d %d", part, i.Dev, i.Ino, i.Size, i.MTime.UnixNano(), i.CTime.UnixNano()))
	}
	return strings.Join(out, ";"), nil
}
