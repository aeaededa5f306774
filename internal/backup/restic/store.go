package restic

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/backup"
	"upkeep/internal/files"
)

// summary is what restic says at the end of a backup.
type summary struct {
	Type     string `json:"message_type"`
	Snapshot string `json:"snapshot_id"`
	Added    int64  `json:"data_added_packed"`
	Done     int64  `json:"bytes_done"`
}

// save runs restic backup, and gives the snapshot.
func (e *Engine) save(ctx context.Context, c call, tell func(int64)) (s summary, err error) {
	var told int64
	c.writes, c.stdout = true, func(line []byte) {
		var m summary
		if json.Unmarshal(line, &m) != nil {
			return
		}
		if m.Done > told {
			tell(m.Done - told)
			told = m.Done
		}
		if m.Type == "summary" {
			s = m
		}
	}
	if _, err = e.run(ctx, c); err == nil && s.Snapshot == "" {
		err = errors.New("restic does not say which snapshot it made")
	}
	return s, err
}

// source is a part of files as restic is to see it.
type source struct {
	id, part string // of point and part
	root     string // where it is, no link
	whole    bool   // everything below the root is meant, whatever it is by then
}

func newSource(id string, p backup.FilePart, at string) (source, error) {
	root, err := filepath.EvalSymlinks(at)
	return source{id: id, part: p.Name, root: root, whole: len(p.Exclude)+len(p.Include) == 0}, err
}

// store makes a snapshot of the entries of a tree.
func (e *Engine) store(ctx context.Context, s source, t files.Tree, kind, parent string, live bool, tell func(int64)) (backup.Stored, error) {
	args := append([]string{"backup", "--json", "--group-by", ""}, e.tags(s.id, kind, s.part, 0)...)
	if parent != "" {
		args = append(args, "--parent", parent)
	} else {
		args = append(args, "--force") // another one would be chosen
	}
	if s.whole && kind == kindFiles {
		args = append(args, "--", s.root)
	} else {
		// Folders are not named, since all in them would come along: the
		// description knows them.
		var names bytes.Buffer
		for _, n := range t.Entries {
			if n.Type != files.Dir && n.Type != files.Socket {
				names.WriteString(under(s.root, n.Path))
				names.WriteByte(0)
			}
		}
		if names.Len() == 0 {
			return backup.Stored{}, nil // folders alone
		}
		list := e.path(s.id+partial, s.part+".names")
		if err := e.FS.WriteFile(list, names.Bytes(), 0o600); err != nil {
			return backup.Stored{}, err
		}
		args = append(args, "--files-from-raw", list)
	}
	m, err := e.save(ctx, call{args: args, live: live}, tell)
	return backup.Stored{Name: m.Snapshot, Role: backup.Snapshot, Path: s.root, Bytes: m.Added}, err
}

func under(root, path string) string {
	if path == "." {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + path
}

// heard says how much was read of a part.
type heard struct {
	ctx  context.Context
	part string
	r    io.Reader
}

func (h heard) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	backup.Progressed(h.ctx, int64(n), h.part)
	return n, err
}

// readTree reads what is stored of a part of files, and hands each entry of
// which restic says something on; for files with the sum of their content.
func (e *Engine) readTree(ctx context.Context, part string, s backup.Stored, file bool, to func(files.Entry) error) error {
	if s.Name == "" {
		return nil
	}
	if file {
		return e.dumped(ctx, []string{s.Name, s.Path}, func(r io.Reader) error {
			h := sha256.New()
			n, err := io.Copy(h, heard{ctx, part, r})
			if err != nil {
				return err
			}
			return to(files.Entry{Path: ".", Type: files.File, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))})
		})
	}
	return e.dumped(ctx, []string{"--archive", "tar", s.Name + ":" + s.Path, "/"}, func(r io.Reader) error {
		tr := tar.NewReader(r)
		buf := make([]byte, 256<<10)
		for {
			h, err := tr.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			n := files.Entry{Path: path.Clean(h.Name), Type: files.File, Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size, MTime: h.ModTime.UnixNano(), Target: h.Linkname, Xattrs: attributes(h)}
			switch h.Typeflag {
			case tar.TypeDir:
				n.Type = files.Dir
			case tar.TypeSymlink:
				n.Type, n.Mode = files.Link, 0
			default:
				sum := sha256.New()
				if _, err := io.CopyBuffer(sum, heard{ctx, part, tr}, buf); err != nil {
					return err
				}
				n.SHA256 = hex.EncodeToString(sum.Sum(nil))
			}
			if err := to(n); err != nil {
				return err
			}
		}
	})
}

// attributes are those that restic tells as they are: ACLs come as text, and
// ones without a value are lost on the way.
func attributes(h *tar.Header) map[string][]byte {
	out := map[string][]byte{}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			out[name] = []byte(value)
		}
	}
	return out
}

// special are the types that restic's archive shows as empty files.
func special(t files.Type) bool {
	return t != files.File && t != files.Dir && t != files.Link
}

// readBack compares what is stored with the tree, and gives the tree as it was
// stored. of says which entries should be in the snapshot. In a product that is
// live what differs may have been changed since, and is described as it is
// stored, times to the second, without a mark: it is read again next time. What has not been
// touched, and differs all the same, is stored wrongly.
func (e *Engine) readBack(ctx context.Context, s source, stored backup.Stored, t files.Tree, of func(files.Entry) bool, live bool) (files.Tree, error) {
	got := map[string]files.Entry{}
	file := len(t.Entries) == 1 && t.Entries[0].Type == files.File
	err := e.readTree(ctx, s.part, stored, file, func(n files.Entry) error { got[n.Path] = n; return nil })
	if err != nil {
		return t, fmt.Errorf("cannot read the snapshot of %s back: %w", s.part, err)
	}
	for path, have := range got {
		if _, known := t.Find(path); !known && live && !s.whole && have.Type != files.Dir {
			return t, fmt.Errorf("%s: a folder took the place of a file while it was read: try again", under(s.root, path))
		}
	}
	var out files.Tree
	firsts := map[string]files.Entry{}
	for _, want := range t.Entries {
		if want.Type == files.Socket {
			continue // means nothing elsewhere
		}
		have, ok := got[want.Path]
		if file {
			have.Mode, have.UID, have.GID, have.MTime, have.Xattrs = want.Mode, want.UID, want.GID, want.MTime, want.Xattrs
		}
		switch why := differs(want, have, ok); {
		case !of(want) || special(want.Type) || why == "":
		case !live:
			return t, fmt.Errorf("%s: %s: it was written to while it was read: stop what writes to it first", under(s.root, want.Path), why)
		default:
			touched, err := e.touched(s, want)
			if err != nil {
				return t, err
			}
			if !touched {
				return t, fmt.Errorf("%w: what restic has stored of %s is not what is there: %s", backup.ErrDamaged, under(s.root, want.Path), why)
			}
			if !ok {
				continue // it vanished
			}
			have.Xattrs, have.HardLink, have.Stamp = want.Xattrs, want.HardLink, want.Stamp
			have.Stamp.Settled = false
			want = have
		}
		if first, ok := firsts[want.HardLink]; ok && want.HardLink != "" { // one file, whichever name was read when
			want.SHA256, want.Size, want.MTime, want.Mode, want.UID, want.GID, want.Stamp = first.SHA256, first.Size, first.MTime, first.Mode, first.UID, first.GID, first.Stamp
		} else if want.Type == files.File {
			want.HardLink = ""
			firsts[want.Path] = want
		}
		out.Entries = append(out.Entries, want)
	}
	return out, nil
}

// differs says in what, of what restic tells.
func differs(want, have files.Entry, ok bool) string {
	switch {
	case !ok:
		return "it is not in the snapshot"
	case want.Type != have.Type:
		return fmt.Sprintf("it is a %s, and stored as a %s", want.Type, have.Type)
	case want.Type == files.File && (want.Size != have.Size || want.SHA256 != have.SHA256):
		return fmt.Sprintf("it has %d bytes with the sum %.12s, stored are %d with %.12s", want.Size, want.SHA256, have.Size, have.SHA256)
	case want.Target != have.Target:
		return fmt.Sprintf("it leads to %q, and stored is %q", want.Target, have.Target)
	case want.Mode != have.Mode || want.UID != have.UID || want.GID != have.GID || rounded(want.MTime) != rounded(have.MTime):
		return "mode, owner or time are stored otherwise"
	}
	for name, value := range want.Xattrs {
		if len(value) > 0 && !strings.HasPrefix(name, "system.posix_acl_") && !bytes.Equal(value, have.Xattrs[name]) {
			return "the attribute " + name + " is stored otherwise"
		}
	}
	return ""
}

// rounded is a time as it stands in restic's archives.
func rounded(ns int64) int64 { return time.Unix(0, ns).Round(time.Second).Unix() }

// touched says whether a file is another than when it was described.
func (e *Engine) touched(s source, was files.Entry) (bool, error) {
	i, err := e.FS.Lstat(under(s.root, was.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && (i.Ino != was.Stamp.Ino || i.CTime.UnixNano() != was.Stamp.CTime || !was.Stamp.Settled), err
}
