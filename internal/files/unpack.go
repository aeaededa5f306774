package files

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"upkeep/internal/durable"
)

// ErrUnsafe: an archive asks for something that could reach outside the directory it is unpacked into, or that only root of the archive's own
// machine should make.
var ErrUnsafe = errors.New("unsafe archive")

// ErrTooBig: an archive holds more than was announced.
var ErrTooBig = errors.New("archive bigger than announced")

// ErrEmpty: an archive holds nothing.
var ErrEmpty = errors.New("the archive is empty")

// Limits bound what is unpacked. They are checked before each entry is written.
type Limits struct {
	Bytes   int64 // of all files together; 0: 16 GiB
	Entries int   // 0: 1,000,000
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 16 << 30
	}
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	return l
}

// UnpackOptions say what Unpack accepts.
type UnpackOptions struct {
	Limits Limits
	// Exact restores everything as Pack wrote it: owners, setuid bits, extended attributes, FIFOs and device nodes, links wherever they lead; runs of
	// zeros become holes. For archives that Upkeep made itself. Without it the archive is a stranger's: owners and attributes in
	// it mean nothing, setuid, setgid and sticky bits are dropped unless Setuid allows them, FIFOs, device nodes and links that lead out of the tree
	// are refused.
	Exact  bool
	Setuid bool
	// Owner, unless nil, owns everything that is unpacked (not Exact). Nil: the account that unpacks.
	Owner *Ownership
	// Skip, unless nil, names what is read and summed but not written; directories always are. The names of one file are skipped together or not at all.
	Skip func(path string) bool
}

// Ownership is an account and a group.
type Ownership struct{ UID, GID uint32 }

// Unpack writes a tar stream into the new directory dest (which must not exist, its parent must) and returns what it wrote, with sums. It refuses
// absolute and climbing paths, paths through links, names that come twice, and more than the limits allow; nothing is ever written outside dest. Nothing is
// synced: when all is well call SyncTree. After an error what was written remains for the caller to remove.
func Unpack(ctx context.Context, fsys durable.FS, r io.Reader, dest string, o UnpackOptions) (Tree, error) {
	u := &unpacker{fsys: fsys.Unsynced(), dest: dest, o: o, seen: map[string]int{}, implied: map[string]bool{}, buf: make([]byte, 256<<10)}
	u.left = o.Limits.orDefault()
	t, err := u.all(&reader{ctx, r})
	if err != nil {
		return Tree{}, fmt.Errorf("cannot unpack into %s: %w", dest, err)
	}
	return t, nil
}

type unpacker struct {
	fsys    durable.FS
	dest    string
	o       UnpackOptions
	left    Limits
	entries []Entry
	seen    map[string]int // path → index in entries
	implied map[string]bool
	buf     []byte
}

func (u *unpacker) all(r io.Reader) (Tree, error) {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return Tree{}, fmt.Errorf("the archive is damaged or cut off: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader { // a comment of git archive
			continue
		}
		e, err := entryOf(h)
		if err == nil {
			err = u.admit(&e)
		}
		if err != nil {
			return Tree{}, fmt.Errorf("%w: %w", ErrUnsafe, err)
		}
		if u.left.Bytes -= e.Size; u.left.Bytes < 0 {
			return Tree{}, fmt.Errorf("%w: no room for %q of %d bytes", ErrTooBig, e.Path, e.Size)
		}
		if err := u.write(e, tr); err != nil {
			return Tree{}, err
		}
	}
	if len(u.entries) == 0 {
		return Tree{}, ErrEmpty
	}
	if err := u.drain(r); err != nil {
		return Tree{}, err
	}
	t := Tree{Entries: u.entries}
	t.sort()
	if !u.o.Exact {
		if err := checkLinks(t); err != nil {
			return Tree{}, fmt.Errorf("%w: %w", ErrUnsafe, err)
		}
	}
	for i := len(t.Entries) - 1; i >= 0; i-- {
		if e := &t.Entries[i]; e.Type == Dir {
			if err := u.finish(e); err != nil {
				return Tree{}, err
			}
		}
	}
	return t, nil
}

// drain reads what follows the end of the tar stream, so that a decompressor comes to its own check. Only padding may be there.
func (u *unpacker) drain(r io.Reader) error {
	const padding = 1 << 20
	n, err := io.CopyBuffer(io.Discard, io.LimitReader(r, padding+1), u.buf)
	if err != nil {
		return fmt.Errorf("the archive is damaged or cut off: %w", err)
	}
	if n > padding {
		return fmt.Errorf("%w: data follows its end", ErrUnsafe)
	}
	return nil
}

// admit applies the policy to an entry before anything is written.
func (u *unpacker) admit(e *Entry) error {
	if _, twice := u.seen[e.Path]; twice {
		if e.Type != Dir || !u.implied[e.Path] {
			return fmt.Errorf("%q is there twice", e.Path)
		}
		delete(u.implied, e.Path)
	}
	if e.Path == "." && e.Type != Dir && len(u.entries) > 0 {
		return errors.New("a tree cannot be a file as well")
	}
	for i := range len(e.Path) {
		if e.Path[i] == '/' {
			if j, ok := u.seen[e.Path[:i]]; ok && u.entries[j].Type != Dir {
				return fmt.Errorf("%q leads through the %s %q", e.Path, u.entries[j].Type, e.Path[:i])
			}
		}
	}
	if e.HardLink != "" {
		i, ok := u.seen[e.HardLink]
		if !ok || u.entries[i].Type != File {
			return fmt.Errorf("%q is a further name of %q, which is no file before it", e.Path, e.HardLink)
		}
	}
	if u.o.Exact {
		return nil
	}
	switch e.Type {
	case File, Dir, Link:
	default:
		return fmt.Errorf("%q is a %s", e.Path, e.Type)
	}
	if !u.o.Setuid {
		e.Mode &= 0o777
	}
	e.Xattrs = nil
	return nil
}

// write makes what an admitted entry says.
func (u *unpacker) write(e Entry, content io.Reader) error {
	if err := u.parents(e); err != nil {
		return err
	}
	path := join(u.dest, e.Path)
	if i, ok := u.seen[e.Path]; ok { // a directory that was implied before
		u.entries[i] = e
		return nil
	}
	var err error
	skip := e.Type != Dir && u.o.Skip != nil && u.o.Skip(e.Path)
	switch {
	case e.Type == Dir:
		err = u.fsys.Mkdir(path, 0o700)
		return errors.Join(err, u.record(e))
	case e.HardLink != "":
		first := u.entries[u.seen[e.HardLink]]
		path, name := e.Path, e.HardLink
		if first.HardLink != "" {
			name = first.HardLink
		}
		e = first
		e.Path, e.HardLink = path, name
		if skip {
			return u.record(e)
		}
		err = u.fsys.Link(join(u.dest, name), join(u.dest, path))
		return errors.Join(err, u.record(e))
	case skip:
		if e.Type == File {
			err = u.sum(&e, io.Discard, content)
		}
		return errors.Join(err, u.record(e))
	case e.Type == Link:
		err = u.fsys.Symlink(e.Target, path)
	case e.Type == File:
		err = u.file(&e, path, content)
	default:
		err = u.fsys.Mknod(path, e.FileMode(), e.Rdev)
	}
	if err == nil {
		err = u.finish(&e)
	}
	return errors.Join(err, u.record(e))
}

func (u *unpacker) record(e Entry) error {
	u.seen[e.Path] = len(u.entries)
	u.entries = append(u.entries, e)
	if u.left.Entries--; u.left.Entries < 0 {
		return fmt.Errorf("%w: too many entries", ErrTooBig)
	}
	return nil
}

// parents makes the directories above an entry that the archive has not named (yet).
func (u *unpacker) parents(e Entry) error {
	if e.Path == "." {
		return nil
	}
	for i := -1; i < len(e.Path); i++ {
		dir := "."
		if i >= 0 {
			if e.Path[i] != '/' {
				continue
			}
			dir = e.Path[:i]
		}
		if _, ok := u.seen[dir]; ok {
			continue
		}
		if err := u.fsys.Mkdir(join(u.dest, dir), 0o700); err != nil {
			return err
		}
		u.implied[dir] = true
		if err := u.record(Entry{Path: dir, Type: Dir, Mode: 0o755, MTime: e.MTime}); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) file(e *Entry, path string, content io.Reader) error {
	w, err := u.fsys.Create(path, e.FileMode())
	if err != nil {
		return err
	}
	err = u.sum(e, w, content)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("cannot unpack %s: %w", path, err)
	}
	return nil
}

// sum writes a file's content, whole, and notes its sum.
func (u *unpacker) sum(e *Entry, w io.Writer, content io.Reader) error {
	h := sha256.New()
	content = io.TeeReader(content, h)
	var n int64
	var err error
	if f, ok := w.(durable.File); ok {
		n, err = writeContent(f, content, u.o.Exact && e.Size >= hole, u.buf)
	} else {
		n, err = io.CopyBuffer(w, content, u.buf)
	}
	if err == nil && n != e.Size {
		err = io.ErrUnexpectedEOF
	}
	e.SHA256 = hex.EncodeToString(h.Sum(nil))
	return err
}

// finish gives a file its owner, mode and time, and notes what it got.
func (u *unpacker) finish(e *Entry) error {
	path := join(u.dest, e.Path)
	if u.o.Exact {
		return Dress(u.fsys, path, *e)
	}
	if o := u.o.Owner; o != nil {
		e.UID, e.GID = o.UID, o.GID
		if err := u.fsys.Chown(path, o.UID, o.GID); err != nil {
			return err
		}
	} else {
		i, err := u.fsys.Lstat(path)
		if err != nil {
			return err
		}
		e.UID, e.GID = i.UID, i.GID
	}
	if e.Type == Dir || e.Type == File && u.o.Owner != nil && e.Mode&0o6000 != 0 {
		if err := u.fsys.Chmod(path, e.FileMode()); err != nil {
			return err
		}
	}
	return u.fsys.Chtimes(path, time.Unix(0, e.MTime))
}
