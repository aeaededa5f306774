package command

import (
	"context"
	"io"

	"upkeep/internal/database"
)

// Over is a database of a kind that Upkeep knows, dumped and restored by the
// vendor's tool: everything else, the comparing too, is that of the kind.
type Over struct {
	database.Database
	tool *DB
}

// NewOver puts the tool over a database.
func NewOver(under database.Database, c Config) *Over { return &Over{under, New(c)} }

// Inspect implements database.Database: what stands in the way of a dump is what
// stands in the way of the tool.
func (o *Over) Inspect(ctx context.Context) (database.Info, error) {
	info, err := o.Database.Inspect(ctx)
	if err != nil {
		return info, err
	}
	tool, err := o.tool.Inspect(ctx)
	info.Scratch = tool.Scratch
	info.Rights.Dump, info.Rights.Restore, info.Rights.Problems = tool.Rights.Dump, tool.Rights.Restore, tool.Rights.Problems
	return info, err
}

// Scratch implements database.Database.
func (o *Over) Scratch(ctx context.Context) (database.Database, error) { return o.tool.Scratch(ctx) }

// Dump implements database.Database.
func (o *Over) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	mark, err := o.Database.Mark(ctx)
	if err != nil {
		return database.Report{}, err
	}
	r, err := o.tool.dump(ctx, w, o.Database.Fingerprint, o.Kind())
	r.Mark = mark
	return r, err
}

// Restore implements database.Database.
func (o *Over) Restore(ctx context.Context, r io.Reader) error { return o.tool.Restore(ctx, r) }
