package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"upkeep/internal/durable"
)

// Log is one file of entries. Several processes may append to it, since each waits
// for the lock. It is safe for use by several goroutines.
type Log struct {
	fs   durable.FS
	path string
	lock func() (release func(), err error)
	now  func() time.Time

	mu      sync.Mutex
	seen    int64 // bytes of the file that were read
	whole   int64 // bytes up to the end of the last record
	last    record
	acts    []act
	open    map[int64]int // acts without an end, by their number
	late    []Entry       // ends that could not be written yet
	unclear error         // what is on the disk is not known: nothing more is written
}

// act is where the entries of a change are.
type act struct{ begin, end place }

type place struct{ at, size int64 }

// Act is a change with its result. Ended is zero where none was noted: it is under
// way, or whoever did it was killed.
type Act struct {
	N int64
	Entry
	Ended  time.Time
	Result string
	Text   string
}

// Open opens the log at a path, and begins it where there is none. Lock waits until
// no other process appends.
func Open(fsys durable.FS, path string, lock func() (release func(), err error), now func() time.Time) (*Log, error) {
	l := &Log{fs: fsys, path: path, lock: lock, now: now, open: map[int64]int{}, last: record{Hash: origin}}
	_, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		var release func()
		if release, err = lock(); err != nil {
			return nil, err
		}
		defer release()
		if err = fsys.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			if _, err = fsys.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				err = fsys.WriteFile(path, nil, 0o600)
			}
		}
	}
	if err == nil {
		err = l.catchUp()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the audit log: %w", err)
	}
	return l, nil
}

// Path is where it is.
func (l *Log) Path() string { return l.path }

// catchUp reads what was appended since.
func (l *Log) catchUp() error {
	f, err := l.fs.OpenNoFollow(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return err
	}
	if i.Size < l.seen { // somebody has cut it: what is left is read anew
		l.seen, l.whole, l.last, l.acts, l.open = 0, 0, record{Hash: origin}, nil, map[int64]int{}
	}
	if i.Size == l.seen {
		return nil
	}
	if _, err := f.Seek(l.whole, io.SeekStart); err != nil {
		return err
	}
	err = read(f, l.whole, func(p piece) error {
		l.seen = p.at + p.size
		if p.ok {
			l.note(p)
		}
		return nil
	})
	return err
}

// note takes down where a record is.
func (l *Log) note(p piece) {
	l.whole, l.last = p.at+p.size, p.record
	at := place{p.at, p.size}
	switch p.entry.Kind {
	case Begin:
		l.open[p.record.N] = len(l.acts)
		l.acts = append(l.acts, act{begin: at})
	case End:
		if i, ok := l.open[p.entry.Of]; ok {
			l.acts[i].end = at
			delete(l.open, p.entry.Of)
		}
	}
}

// Begin notes what somebody is about to do. It is on the disk when Begin returns;
// after an error nothing may be done.
func (l *Log) Begin(by, role, do string, on map[string]string) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.append(Entry{Kind: Begin, At: l.now(), By: by, Role: role, Do: do, On: on}); err != nil {
		return 0, err
	}
	return l.last.N, nil
}

// End notes what has come of it. When that fails it is noted with the next entry
// that can be.
func (l *Log) End(n int64, result, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Entry{Kind: End, At: l.now(), Of: n, Result: result, Text: text}
	err := l.append(e)
	if err != nil {
		l.late = append(l.late, e)
	}
	return err
}

// Head gives the number and the sum of the last entry.
func (l *Log) Head() (int64, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.N, l.last.Hash
}

// append writes an entry, and before it what is due: a word on what is torn, and
// ends that could not be written.
func (l *Log) append(e Entry) error {
	if l.unclear != nil {
		return fmt.Errorf("what is on the disk is not known since an earlier failure, so nothing more is written until the hub is started anew: %w", l.unclear)
	}
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer release()
	if err := l.catchUp(); err != nil {
		return err
	}
	var out bytes.Buffer
	next := l.last
	put := func(e Entry) error {
		raw, hash, err := line(next.N+1, next.Hash, e)
		if err == nil {
			next.N, next.Hash = next.N+1, hash
			out.Write(raw)
		}
		return err
	}
	if l.seen > l.whole {
		if err := l.mend(&out, put); err != nil {
			return err
		}
	}
	for _, late := range l.late {
		if _, open := l.open[late.Of]; !open {
			continue // it came whole all the same
		}
		if err := put(late); err != nil {
			return err
		}
	}
	if err := put(e); err != nil {
		return err
	}
	if err := l.write(out.Bytes()); err != nil {
		return err
	}
	l.late = nil
	return l.catchUp()
}

const tornEnd = "~\n"

// mend says of what is torn how long it is, and its sum. It stays where it is: the
// log is never cut. A line that is not at its end is ended, so that the next one is
// one of its own, and so that it does not become whole by that.
func (l *Log) mend(out *bytes.Buffer, put func(Entry) error) error {
	f, err := l.fs.OpenNoFollow(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	tail := io.NewSectionReader(f, l.whole, l.seen-l.whole)
	if _, err := io.Copy(h, tail); err != nil {
		return err
	}
	end := make([]byte, 1)
	if _, err := f.ReadAt(end, l.seen-1); err != nil {
		return err
	}
	n := l.seen - l.whole
	if end[0] != '\n' {
		_, _ = io.MultiWriter(out, h).Write([]byte(tornEnd)) // never fails
		n += int64(len(tornEnd))
	}
	return put(Entry{Kind: Mended, At: l.now(), Bytes: n, Sum: hex.EncodeToString(h.Sum(nil))})
}

// write appends, durably.
func (l *Log) write(raw []byte) error {
	f, err := l.fs.Append(l.path)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		if err = f.Sync(); err != nil {
			l.unclear = err // never retried: a second sync may report success for what was lost
		}
	}
	return errors.Join(err, f.Close())
}

// Acts gives changes, latest first: at most limit after the first skip. More says
// whether there are earlier ones.
func (l *Log) Acts(skip, limit int) (list []Act, more bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUp(); err != nil {
		return nil, false, err
	}
	f, err := l.fs.OpenNoFollow(l.path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	last := len(l.acts) - 1 - max(skip, 0)
	for i := last; i >= 0 && len(list) < limit; i-- {
		a := Act{}
		r, e, err := at(f, l.acts[i].begin)
		if err != nil {
			return nil, false, err
		}
		a.N, a.Entry = r.N, e
		if l.acts[i].end.size > 0 {
			_, e, err := at(f, l.acts[i].end)
			if err != nil {
				return nil, false, err
			}
			a.Ended, a.Result, a.Text = e.At, e.Result, e.Text
		}
		list = append(list, a)
	}
	return list, last-len(list) >= 0, nil
}

func at(f io.ReaderAt, p place) (record, Entry, error) {
	raw := make([]byte, p.size)
	if _, err := f.ReadAt(raw, p.at); err != nil {
		return record{}, Entry{}, err
	}
	r, e, ok := parse(raw)
	if !ok {
		return r, e, errors.New("an entry of the audit log was changed while it was open: upkeep audit verify shows where")
	}
	return r, e, nil
}
