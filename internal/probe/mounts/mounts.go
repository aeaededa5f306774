// Package mounts reads the list of mounts that Linux keeps for a process
// (/proc/PID/mountinfo, proc(5)), and tells on which of them a path lies. It
// is pure: it is handed the text.
package mounts

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mount is one line of the list.
type Mount struct {
	ID, Parent int
	Device     string   // MAJOR:MINOR, as in stat(2)
	Root       string   // what of the volume is mounted: "/", or a folder of it
	At         string   // where
	Options    []string // of the mount, then of the volume; each once
	Type       string   // ext4, nfs4, fuse.sshfs …
	Source     string   // /dev/sda1, server:/export …
}

// Parse reads a list. A line that is none is passed over: the kernel may add
// fields, and has never taken one away.
//
//	36 35 98:0 /sub /srv rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue
func Parse(text string) []Mount {
	var all []Mount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, g := strings.Split(left, " "), strings.Split(right, " ")
		if !ok || len(f) < 6 || len(g) < 2 {
			continue
		}
		id, err := strconv.Atoi(f[0])
		parent, err2 := strconv.Atoi(f[1])
		if err != nil || err2 != nil || !strings.HasPrefix(f[4], "/") {
			continue
		}
		m := Mount{ID: id, Parent: parent, Device: f[2], Root: plain(f[3]), At: filepath.Clean(plain(f[4])), Type: g[0], Source: plain(g[1])}
		options := strings.Split(f[5], ",")
		if len(g) > 2 {
			options = append(options, strings.Split(g[2], ",")...)
		}
		for _, o := range options {
			if o = plain(o); o != "" && !slices.Contains(m.Options, o) {
				m.Options = append(m.Options, o)
			}
		}
		all = append(all, m)
	}
	return all
}

// plain undoes the kernel's writing of blanks, tabs, newlines and backslashes,
// as in \040.
func plain(s string) string {
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

// Of tells on which mount a whole path without links lies. It walks the path
// as the kernel does: what is mounted over a folder hides all that was mounted
// below it before.
func Of(all []Mount, path string) (Mount, bool) {
	path = filepath.Clean(path)
	now, found := root(all)
	if !found {
		return longest(all, path)
	}
	for range all { // each mount is entered once at most
		next, ok := Mount{}, false
		for _, m := range all {
			if m.Parent == now.ID && m.ID != now.ID && covers(m.At, path) && covers(now.At, m.At) && (!ok || len(m.At) < len(next.At)) {
				next, ok = m, true
			}
		}
		if !ok {
			break
		}
		now = next
	}
	return now, true
}

// root is the mount that the others hang on.
func root(all []Mount) (Mount, bool) {
	for _, m := range all {
		if m.At == "/" && (m.Parent == m.ID || !slices.ContainsFunc(all, func(o Mount) bool { return o.ID == m.Parent })) {
			return m, true
		}
	}
	return Mount{}, false
}

// longest serves where the list has no root, as in some containers.
func longest(all []Mount, path string) (Mount, bool) {
	best, found := Mount{}, false
	for _, m := range all {
		if covers(m.At, path) && len(m.At) >= len(best.At) {
			best, found = m, true
		}
	}
	return best, found
}

func covers(at, path string) bool {
	return at == "/" || path == at || strings.HasPrefix(path, at+"/")
}

// Network tells by its type whether the content of a mount is kept by another
// computer: by a server, or by the host of this virtual machine. A disk that a
// network brings (iSCSI, NBD) looks like any other disk.
func (m Mount) Network() bool {
	switch m.Type {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre", "orangefs", "pvfs2", "beegfs", "glusterfs", "davfs",
		"9p", "virtiofs", "vboxsf", "prl_fs":
		return true
	}
	kind, ok := strings.CutPrefix(m.Type, "fuse.")
	return ok && slices.Contains([]string{"sshfs", "glusterfs", "ceph", "ceph-fuse", "s3fs", "gcsfuse", "goofys", "rclone", "davfs", "davfs2", "smbnetfs", "curlftpfs",
		"vmhgfs-fuse", "mfsclient", "juicefs", "seaweedfs"}, kind)
}
