package files

import (
	"bytes"
	"io"
	"time"

	"upkeep/internal/durable"
)

// Dress gives a new file what its entry says of it. Order matters: a change of owner clears setuid bits and capabilities, a change of
// mode rewrites an ACL's mask, and all of them may move the time.
func Dress(fsys durable.FS, path string, e Entry) error {
	have, err := fsys.Lstat(path)
	if err != nil {
		return err
	}
	chowned := have.UID != e.UID || have.GID != e.GID
	if chowned {
		if err := fsys.Chown(path, e.UID, e.GID); err != nil {
			return err
		}
	}
	if e.Type != Link && (chowned || modeOf(have.Mode) != e.Mode) {
		if err := fsys.Chmod(path, e.FileMode()); err != nil {
			return err
		}
	}
	// A new file may have inherited a default ACL of its directory, which the original does not have.
	if inherited, err := fsys.Xattrs(path); err != nil {
		return err
	} else {
		for _, n := range xattrNames(Entry{Xattrs: inherited}) {
			if _, wanted := e.Xattrs[n]; !wanted {
				if err := fsys.RemoveXattr(path, n); err != nil {
					return err
				}
			}
		}
	}
	for _, n := range xattrNames(e) {
		if err := fsys.SetXattr(path, n, e.Xattrs[n]); err != nil {
			return err
		}
	}
	return fsys.Chtimes(path, time.Unix(0, e.MTime))
}

// hole is the piece in which zeros are looked for: a file system's block.
const hole = 4096

// writeContent copies content into a new file, leaving holes for zeros when sparse. It returns the number of bytes.
func writeContent(f durable.File, r io.Reader, sparse bool, buf []byte) (int64, error) {
	if !sparse {
		return io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{r}, buf)
	}
	var zeros [hole]byte
	var at int64
	buf = buf[:len(buf)/hole*hole]
	for {
		n, err := io.ReadFull(r, buf)
		for i := 0; i < n; i += hole {
			piece := buf[i:min(i+hole, n)]
			if bytes.Equal(piece, zeros[:len(piece)]) {
				continue
			}
			if _, err := f.WriteAt(piece, at+int64(i)); err != nil {
				return at, err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return at, f.Truncate(at)
		} else if err != nil {
			return at, err
		}
	}
}
