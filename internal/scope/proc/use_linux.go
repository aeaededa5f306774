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

// Using looks once through all processes for those that use something of one of
// the folders: they work in it, run a program of it, have a file of it open, or
// mapped. Each is named once for a folder; this process is left out. Blind counts
// those that may not be looked into: only root sees the processes of others.
//
// Paths are those that a process sees. One that has the folder under another
// name (a container's) is not found.
func Using(folders ...string) (uses []Use, blind int, err error) {
	here, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, 0, fmt.Errorf("cannot look for users of %s: %w", strings.Join(folders, ", "), err)
	}
	l := looker{here: here, link: make([]byte, unix.PathMax), maps: make([]byte, 0, 64<<10)}
	for _, folder := range folders {
		root, err := filepath.EvalSymlinks(folder)
		if errors.Is(err, fs.ErrNotExist) {
			root, err = filepath.Clean(folder), nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("cannot look for users of %s: %w", folder, err)
		}
		l.roots = append(l.roots, root)
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
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		// what has ended meanwhile has nothing any more
		err = l.look(pid)
		if errors.Is(err, fs.ErrPermission) {
			blind++
		}
		if err != nil || l.open() == len(folders) {
			continue
		}
		p, err := Read(pid)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/proc/"+name, &st) != nil {
			continue
		}
		for i, u := range l.found {
			if u.How != "" {
				u.Proc, u.UID, u.Folder = p, st.Uid, folders[i]
				uses = append(uses, u)
			}
		}
	}
	return uses, blind, nil
}

// looker looks into one process after the other, with the same buffers.
type looker struct {
	roots []string
	found []Use  // of the process that was looked into, one for each root; without How where it uses nothing
	here  string // our mount namespace
	link  []byte
	maps  []byte
}

// open counts the roots of which nothing is found yet.
func (l *looker) open() (n int) {
	for _, u := range l.found {
		if u.How == "" {
			n++
		}
	}
	return n
}

// note keeps what a path shows for the roots that it is below, and says whether
// there is something for every root by now.
func (l *looker) note(dir, name, how, target string) bool {
	for i, root := range l.roots {
		if l.found[i].How == "" && below(root, target) && l.same(dir, name, target) {
			l.found[i] = Use{How: how, Path: target}
		}
	}
	return l.open() == 0
}

func (l *looker) look(pid int) error {
	l.found = append(l.found[:0], make([]Use, len(l.roots))...)
	dir := "/proc/" + strconv.Itoa(pid)
	for _, q := range [...]struct{ name, how string }{{"/cwd", "works in"}, {"/exe", "runs"}} {
		target, err := l.readlink(unix.AT_FDCWD, dir+q.name)
		if err != nil {
			return err // of a thread of the kernel: there is none
		}
		if l.note(dir, q.name, q.how, target) {
			return nil
		}
	}
	fds, err := os.Open(dir + "/fd")
	if err != nil {
		return err
	}
	defer fds.Close()
	names, err := fds.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		target, err := l.readlink(int(fds.Fd()), name)
		if err == nil && l.note(dir, "/fd/"+name, "open", target) {
			return nil
		}
	}
	if l.maps, err = slurp(dir+"/maps", l.maps[:0]); err != nil {
		return err
	}
	for i, root := range l.roots {
		if l.found[i].How != "" {
			continue
		}
		if target, ok := mapped(root, l.maps); ok && l.same(dir, "/root"+strings.TrimSuffix(target, " (deleted)"), target) {
			l.found[i] = Use{How: "mapped", Path: target}
		}
	}
	return nil
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
