package bundle

import (
	"context"
	"io"
	"slices"
	"time"

	"upkeep/internal/files"
)

// packedTime is that of everything in an archive of a bundle, which has no times
// of its own: 1980 is the first year that every file system knows.
func packedTime() time.Time { return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) }

// Documents writes the bundle without the files named as one .tar.zst:
// SHA256SUMS first, signatures too. The same bundle gives the same bytes with
// the same version of Upkeep.
func (b *Bundle) Documents(ctx context.Context, w io.Writer, without []string) error {
	tree, err := files.Scan(ctx, b.fsys, b.dir, files.Options{})
	if err != nil {
		return err
	}
	var left []files.Entry
	for _, e := range tree.Entries {
		if e.Type != files.File || !slices.Contains(without, e.Path) {
			left = append(left, e)
		}
	}
	_, err = pack(ctx, b.fsys, w, b.dir, inOrder(left), files.PackOptions{Portable: true, MTime: packedTime()})
	return err
}

// inOrder has SHA256SUMS first, so that a reader of a stream knows what to
// expect, and modes by the places of files.
func inOrder(entries []files.Entry) files.Tree {
	var first, rest []files.Entry
	for _, e := range entries {
		if e.Mode = 0o755; e.Type == files.File {
			e.Mode = uint32(modeIn(e.Path))
		}
		if e.Path == SumsName {
			first = append(first, e)
		} else if e.Path != "." {
			rest = append(rest, e)
		}
	}
	return files.Tree{Entries: append(first, rest...)}
}
