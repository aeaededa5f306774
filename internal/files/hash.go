package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"upkeep/internal/durable"
)

// hashAll fills the sums of the tree's files, taking those of unchanged files from known. Files that vanished are taken out.
func hashAll(ctx context.Context, fsys durable.FS, root string, t *Tree, known *Tree) error {
	var work []int
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Type != File || e.HardLink != "" {
			continue
		}
		if known != nil {
			if k, ok := known.Find(e.Path); ok && Unchanged(k, *e) && k.SHA256 != "" {
				e.SHA256, e.Stamp = k.SHA256, k.Stamp
				continue
			}
		}
		work = append(work, i)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var gone sync.Map
	var wg sync.WaitGroup
	for range min(workers, len(work)) {
		wg.Go(func() {
			buf := make([]byte, 128<<10)
			for {
				n := int(next.Add(1)) - 1
				if n >= len(work) || ctx.Err() != nil {
					return
				}
				e := &t.Entries[work[n]]
				err := hashEntry(ctx, fsys, join(root, e.Path), e, buf)
				if errors.Is(err, fs.ErrNotExist) && e.Path != "." {
					gone.Store(e.Path, true)
				} else if err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("cannot read %s: %w", root, err)
	}
	finishSums(t, &gone)
	return nil
}

// finishSums gives further names of a file the sum of the first, and drops what vanished.
func finishSums(t *Tree, gone *sync.Map) {
	kept := t.Entries[:0]
	byPath := map[string]*Entry{}
	for _, e := range t.Entries {
		if _, ok := gone.Load(e.Path); ok {
			continue
		}
		kept = append(kept, e)
		if n := &kept[len(kept)-1]; e.HardLink != "" {
			if f, ok := byPath[e.HardLink]; ok {
				n.SHA256, n.Size, n.MTime, n.Stamp = f.SHA256, f.Size, f.MTime, f.Stamp
			}
		} else if e.Type == File {
			byPath[e.Path] = n
		}
	}
	t.Entries = kept
}

// hashEntry reads one file. A file that changes while it is read is described as it was found at the last try, with an unsettled
// stamp, so that the next scan reads it again.
func hashEntry(ctx context.Context, fsys durable.FS, path string, e *Entry, buf []byte) error {
	const tries = 3
	for try := 1; ; try++ {
		sum, before, after, err := hashFile(ctx, fsys, path, e.Path == ".", buf)
		if err != nil {
			return err
		}
		e.SHA256, e.Size, e.MTime = sum, after.Size, after.MTime.UnixNano()
		still := before.Size == after.Size && before.MTime.Equal(after.MTime) && before.CTime.Equal(after.CTime)
		if !e.Stamp.same(stampOf(after)) {
			e.Stamp = stampOf(after)
		}
		if !still {
			e.Stamp.Settled = false
		}
		if still || try == tries {
			return nil
		}
	}
}

func hashFile(ctx context.Context, fsys durable.FS, path string, follow bool, buf []byte) (sum string, before, after durable.Info, err error) {
	open := fsys.OpenNoFollow
	if follow {
		open = fsys.Open
	}
	f, err := open(path)
	if err != nil {
		return "", before, after, err
	}
	defer f.Close()
	if before, err = f.Stat(); err != nil {
		return "", before, after, err
	}
	h := sha256.New()
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		} else if err != nil {
			return "", before, after, fmt.Errorf("cannot read %s: %w", path, err)
		}
		if err := ctx.Err(); err != nil {
			return "", before, after, err
		}
	}
	after, err = f.Stat()
	return hex.EncodeToString(h.Sum(nil)), before, after, err
}

// Unchanged tells whether the file described by now surely has the content it had then, going by size, mtime, ctime, device and inode.
// Never true when the earlier stamp was not settled.
func Unchanged(then, now Entry) bool {
	return then.Type == now.Type && then.Stamp.Settled && then.Stamp.same(now.Stamp) && then.Size == now.Size && then.MTime == now.MTime
}
