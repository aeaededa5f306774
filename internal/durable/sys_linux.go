package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	openNoFollow = unix.O_NOFOLLOW
	openNonblock = unix.O_NONBLOCK
)

func lstat(path string) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Lstat(path, &st) }); err != nil {
		return Info{}, err
	}
	return info(path, &st), nil
}

func stat(path string) (Info, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(path, &st) }); err != nil {
		return Info{}, err
	}
	return info(path, &st), nil
}

func fstat(f *os.File) (Info, error) {
	var st unix.Stat_t
	c, err := f.SyscallConn()
	if err != nil {
		return Info{}, err
	}
	var serr error
	if err := c.Control(func(fd uintptr) { serr = unix.Fstat(int(fd), &st) }); err != nil {
		return Info{}, err
	}
	return info(f.Name(), &st), serr
}

func info(path string, st *unix.Stat_t) Info {
	return Info{
		Name: filepath.Base(path), Mode: fromUnixMode(st.Mode), Size: st.Size,
		MTime: time.Unix(st.Mtim.Unix()), CTime: time.Unix(st.Ctim.Unix()),
		UID: st.Uid, GID: st.Gid, Dev: uint64(st.Dev), Ino: st.Ino, Nlink: uint64(st.Nlink), Rdev: uint64(st.Rdev), Alloc: st.Blocks * 512,
	}
}

func fromUnixMode(m uint32) fs.FileMode {
	out := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		out |= fs.ModeDir
	case unix.S_IFLNK:
		out |= fs.ModeSymlink
	case unix.S_IFIFO:
		out |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		out |= fs.ModeSocket
	case unix.S_IFBLK:
		out |= fs.ModeDevice
	case unix.S_IFCHR:
		out |= fs.ModeDevice | fs.ModeCharDevice
	}
	if m&unix.S_ISUID != 0 {
		out |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		out |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		out |= fs.ModeSticky
	}
	return out
}

func unixPerm(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		out |= unix.S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		out |= unix.S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		out |= unix.S_ISVTX
	}
	return out
}

// retry repeats a call that a signal interrupted; network file systems do that.
func retry(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}

func renameNoReplace(a, b string) error {
	err := retry(func() error { return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_NOREPLACE) })
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// EINVAL: the file system has no such flag (or b lies inside a, which the plain rename reports again).
	if _, err := os.Lstat(b); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(a, b)
}

func exchange(a, b string) error {
	err := retry(func() error { return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE) })
	switch err {
	case unix.EINVAL:
		if a, b := filepath.Clean(a)+"/", filepath.Clean(b)+"/"; strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
			return refused{"one lies inside the other"}
		}
		return fmt.Errorf("%w: %w", ErrExchangeUnsupported, err)
	case unix.ENOSYS, unix.EXDEV, unix.ENOTSUP:
		return fmt.Errorf("%w: %w", ErrExchangeUnsupported, err)
	}
	return err
}

func mknod(path string, mode fs.FileMode, rdev uint64) error {
	var kind uint32
	switch {
	case mode&fs.ModeNamedPipe != 0:
		kind, rdev = unix.S_IFIFO, 0
	case mode&fs.ModeSocket != 0:
		kind, rdev = unix.S_IFSOCK, 0
	case mode&fs.ModeCharDevice != 0:
		kind = unix.S_IFCHR
	case mode&fs.ModeDevice != 0:
		kind = unix.S_IFBLK
	default:
		return refused{"not a FIFO, socket or device"}
	}
	if err := retry(func() error { return unix.Mknod(path, kind|0o600, int(rdev)) }); err != nil {
		return err
	}
	return chmod(path, mode)
}

// chmod changes the mode through a descriptor of the file itself: chmod(2) would follow a link, and fchmodat2 is missing before Linux 6.6.
func chmod(path string, mode fs.FileMode) error {
	err := retry(func() error { return unix.Fchmodat(unix.AT_FDCWD, path, unixPerm(mode), unix.AT_SYMLINK_NOFOLLOW) })
	if err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return err
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return refused{"a symbolic link has no mode"}
	}
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), unixPerm(mode))
}

func chtimes(path string, mtime time.Time) error {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime.UnixNano())}
	return retry(func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW) })
}

func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
}

func syncOpened(dir *os.File) error { return dir.Sync() }

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// syncInode syncs a file whose metadata changed. Links, nodes and files that may not be read have no descriptor to sync: their
// volume is synced through the parent.
func syncInode(path string) error {
	err := syncFile(path)
	if err == nil || errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return err
	}
	return syncTree(filepath.Dir(path))
}

func syncTree(path string) error {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return retry(func() error { return unix.Syncfs(int(d.Fd())) })
}

func volume(path string) (VolumeInfo, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(path, &st) }); err != nil {
		return VolumeInfo{}, err
	}
	var v unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(path, &v) }); err != nil {
		return VolumeInfo{}, err
	}
	block := int64(v.Frsize)
	if block == 0 {
		block = int64(v.Bsize)
	}
	out := VolumeInfo{
		ID:   fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))),
		Free: int64(v.Bavail) * block, Total: int64(v.Blocks) * block, FreeInodes: int64(v.Ffree),
	}
	if v.Files == 0 { // btrfs and others make inodes as they need them
		out.FreeInodes = -1
	}
	return out, nil
}

// mountPoints reads the kernel's list, proc(5): the fifth field is the mount point, with octal escapes.
func mountPoints() ([]string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 4 {
			out = append(out, unescapeOctal(f[4]))
		}
	}
	sort.Strings(out)
	return out, nil
}

func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
