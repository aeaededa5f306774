package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Using looks once through all processes for those that use something of a
// folder: they work in it, run a program of it, have a file of it open, or
// mapped. Each is named once; this process is left out. Blind counts those that
// may not be looked into: only root sees the processes of others.
//
// Paths are those that a process sees. One that has the folder under another
// name (a container's) is not found.
func Using(folder string) (uses []Use, blind int, err error) {
	root, err := filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = filepath.Clean(folder), nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("cannot look for users of %s: %w", folder, err)
	}
	here, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, 0, fmt.Errorf("cannot look for users of %s: %w", folder, err)
	}
	d, err := os.Open("/proc")
	if err != nil {
		return nil, 0, fmt.Errorf("cannot list processes: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot list processes: %w", err)
	}
	l := looker{root: root, here: here, link: make([]byte, unix.PathMax), maps: make([]byte, 0, 64<<10)}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		how, path, err := l.look(pid)
		switch {
		case errors.Is(err, fs.ErrPermission):
			blind++
		case err != nil || how == "":
			// it has ended meanwhile, or has nothing of the folder
		default:
			u := Use{How: how, Path: path}
			if u.Proc, err = Read(pid); err != nil {
				continue
			}
			var st unix.Stat_t
			if unix.Stat("/proc/"+name, &st) == nil {
				u.UID = st.Uid
			}
			uses = append(uses, u)
		}
	}
	return uses, blind, nil
}

// looker looks into one process after the other, with the same buffers.
type looker struct {
	root string
	here string // our mount namespace
	link []byte
	maps []byte
}

func (l *looker) look(pid int) (how, path string, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	for _, q := range [...]struct{ name, how string }{{"/cwd", "works in"}, {"/exe", "runs"}} {
		target, err := l.readlink(unix.AT_FDCWD, dir+q.name)
		if err != nil {
			return "", "", err // of a thread of the kernel: there is none
		}
		if below(l.root, target) && l.same(dir, q.name, target) {
			return q.how, target, nil
		}
	}
	fds, err := os.Open(dir + "/fd")
	if err != nil {
		return "", "", err
	}
	defer fds.Close()
	names, err := fds.Readdirnames(-1)
	if err != nil {
		return "", "", err
	}
	for _, name := range names {
		target, err := l.readlink(int(fds.Fd()), name)
		if err == nil && below(l.root, target) && l.same(dir, "/fd/"+name, target) {
			return "open", target, nil
		}
	}
	if l.maps, err = slurp(dir+"/maps", l.maps[:0]); err != nil {
		return "", "", err
	}
	if target, ok := mapped(l.root, l.maps); ok && l.same(dir, "/root"+strings.TrimSuffix(target, " (deleted)"), target) {
		return "mapped", target, nil
	}
	return "", "", nil
}

// same says whether what a process calls by that path is ours: one in another
// mount namespace may have another file there.
func (l *looker) same(dir, name, target string) bool {
	if ns, err := os.Readlink(dir + "/ns/mnt"); err == nil && ns == l.here {
		return true
	}
	var theirs, ours unix.Stat_t
	return unix.Stat(dir+name, &theirs) == nil && unix.Stat(target, &ours) == nil && theirs.Dev == ours.Dev && theirs.Ino == ours.Ino
}

func (l *looker) readlink(dirfd int, name string) (string, error) {
	n, err := unix.Readlinkat(dirfd, name, l.link)
	if err != nil {
		return "", err
	}
	return string(l.link[:n]), nil
}
