package files

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"time"

	"upkeep/internal/durable"
)

// xattrRecord is the PAX record in which star, GNU tar and bsdtar keep extended attributes.
const xattrRecord = "SCHILY.xattr."

// PackOptions say how Pack writes.
type PackOptions struct {
	// Portable leaves out what belongs to one machine: owners become 0:0, extended attributes, names of accounts and holes are dropped, times are
	// cut to seconds. The same tree then gives the same bytes everywhere.
	Portable bool
	// MTime, unless zero, is given to every entry (Portable only).
	MTime time.Time
	// Live is for a product that is still running: a file that changes while it is read is packed as it was found and comes back with an
	// unsettled Stamp, one that vanished is left out of what is returned. Without it both are errors.
	Live bool
}

// Pack writes the entries of a tree as a tar stream (PAX), reading each file once, and returns the tree as it was packed: with the sums of
// what really went into the stream. Sockets are left out, they mean nothing elsewhere.
func Pack(ctx context.Context, fsys durable.FS, w io.Writer, root string, t Tree, o PackOptions) (Tree, error) {
	p := &packer{fsys: fsys, root: root, o: o, tw: tar.NewWriter(w), buf: make([]byte, 256<<10), sums: map[string]Entry{}}
	out := Tree{Entries: make([]Entry, 0, len(t.Entries))}
	for _, e := range t.Entries {
		if err := ctx.Err(); err != nil {
			return Tree{}, err
		}
		if e.Type == Socket {
			continue
		}
		packed, err := p.one(ctx, e)
		if o.Live && errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return Tree{}, fmt.Errorf("cannot pack %s: %w", join(root, e.Path), err)
		}
		out.Entries = append(out.Entries, packed)
	}
	return out, p.tw.Close()
}

type packer struct {
	fsys durable.FS
	root string
	o    PackOptions
	tw   *tar.Writer
	buf  []byte
	sums map[string]Entry // first names of files with several
}

func (p *packer) one(ctx context.Context, e Entry) (Entry, error) {
	if p.o.Portable {
		e.UID, e.GID, e.Xattrs, e.Sparse = 0, 0, nil, false
		e.MTime = time.Unix(0, e.MTime).Truncate(time.Second).UnixNano()
		if !p.o.MTime.IsZero() {
			e.MTime = p.o.MTime.Unix() * int64(time.Second)
		}
	}
	if e.HardLink != "" {
		first, ok := p.sums[e.HardLink]
		if !ok { // its first name vanished: this one is the first now
			e.HardLink = ""
		} else {
			e.SHA256, e.Size, e.MTime, e.Stamp = first.SHA256, first.Size, first.MTime, first.Stamp
			return e, p.tw.WriteHeader(header(e))
		}
	}
	if e.Type != File {
		return e, p.tw.WriteHeader(header(e))
	}
	e, err := p.file(ctx, e)
	if err == nil {
		p.sums[e.Path] = e
	}
	return e, err
}

func (p *packer) file(ctx context.Context, e Entry) (Entry, error) {
	open := p.fsys.OpenNoFollow
	if e.Path == "." {
		open = p.fsys.Open
	}
	f, err := open(join(p.root, e.Path))
	if err != nil {
		return e, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return e, err
	}
	if !e.Stamp.same(stampOf(before)) {
		e.Stamp = stampOf(before)
	}
	scanned := e.Size
	e.Size = before.Size
	if !p.o.Portable {
		e.MTime = before.MTime.UnixNano()
	}
	if err := p.tw.WriteHeader(header(e)); err != nil {
		return e, err
	}
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(p.tw, h), &reader{ctx, io.LimitReader(f, e.Size)}, p.buf)
	if err != nil {
		return e, err
	}
	after, err := f.Stat()
	if err != nil {
		return e, err
	}
	if n < e.Size || after.Size != before.Size || !after.MTime.Equal(before.MTime) || !after.CTime.Equal(before.CTime) || scanned != before.Size {
		if !p.o.Live {
			return e, errors.New("it was written to while it was read: stop what writes to it first")
		}
		e.Stamp.Settled = false
		if err := pad(io.MultiWriter(p.tw, h), e.Size-n); err != nil {
			return e, err
		}
	}
	e.SHA256 = hex.EncodeToString(h.Sum(nil))
	return e, nil
}

// pad fills up a file that shrank after its header was written; it will be packed again.
func pad(w io.Writer, n int64) error {
	zeros := make([]byte, 32<<10)
	for ; n > 0; n -= int64(len(zeros)) {
		if _, err := w.Write(zeros[:min(n, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return nil
}

// header makes the tar header of an entry.
func header(e Entry) *tar.Header {
	h := &tar.Header{Name: e.Path, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), ModTime: time.Unix(0, e.MTime), Format: tar.FormatPAX}
	switch e.Type {
	case File:
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	case Dir:
		h.Typeflag = tar.TypeDir
		h.Name += "/"
	case Link:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	case FIFO:
		h.Typeflag = tar.TypeFifo
	case Char, Block:
		h.Typeflag = tar.TypeChar
		if e.Type == Block {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = splitRdev(e.Rdev)
	}
	if e.HardLink != "" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, e.HardLink, 0
	}
	for n, v := range e.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+n] = string(v)
	}
	return h
}

// entryOf reads a tar header. The path is checked.
func entryOf(h *tar.Header) (Entry, error) {
	name := strings.TrimPrefix(h.Name, "./")
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	if name == "" && h.Name != "" {
		name = "."
	}
	e := Entry{Path: name, Mode: uint32(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid), MTime: h.ModTime.UnixNano()}
	if name != "." {
		if err := CheckPath(name); err != nil {
			return e, err
		}
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		e.Type, e.Size = File, h.Size
	case tar.TypeDir:
		e.Type = Dir
	case tar.TypeSymlink:
		e.Type, e.Target, e.Mode = Link, h.Linkname, 0
		if e.Target == "" || strings.IndexByte(e.Target, 0) >= 0 {
			return e, fmt.Errorf("%q is a link to nothing", name)
		}
	case tar.TypeLink:
		e.Type, e.HardLink = File, strings.TrimPrefix(h.Linkname, "./")
		if err := CheckPath(e.HardLink); err != nil {
			return e, err
		}
	case tar.TypeFifo:
		e.Type = FIFO
	case tar.TypeChar, tar.TypeBlock:
		e.Type, e.Rdev = Char, joinRdev(h.Devmajor, h.Devminor)
		if h.Typeflag == tar.TypeBlock {
			e.Type = Block
		}
	default:
		return e, fmt.Errorf("%q has the unknown tar type %q", name, h.Typeflag)
	}
	for k, v := range maps.All(h.PAXRecords) {
		if n, ok := strings.CutPrefix(k, xattrRecord); ok && n != "" {
			if e.Xattrs == nil {
				e.Xattrs = map[string][]byte{}
			}
			e.Xattrs[n] = []byte(v)
		}
	}
	return e, nil
}

// Device numbers as Linux packs them into 64 bits (makedev(3) of glibc).
func splitRdev(d uint64) (major, minor int64) {
	return int64(d>>8&0xfff | d>>32&^0xfff), int64(d&0xff | d>>12&^0xff&0xffffffff)
}

func joinRdev(major, minor int64) uint64 {
	ma, mi := uint64(major), uint64(minor)
	return ma&0xfff<<8 | ma&^0xfff<<32 | mi&0xff | mi&^0xff<<12
}

// reader ends a long copy when its context does.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
