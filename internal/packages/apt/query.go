package apt

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // dpkg's own sums
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"upkeep/internal/packages"
)

// format is what dpkg-query writes of a package.
const format = "${Package}\t${Version}\t${Architecture}\t${db:Status-Want}\t${db:Status-Eflag}\t${db:Status-Status}\n"

// Installed reads dpkg's records. Packages of which only configuration files
// are left are not installed.
func (m *Manager) Installed(ctx context.Context, names ...string) ([]packages.Package, error) {
	text, err := m.output(ctx, m.dpkg("dpkg-query", "-W", "-f="+format)...)
	if err != nil {
		return nil, failed("list the installed packages", err)
	}
	list, err := parseInstalled(text)
	if err != nil || len(names) == 0 {
		return list, err
	}
	return slices.DeleteFunc(list, func(p packages.Package) bool { return !slices.Contains(names, p.Name) }), nil
}

func parseInstalled(text string) ([]packages.Package, error) {
	var out []packages.Package
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			return nil, fmt.Errorf("cannot read what dpkg-query says: %q", line)
		}
		p := packages.Package{Name: f[0], Version: f[1], Arch: f[2], State: f[5], Held: f[3] == "hold"}
		if p.State == "not-installed" || p.State == "config-files" {
			continue
		}
		if p.Whole = p.State == "installed" && f[4] == "ok"; f[4] != "ok" {
			p.State += ", " + f[4]
		}
		out = append(out, p)
	}
	return out, nil
}

// Automatic asks apt-mark.
func (m *Manager) Automatic(ctx context.Context, names ...string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	text, err := m.output(ctx, m.apt("apt-mark", append([]string{"showauto"}, names...)...)...)
	if err != nil {
		return nil, failed("tell which packages are there for others", err)
	}
	var out []string
	for _, n := range strings.Fields(text) {
		n, _, _ = strings.Cut(n, ":")
		out = append(out, n)
	}
	return out, nil
}

// Broken names what dpkg --audit would.
func (m *Manager) Broken(ctx context.Context) ([]string, error) {
	list, err := m.Installed(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list {
		if !p.Whole {
			out = append(out, fmt.Sprintf("%s %s is %s", p.Name, p.Version, p.State))
		}
	}
	return out, nil
}

// Conffiles compares the configuration files with the sums that dpkg keeps of
// what it has put there.
func (m *Manager) Conffiles(ctx context.Context, names ...string) ([]packages.Conffile, error) {
	if len(names) == 0 {
		return nil, nil
	}
	text, err := m.output(ctx, m.dpkg("dpkg-query", append([]string{"-W", "-f=|${Package}\n${Conffiles}\n"}, names...)...)...)
	if err != nil {
		return nil, failed("list the configuration files of "+strings.Join(names, ", "), err)
	}
	list := parseConffiles(text)
	for i := range list {
		if list[i].Now, err = m.sum(list[i].Path); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parseConffiles reads lines of a path, a sum, and perhaps "obsolete"; a path
// may hold spaces.
func parseConffiles(text string) []packages.Conffile {
	var out []packages.Conffile
	name := ""
	for line := range strings.SplitSeq(text, "\n") {
		if n, ok := strings.CutPrefix(line, "|"); ok {
			name = n
			continue
		}
		f := strings.Fields(line)
		if len(f) > 2 && f[len(f)-1] == "remove-on-upgrade" {
			f = f[:len(f)-1]
		}
		if len(f) > 2 && f[len(f)-1] == "obsolete" {
			f = f[:len(f)-1]
		}
		if len(f) < 2 || f[len(f)-1] == "newconffile" {
			continue
		}
		sum := f[len(f)-1]
		path, _, _ := strings.Cut(strings.TrimSpace(line), " "+sum)
		out = append(out, packages.Conffile{Package: name, Path: path, Shipped: sum})
	}
	return out
}

// sum is the MD5 of a file; empty when it is not there. Links are followed, as
// dpkg does.
func (m *Manager) sum(path string) (string, error) {
	f, err := m.c.FS.Open(m.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer f.Close()
	return md5Of(f)
}

func md5Of(r io.Reader) (string, error) {
	h := md5.New() //nolint:gosec // as above
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Inspect reads a .deb: its control file, its configuration files, and what it
// brings.
func (m *Manager) Inspect(ctx context.Context, path string) (packages.File, error) {
	f := packages.File{Path: path, Conffiles: map[string]string{}}
	var conffiles []string
	err := m.tar(ctx, path, "--ctrl-tarfile", func(name string, _ *tar.Header, r io.Reader) error {
		switch name {
		case "/control":
			return readControl(r, &f)
		case "/conffiles":
			lines := bufio.NewScanner(r)
			for lines.Scan() {
				if p := strings.Fields(lines.Text()); len(p) == 1 {
					conffiles = append(conffiles, p[0])
				}
			}
			return lines.Err()
		}
		return nil
	})
	if err == nil && (f.Name == "" || f.Version == "") {
		err = errors.New("its control file names no package and version")
	}
	if err == nil {
		err = m.tar(ctx, path, "--fsys-tarfile", func(name string, _ *tar.Header, r io.Reader) (err error) {
			if name == "/" || name == "/." {
				return nil
			}
			f.Paths = append(f.Paths, name)
			if slices.Contains(conffiles, name) {
				f.Conffiles[name], err = md5Of(r)
			}
			return err
		})
	}
	if err != nil {
		return f, failed("read the package "+path, err)
	}
	return f, nil
}

// tar streams one of the archives in a .deb.
func (m *Manager) tar(ctx context.Context, path, which string, each func(name string, h *tar.Header, r io.Reader) error) error {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := m.c.Exec(ctx, packages.Command{Args: []string{"dpkg-deb", which, path}, Env: env(), Stdout: pw})
		_ = pw.CloseWithError(err) // a nil error is the end of the file
		done <- err
	}()
	tr := tar.NewReader(pr)
	var err error
	for {
		var h *tar.Header
		if h, err = tr.Next(); err != nil {
			break
		}
		name := "/" + strings.Trim(strings.TrimPrefix(h.Name, "."), "/")
		if err = each(name, h, tr); err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		_, err = io.Copy(io.Discard, pr) // its padding
	}
	_ = pr.CloseWithError(err)
	if ended := <-done; ended != nil {
		return ended
	}
	return err
}

// readControl takes the fields that are needed.
func readControl(r io.Reader, f *packages.File) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			continue
		}
		switch value = strings.TrimSpace(value); key {
		case "Package":
			f.Name = value
		case "Version":
			f.Version = value
		case "Architecture":
			f.Arch = value
		}
	}
	return lines.Err()
}
