package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// tail tells who reads a file while it is written how far it is. A nil tail
// takes everything and tells nobody.
type tail struct {
	mu    sync.Mutex
	moved *sync.Cond
	size  int64
	ended bool
	err   error
}

// errDropped: what was to be read back will not be finished.
var errDropped = errors.New("it was not written to its end")

func newTail() *tail {
	t := &tail{}
	t.moved = sync.NewCond(&t.mu)
	return t
}

// grow says that n more bytes are in the file.
func (t *tail) grow(n int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size += int64(n)
	t.moved.Broadcast()
}

// end says that no more will come.
func (t *tail) end(err error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.err = true, err
	t.moved.Broadcast()
}

// beyond waits until the file has more than at bytes, or ends, and gives its
// size.
func (t *tail) beyond(at int64) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.size <= at && !t.ended {
		t.moved.Wait()
	}
	return t.size, t.err
}

// back is what an archive holds that was read back.
type back struct {
	tree files.Tree
	sum  string // of the file
	err  error
}

// follow reads an archive back while it is written: the file, as it will be read
// later, with the sums of its entries. It takes the sum of the file: of the bytes
// which are there, and of which it is known then what they hold.
func (a *Archive) follow(ctx context.Context, dir string, s *sink) <-chan back {
	out := make(chan back, 1)
	src, err := a.open(ctx, dir, backup.Stored{Name: s.name, Role: s.role})
	if err != nil {
		out <- back{err: err}
		return out
	}
	src.tail = s.tail
	go func() {
		tree, err := a.followed(ctx, dir, src)
		if err != nil {
			err = fmt.Errorf("cannot read %s back: %w", s.name, err)
		}
		out <- back{tree, src.hex(), err}
	}()
	return out
}

func (a *Archive) followed(ctx context.Context, dir string, src *source) (files.Tree, error) {
	r, err := a.unzipFrom(ctx, dir, src)
	if err != nil {
		return files.Tree{}, err
	}
	tree, err := reread(ctx, r, files.Limits{Bytes: math.MaxInt64, Entries: math.MaxInt})
	if errors.Is(err, files.ErrEmpty) { // all that was to be packed has vanished
		err = nil
	}
	if err == nil {
		_, err = io.Copy(io.Discard, plainReader{r})
	}
	return tree, errors.Join(err, r.Close())
}

// same compares what was read back with what was packed.
func (b back) same(name string, packed files.Tree) error {
	// A delta does not name the directories above its entries: unpacking did.
	named := files.Tree{Entries: make([]files.Entry, 0, len(b.tree.Entries))}
	for _, e := range b.tree.Entries {
		if _, ok := packed.Find(e.Path); ok || e.Type != files.Dir {
			named.Entries = append(named.Entries, e)
		}
	}
	return differ(name, packed, named)
}
