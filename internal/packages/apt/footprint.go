package apt

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/packages"
)

// records are what the package manager and the helpers of packages' scripts
// keep: dpkg's own database, configuration with the links that enable units
// and the accounts, what deb-systemd-helper, ucf, debconf, pam-auth-update and
// ldconfig remember.
func records() []string {
	return []string{"etc/", "var/lib/dpkg/", "var/lib/apt/extended_states", "var/lib/ucf/", "var/lib/pam/", "var/cache/debconf/", "var/cache/ldconfig/",
		"var/lib/systemd/deb-systemd-helper-enabled/", "var/lib/systemd/deb-systemd-helper-masked/",
		"var/lib/systemd/deb-systemd-user-helper-enabled/", "var/lib/systemd/deb-systemd-user-helper-masked/"}
}

// Footprint lists what the changes can touch. A directory that no other
// package has belongs to the changed ones with all that is in it, also what
// their scripts have made there.
func (m *Manager) Footprint(ctx context.Context, changes []packages.Change, debs []packages.File) ([]string, error) {
	own, others, err := m.lists(changes)
	if err != nil {
		return nil, err
	}
	for _, d := range debs {
		for _, p := range d.Paths {
			own[p] = true
		}
	}
	if err := m.diverted(ctx, own); err != nil {
		return nil, err
	}
	r := resolver{m: m, seen: map[string]string{}}
	shared := map[string]bool{}
	for p := range others {
		at, err := r.place(p)
		if err != nil {
			return nil, err
		}
		for ; at != "." && at != "" && !shared[at]; at = path.Dir(at) { // and whatever holds something of others
			shared[at] = true
		}
	}
	dirs := map[string]bool{} // of own paths, those that hold others of them
	for p := range own {
		dirs[path.Dir(p)] = true
	}
	out := map[string]bool{}
	for _, rec := range records() {
		out[rec] = true
	}
	for p := range own {
		at, err := r.place(p)
		if err != nil {
			return nil, err
		}
		if at == "" {
			continue
		}
		isDir := dirs[p]
		if !isDir {
			i, err := m.c.FS.Lstat(m.path(at))
			isDir = err == nil && i.IsDir()
		}
		switch {
		case !isDir:
			out[at] = true
		case !shared[at] && exclusive(at):
			out[at+"/"] = true
		}
	}
	maps.DeleteFunc(out, func(p string, _ bool) bool { return whole(path.Dir(strings.TrimSuffix(p, "/")), out) })
	return slices.Sorted(maps.Keys(out)), nil
}

// whole says whether a path lies in a tree that is listed.
func whole(p string, list map[string]bool) bool {
	for d := p; d != "." && d != "/"; d = path.Dir(d) {
		if list[d+"/"] {
			return true
		}
	}
	return false
}

// exclusive says whether all below a directory may be taken for a package's:
// not of directories at which people and other programs keep things, not logs,
// and not the data of database servers, which are restored as databases.
func exclusive(dir string) bool {
	for _, never := range []string{"boot", "dev", "home", "media", "mnt", "proc", "root", "run", "sys", "tmp", "usr/local", "usr/src", "var/backups",
		"var/cache", "var/lib/mysql", "var/lib/postgresql", "var/local", "var/log", "var/mail", "var/spool", "var/tmp"} {
		if dir == never || strings.HasPrefix(dir, never+"/") {
			return false
		}
	}
	least := 3 // usr/share/x
	if strings.HasPrefix(dir, "opt/") || strings.HasPrefix(dir, "srv/") {
		least = 2
	}
	return strings.Count(dir, "/")+1 >= least
}

// lists reads what dpkg has noted of the paths of packages: those of the
// changed ones, and those of all others.
func (m *Manager) lists(changes []packages.Change) (own, others map[string]bool, err error) {
	own, others = map[string]bool{}, map[string]bool{}
	dir := m.path("var/lib/dpkg/info")
	names, err := m.c.FS.ReadDir(dir)
	if err != nil {
		return nil, nil, failed("read the lists of dpkg", err)
	}
	for _, e := range names {
		name, ok := strings.CutSuffix(e.Name, ".list")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, ":")
		into := others
		if slices.ContainsFunc(changes, func(c packages.Change) bool { return c.Name == name }) {
			into = own
		}
		text, err := m.c.FS.ReadFile(filepath.Join(dir, e.Name))
		if err != nil {
			return nil, nil, err
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if p := path.Clean(line); strings.HasPrefix(p, "/") && p != "/" {
				into[p] = true
			}
		}
	}
	return own, others, nil
}

// diverted adds where a file of the packages really lies when another package
// or the site has put its own in that place (dpkg-divert).
func (m *Manager) diverted(_ context.Context, own map[string]bool) error {
	text, err := m.c.FS.ReadFile(m.path("var/lib/dpkg/diversions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n") // from, to, package: three lines each
	for i := 0; i+2 < len(lines); i += 3 {
		if own[lines[i]] {
			own[lines[i+1]] = true
		}
	}
	return nil
}

// resolver finds where the directories above a path really are: dpkg's lists
// may say /lib where that is a link to usr/lib.
type resolver struct {
	m    *Manager
	seen map[string]string
}

// place is the path relative to the root, no link above it; empty when it lies
// outside.
func (r *resolver) place(p string) (string, error) {
	dir, err := r.dir(path.Dir(p))
	if err != nil || dir == "" {
		return "", err
	}
	return strings.TrimPrefix(path.Join(dir, path.Base(p)), "/"), nil
}

func (r *resolver) dir(d string) (string, error) {
	if d == "/" || d == "." {
		return "/", nil
	}
	if at, ok := r.seen[d]; ok {
		return at, nil
	}
	up, err := r.dir(path.Dir(d))
	if err != nil || up == "" {
		return "", err
	}
	at := path.Join(up, path.Base(d))
	i, err := r.m.c.FS.Lstat(r.m.path(at))
	if err == nil && i.IsLink() {
		target, err := r.m.c.FS.Readlink(r.m.path(at))
		if err != nil {
			return "", err
		}
		if !path.IsAbs(target) {
			target = path.Join(up, target)
		}
		if target = path.Clean(target); target == d || len(r.seen) > 1<<20 {
			return "", nil
		}
		r.seen[d] = "" // a circle ends here
		if at, err = r.dir(target); err != nil {
			return "", err
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	r.seen[d] = at
	return at, nil
}

// unitDirs are where packages put the units of systemd.
func unitDirs() []string {
	return []string{"/lib/systemd/system", "/usr/lib/systemd/system"}
}

// Units names the units that could be started, of the changed packages and of
// the files.
func (m *Manager) Units(_ context.Context, changes []packages.Change, debs []packages.File) ([]string, error) {
	own, _, err := m.lists(changes)
	if err != nil {
		return nil, err
	}
	for _, d := range debs {
		for _, p := range d.Paths {
			own[p] = true
		}
	}
	out := map[string]bool{}
	for p := range own {
		name := path.Base(p)
		if slices.Contains(unitDirs(), path.Dir(p)) && slices.Contains([]string{".service", ".socket", ".timer", ".path"}, path.Ext(name)) && !strings.Contains(name, "@.") {
			out[name] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), nil
}
