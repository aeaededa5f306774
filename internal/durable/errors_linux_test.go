package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/durable"
)

func TestErrorsNameOperationAndPath(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	file, full, sub := put(t, filepath.Join(dir, "file"), "x"), filepath.Join(dir, "full"), filepath.Join(dir, "full", "sub")
	put(t, filepath.Join(sub, "y"), "y")
	gone := filepath.Join(dir, "gone", "away")
	must(t, os.Symlink("file", filepath.Join(dir, "link")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	second := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		is   error
		text string
	}{
		{"write into missing", fsys.WriteFile(gone, nil, 0o600), fs.ErrNotExist, "cannot write " + gone + ": "},
		{"write over directory", fsys.WriteFile(full, nil, 0o600), syscall.EEXIST, "cannot write " + full},
		{"write relative", fsys.WriteFile("a", nil, 0o600), durable.ErrRefused, "not absolute"},
		{"write nothing", fsys.WriteFile("", nil, 0o600), durable.ErrRefused, `cannot write ""`},
		{"create twice", second(fsys.Create(file, 0o600)), fs.ErrExist, "cannot create " + file},
		{"mkdir twice", fsys.Mkdir(full, 0o700), fs.ErrExist, full},
		{"mkdirall on file", fsys.MkdirAll(file, 0o700), fs.ErrExist, file},
		{"mkdirall through file", fsys.MkdirAll(filepath.Join(file, "d"), 0o700), syscall.ENOTDIR, file},
		{"rename onto", fsys.Rename(file, full), fs.ErrExist, "cannot rename " + file + " and " + full},
		{"rename missing", fsys.Rename(gone, file+"2"), fs.ErrNotExist, gone},
		{"replace missing", fsys.Replace(gone, file), fs.ErrNotExist, gone},
		{"exchange missing", fsys.Exchange(file, gone), fs.ErrNotExist, "cannot exchange"},
		{"exchange with own child", fsys.Exchange(full, sub), durable.ErrRefused, "inside"},
		{"swap a file", fsys.SwapLink(file, "x"), durable.ErrRefused, "not a symbolic link"},
		{"swap relative", fsys.SwapLink("l", "x"), durable.ErrRefused, "absolute"},
		{"symlink onto", fsys.Symlink("x", file), fs.ErrExist, "cannot make link " + file},
		{"link onto", fsys.Link(file, full), fs.ErrExist, file},
		{"remove missing", fsys.Remove(gone), fs.ErrNotExist, "cannot remove " + gone},
		{"remove full", fsys.Remove(full), syscall.ENOTEMPTY, full},
		{"remove root", fsys.RemoveAll("/"), durable.ErrRefused, "root"},
		{"remove root again", fsys.RemoveAll("/.."), durable.ErrRefused, "root"},
		{"remove relative", fsys.RemoveAll("x"), durable.ErrRefused, "absolute"},
		{"remove nothing", fsys.RemoveAll(""), durable.ErrRefused, "absolute"},
		{"remove mount", fsys.RemoveAll("/proc"), durable.ErrRefused, "mounted at /proc"},
		{"chmod link", fsys.Chmod(filepath.Join(dir, "link"), 0o600), nil, "cannot change mode of"},
		{"chmod missing", fsys.Chmod(gone, 0o600), fs.ErrNotExist, gone},
		{"chown missing", fsys.Chown(gone, 0, 0), fs.ErrNotExist, "owner"},
		{"chtimes missing", fsys.Chtimes(gone, time.Now()), fs.ErrNotExist, "time"},
		{"xattr missing", fsys.SetXattr(gone, "user.a", nil), fs.ErrNotExist, "user.a"},
		{"no xattr", fsys.RemoveXattr(file, "user.none"), syscall.ENODATA, "user.none"},
		{"mknod of file", fsys.Mknod(file+"3", 0o600, 0), durable.ErrRefused, "cannot make node"},
		{"sync missing", fsys.SyncFile(gone), durable.ErrNotDurable, "cannot sync " + gone},
		{"sync missing dir", fsys.SyncDir(gone), fs.ErrNotExist, "sync directory"},
		{"sync missing tree", fsys.SyncTree(gone), fs.ErrNotExist, "sync tree"},
		{"reserve too much", fsys.Preallocate(filepath.Join(dir, "reserve"), 1<<60), nil, "cannot reserve space in"},
		{"append to fifo", second(fsys.Append(filepath.Join(dir, "fifo"))), nil, "no regular file"},
		{"append to link", second(fsys.Append(filepath.Join(dir, "link"))), nil, "no regular file"},
		{"append to missing", second(fsys.Append(gone)), fs.ErrNotExist, "append to"},
		{"open fifo", second(fsys.Open(filepath.Join(dir, "fifo"))), nil, "neither a regular file"},
		{"open link", second(fsys.OpenNoFollow(filepath.Join(dir, "link"))), syscall.ELOOP, "link"},
		{"open missing", second(fsys.Open(gone)), fs.ErrNotExist, "cannot open"},
		{"list file", second(fsys.ReadDir(file)), syscall.ENOTDIR, "cannot list"},
		{"readlink file", second(fsys.Readlink(file)), syscall.EINVAL, "cannot read link"},
		{"xattrs missing", second(fsys.Xattrs(gone)), fs.ErrNotExist, "attributes"},
		{"stat missing", second(fsys.Stat(gone)), fs.ErrNotExist, "cannot stat"},
		{"read missing", second(fsys.ReadFile(gone)), fs.ErrNotExist, "cannot read"},
		{"free relative", second(fsys.Free("x")), durable.ErrRefused, "absolute"},
	} {
		var e *durable.Error
		if !errors.As(c.err, &e) || e.Op == "" || e.Path == "" {
			t.Errorf("%s: error %v is no *durable.Error with operation and path", c.name, c.err)
			continue
		}
		if c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%s: %v is not %v", c.name, c.err, c.is)
		}
		if !strings.Contains(c.err.Error(), c.text) || strings.Contains(c.err.Error(), ".upkeep-tmp-") {
			t.Errorf("%s: %q does not say %q", c.name, c.err, c.text)
		}
	}
	only(t, dir, "fifo", "file", "full", "link") // no refused call left anything
	if content(t, file) != "x" || content(t, filepath.Join(sub, "y")) != "y" {
		t.Error("a refused call changed a file")
	}
}
