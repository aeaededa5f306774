package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"upkeep/internal/durable"
	"upkeep/internal/files"
)

// inMemory is the size up to which a file is compared before its first byte is handed out.
const inMemory = 8 << 20

// FS shows the files that the sums list, and no others. What is read is compared with its sum: small files before anything is handed out, larger
// ones while they are read, and then the read that comes to the end fails with ErrDamaged instead of io.EOF. A payload that is not there yet is
// listed with its size, and opening it is a NotFetchedError. Modes do not come from the disk: a
// bundle's sums do not cover them. Files under hooks/ are 0755, all others 0644.
func (b *Bundle) FS() fs.FS { return verified{b} }

type verified struct{ b *Bundle }

func (v verified) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if list := v.list(name); list != nil || name == "." {
		return &dirFile{info: dirInfo(name), list: list}, nil
	}
	e, ok := v.b.tree.Find(name)
	if !ok || v.b.sums[name] == "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := v.b.notFetched(name); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f, err := v.b.fsys.OpenNoFollow(filepath.Join(v.b.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	r := &verifiedFile{f: f, h: sha256.New(), want: v.b.sums[name], info: fileInfo(e), name: name}
	if e.Size > inMemory {
		r.r = f
		return r, nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, e.Size+1))
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != r.want {
		return nil, &fs.PathError{Op: "read", Path: name, Err: v.b.changed(name, sum[:])}
	}
	return &memoryFile{bytes.NewReader(data), r.info}, nil
}

func (b *Bundle) changed(name string, sum []byte) error {
	return fmt.Errorf("%w: %w; fetch the bundle again", ErrDamaged, &files.SumError{Path: name, Want: b.sums[name], Got: hex.EncodeToString(sum)})
}

// list makes the entries of a directory from the sums; nil if there is no such directory.
func (v verified) list(dir string) []fs.DirEntry {
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	seen := map[string]fs.FileInfo{}
	for p := range v.b.sums {
		rest, ok := strings.CutPrefix(p, prefix)
		if !ok {
			continue
		}
		if first, _, below := strings.Cut(rest, "/"); below {
			seen[first] = dirInfo(first)
		} else if e, ok := v.b.tree.Find(p); ok {
			seen[first] = fileInfo(e)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	out := make([]fs.DirEntry, 0, len(seen))
	for _, i := range seen {
		out = append(out, fs.FileInfoToDirEntry(i))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out
}

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func dirInfo(name string) info { return info{path.Base(name), 0, fs.ModeDir | 0o755} }

func fileInfo(e files.Entry) info { return info{path.Base(e.Path), e.Size, modeIn(e.Path)} }

// modeIn is the mode of a file by its place in the bundle.
func modeIn(p string) fs.FileMode {
	if strings.HasPrefix(p, HooksDir+"/") {
		return 0o755
	}
	return 0o644
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type memoryFile struct {
	*bytes.Reader
	info info
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }

// verifiedFile is read once, from beginning to end.
type verifiedFile struct {
	f    durable.ReadFile
	r    io.Reader
	h    hash.Hash
	want string
	name string
	info info
}

func (f *verifiedFile) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.h.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(f.h.Sum(nil)); got != f.want {
			err = fmt.Errorf("%w: %w; fetch the bundle again", ErrDamaged, &files.SumError{Path: f.name, Want: f.want, Got: got})
		}
	}
	return n, err
}

func (f *verifiedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *verifiedFile) Close() error               { return f.f.Close() }

type dirFile struct {
	info info
	list []fs.DirEntry
	at   int
}

func (d *dirFile) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dirFile) Close() error               { return nil }
func (d *dirFile) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: fs.ErrInvalid}
}

func (d *dirFile) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.list[d.at:]
	if n <= 0 {
		d.at = len(d.list)
		return append([]fs.DirEntry{}, rest...), nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	d.at += len(rest)
	return append([]fs.DirEntry{}, rest...), nil
}
