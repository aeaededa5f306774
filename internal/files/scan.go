package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"upkeep/internal/durable"
)

// Options say what Scan leaves out and how much it reads. The zero value describes everything, without reading content.
type Options struct {
	// Exclude are patterns of paths to leave out, with everything below them; see Match.
	Exclude []string
	// Include, unless empty, names what is described instead of everything: paths relative to the root; one that ends in a slash stands for
	// all below it too, any other for itself alone. What is not there is left out. The directories above are described as well, so that
	// the description can be packed; Scoped cuts them off. Links in the middle of a path are not followed.
	Include []string
	// Hash reads every file and fills SHA256.
	Hash bool
	// Known is an earlier scan of the same tree: a file whose size, mtime, ctime, device and inode are unchanged keeps its
	// sum and is not read again. A second pass is then a matter of stat calls.
	Known *Tree
	// Settle syncs the volume first. Without it a file changed within a minute before the scan gets no settled stamp, and so is read
	// again next time: a program may go on writing to mapped pages that are not yet written back, and that moves no ctime. With it
	// only what changes from now on is read again.
	Settle bool
	// Mine has CopyTree give the copy to the account that makes it.
	Mine bool
}

const (
	// workers hash and list side by side.
	workers = 2
	// unsettled is how long Linux may let a mapped page be written to without moving the file's times: dirty_expire_centisecs (30 s)
	// with its flusher's interval (5 s), doubled.
	unsettled = 60 * time.Second
	// clockGrain covers the coarse clock that stamps inodes, one tick behind at most.
	clockGrain = 20 * time.Millisecond
)

// Scan describes the tree at root, which may be a directory, a single file, or a link to one. A root that does not exist is an
// error (fs.ErrNotExist); what vanishes below it while the scan runs is left out, as if it had been gone before. Links
// below root are described, never followed. A root on which a file cannot be read is an error: half a description is none.
func Scan(ctx context.Context, fsys durable.FS, root string, o Options) (Tree, error) {
	match, err := newMatcher(o.Exclude)
	if err != nil {
		return Tree{}, err
	}
	only, err := newIncludes(o.Include)
	if err != nil {
		return Tree{}, err
	}
	before := time.Now().Add(-unsettled)
	if o.Settle {
		before = time.Now().Add(-clockGrain)
		if err := fsys.SyncTree(root); err != nil {
			return Tree{}, err
		}
	}
	top, err := fsys.Stat(root)
	if err != nil {
		return Tree{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &scanner{ctx: ctx, cancel: cancel, fsys: fsys, root: root, match: match, trusted: before}
	s.cond = sync.NewCond(&s.mu)
	if e, ok := s.describe(root, ".", top); ok && top.IsDir() {
		s.entries = append(s.entries, e)
		if only != nil {
			if err := s.some(only); err != nil {
				return Tree{}, fmt.Errorf("cannot scan %s: %w", root, err)
			}
		} else {
			s.todo = append(s.todo, ".")
			s.walk()
		}
	} else if ok {
		s.entries = append(s.entries, e)
	}
	if err := context.Cause(ctx); err != nil {
		return Tree{}, fmt.Errorf("cannot scan %s: %w", root, err)
	}
	t := Tree{Entries: s.entries}
	t.sort()
	nameLinks(t.Entries, s.links)
	if o.Hash {
		if err := hashAll(ctx, fsys, root, &t, o.Known); err != nil {
			return Tree{}, err
		}
	}
	return t, nil
}

// scanner lists directories with a few workers that share one stack of work.
type scanner struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	fsys    durable.FS
	root    string
	match   matcher
	trusted time.Time

	mu      sync.Mutex
	cond    *sync.Cond
	todo    []string
	busy    int
	entries []Entry
	links   map[inode][]string // files with several names
}

type inode struct{ dev, ino uint64 }

func (s *scanner) walk() {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				dir, ok := s.next()
				if !ok {
					return
				}
				err := s.list(dir)
				if err == nil {
					err = context.Cause(s.ctx)
				}
				if err != nil {
					s.cancel(err)
				}
				s.mu.Lock()
				s.busy--
				s.cond.Broadcast()
				s.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func (s *scanner) next() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.todo) == 0 && s.busy > 0 && s.ctx.Err() == nil {
		s.cond.Wait()
	}
	if len(s.todo) == 0 || s.ctx.Err() != nil {
		return "", false
	}
	dir := s.todo[len(s.todo)-1]
	s.todo = s.todo[:len(s.todo)-1]
	s.busy++
	return dir, true
}

func (s *scanner) list(dir string) error {
	names, err := s.fsys.ReadDir(join(s.root, dir))
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		return nil
	} else if err != nil {
		return err
	}
	found := make([]Entry, 0, len(names))
	var dirs []string
	many := map[inode][]string{}
	for _, n := range names {
		rel := n.Name
		if dir != "." {
			rel = dir + "/" + n.Name
		}
		full := join(s.root, rel)
		if s.match.excludes(rel, n.Type.IsDir()) {
			continue
		}
		i, err := s.fsys.Lstat(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		e, ok := s.describe(full, rel, i)
		if !ok {
			if err := context.Cause(s.ctx); err != nil {
				return err
			}
			continue
		}
		if e.Type == Dir {
			dirs = append(dirs, rel)
		} else if i.Nlink > 1 {
			many[inode{i.Dev, i.Ino}] = append(many[inode{i.Dev, i.Ino}], rel)
		}
		found = append(found, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, found...)
	s.todo = append(s.todo, dirs...)
	for k, v := range many {
		if s.links == nil {
			s.links = map[inode][]string{}
		}
		s.links[k] = append(s.links[k], v...)
	}
	s.cond.Broadcast()
	return nil
}

// describe makes the entry; not ok when the file has vanished or the scan has been cancelled with an error.
func (s *scanner) describe(full, rel string, i durable.Info) (Entry, bool) {
	e := Entry{Path: rel, Type: typeOf(i.Mode), UID: i.UID, GID: i.GID, MTime: i.MTime.UnixNano()}
	var err error
	switch e.Type {
	case Link:
		e.Target, err = s.fsys.Readlink(full)
	case File:
		e.Size = i.Size
		e.Sparse = i.Alloc >= 0 && i.Alloc < i.Size
		if !i.CTime.IsZero() {
			e.Stamp = stampOf(i)
			e.Stamp.Settled = i.CTime.Before(s.trusted)
		}
	case Char, Block:
		e.Rdev = i.Rdev
	}
	if e.Type != Link {
		e.Mode = modeOf(i.Mode)
	}
	if err == nil {
		e.Xattrs, err = s.fsys.Xattrs(full)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.cancel(err)
	}
	return e, err == nil
}

// nameLinks gives every further name of a file the path of its first.
func nameLinks(entries []Entry, links map[inode][]string) {
	first := map[string]string{}
	for _, names := range links {
		least := names[0]
		for _, n := range names[1:] {
			least = min(least, n)
		}
		for _, n := range names {
			if n != least {
				first[n] = least
			}
		}
	}
	if len(first) == 0 {
		return
	}
	for i := range entries {
		entries[i].HardLink = first[entries[i].Path]
	}
}

// join makes the path of an entry. Names of trees are bytes: filepath.Join would clean them.
func join(root, rel string) string {
	if rel == "." || rel == "" {
		return root
	}
	if strings.HasSuffix(root, string(filepath.Separator)) { // the root of the machine
		return root + filepath.FromSlash(rel)
	}
	return root + string(filepath.Separator) + filepath.FromSlash(rel)
}
