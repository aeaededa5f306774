// Package dnf is the package manager of Fedora, Red Hat and their kin: dnf for
// what depends on what and for fetching, rpm for what is installed.
//
// It was never run against a real one: its commands are tested with programs
// that stand in for them.
//
// It may import internal/packages, internal/durable and the standard library.
package dnf

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/packages"
)

// Config says which machine.
type Config struct {
	Exec packages.Exec
	FS   durable.Reader
}

// Manager implements packages.Manager.
type Manager struct{ c Config }

var _ packages.Manager = (*Manager)(nil)

// New makes the value; nothing is touched.
func New(c Config) *Manager { return &Manager{c} }

// Kind is "dnf".
func (m *Manager) Kind() string { return "dnf" }

func env() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=dumb"}
}

// output runs a command that only reads.
func (m *Manager) output(ctx context.Context, args ...string) (string, error) {
	var b bytes.Buffer
	err := m.c.Exec(ctx, packages.Command{Args: args, Env: env(), Stdout: &b})
	return b.String(), err
}

// change runs one that changes something.
func (m *Manager) change(ctx context.Context, args ...string) error {
	return m.c.Exec(ctx, packages.Command{Args: args, Env: env()})
}

// Installed asks rpm. Version is epoch, version and release, as rpm writes it.
func (m *Manager) Installed(ctx context.Context, names ...string) ([]packages.Package, error) {
	text, err := m.output(ctx, "rpm", "-qa", "--qf", `%{NAME}\t%{EVR}\t%{ARCH}\n`)
	if err != nil {
		return nil, fmt.Errorf("cannot list the installed packages: %w", err)
	}
	var out []packages.Package
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("cannot read what rpm says: %q", line)
		}
		if len(names) == 0 || slices.Contains(names, f[0]) {
			out = append(out, packages.Package{Name: f[0], Version: f[1], Arch: f[2], Whole: true, State: "installed"})
		}
	}
	return out, nil
}

// Automatic gives those that dnf does not list as wanted by somebody.
func (m *Manager) Automatic(ctx context.Context, names ...string) ([]string, error) {
	text, err := m.output(ctx, "dnf", "-q", "repoquery", "--userinstalled", "--qf", `%{name}\n`)
	if err != nil {
		return nil, fmt.Errorf("cannot tell which packages are there for others: %w", err)
	}
	wanted := strings.Fields(text)
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(wanted, n) }), nil
}

// dumped is a line of rpm --dump: path size mtime digest mode owner group
// isconfig isdoc rdev symlink.
var dumped = regexp.MustCompile(`^(/.*) \d+ \d+ ([0-9a-f]+) \d+ \S+ \S+ ([01]) [01] \S+ .+$`)

// Inspect reads an .rpm. The sums of configuration files are those that rpm
// keeps, SHA-256 as a rule.
func (m *Manager) Inspect(ctx context.Context, file string) (packages.File, error) {
	f := packages.File{Path: file, Conffiles: map[string]string{}}
	text, err := m.output(ctx, "rpm", "-qp", "--qf", `%{NAME}\t%{EVR}\t%{ARCH}\n`, file)
	head := strings.Split(strings.TrimSpace(text), "\t")
	if err != nil || len(head) != 3 {
		return f, fmt.Errorf("cannot read the package %s: %q, %w", file, text, err)
	}
	f.Name, f.Version, f.Arch = head[0], head[1], head[2]
	if text, err = m.output(ctx, "rpm", "-qp", "--dump", file); err != nil {
		return f, fmt.Errorf("cannot read the package %s: %w", file, err)
	}
	for line := range strings.Lines(text) {
		d := dumped.FindStringSubmatch(strings.TrimSpace(line))
		if d == nil {
			continue
		}
		f.Paths = append(f.Paths, path.Clean(d[1]))
		if d[3] == "1" {
			f.Conffiles[d[1]] = d[2]
		}
	}
	return f, nil
}

// Resolve lets dnf say what it would do.
func (m *Manager) Resolve(ctx context.Context, w packages.Want) ([]packages.Change, error) {
	args := append([]string{"dnf", "-q", "install", "--assumeno"}, w.Files...)
	for _, name := range slices.Sorted(maps.Keys(w.Named)) {
		args = append(args, name+"-"+w.Named[name])
	}
	text, err := m.output(ctx, args...) // it fails in any case, since the answer is no
	if err != nil && !strings.Contains(text, "Transaction Summary") && strings.TrimSpace(text) != "" {
		return nil, fmt.Errorf("dnf cannot install this: %w; %s", err, strings.Join(strings.Fields(text), " "))
	}
	changes := parseTransaction(text)
	if len(changes) == 0 && err != nil {
		return nil, fmt.Errorf("dnf cannot install this: %w", err)
	}
	now, err := m.Installed(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range changes {
		if at := slices.IndexFunc(now, func(p packages.Package) bool { return p.Name == c.Name }); at >= 0 {
			changes[i].From = now[at].Version
		}
	}
	return changes, nil
}

// parseTransaction reads dnf's table: headings, and below them rows of name,
// architecture, version, repository and size. What does not fit its column
// makes dnf go on in the next line, further to the right.
func parseTransaction(text string) []packages.Change {
	var out []packages.Change
	var row []string
	heading := ""
	flush := func() {
		switch {
		case len(row) < 5 || strings.HasPrefix(heading, "Skipping"): // it says what it leaves out
		case strings.HasPrefix(heading, "Removing"):
			out = append(out, packages.Change{Name: row[0], From: row[2]})
		default:
			out = append(out, packages.Change{Name: row[0], Arch: row[1], To: row[2]})
		}
		row = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch f := strings.Fields(line); {
		case strings.HasPrefix(line, "Transaction Summary"):
			flush()
			heading = ""
		case strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " "):
			flush()
			heading = line
		case heading == "" || len(f) == 0 || f[0] == "replacing":
		case strings.HasPrefix(line, "  "):
			row = append(row, f...)
		case strings.HasPrefix(line, " "):
			flush()
			row = f
		}
	}
	slices.SortFunc(out, func(a, b packages.Change) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Download fetches with dnf, which checks signatures as its sources say.
func (m *Manager) Download(ctx context.Context, dir string, changes []packages.Change) error {
	args := []string{"dnf", "-y", "download", "--destdir", dir}
	for _, c := range changes {
		if c.To != "" {
			args = append(args, c.Name+"-"+c.To)
		}
	}
	return m.change(ctx, args...)
}

// Install installs the files and nothing else. What becomes of configuration
// files the packages themselves say (%config, noreplace): rpm has no choice.
func (m *Manager) Install(ctx context.Context, files []string, o packages.Options) error {
	wait := strconv.FormatBool(o.Wait <= 0)
	args := append([]string{"dnf", "-y", "install", "--disablerepo=*", "--setopt=exit_on_lock=" + wait}, files...)
	if err := m.change(ctx, args...); err != nil {
		return fmt.Errorf("dnf: %w", err)
	}
	if len(o.Automatic) == 0 {
		return nil
	}
	return m.change(ctx, append([]string{"dnf", "-y", "mark", "remove"}, o.Automatic...)...)
}

// Broken is what dnf finds wrong.
func (m *Manager) Broken(ctx context.Context) ([]string, error) {
	text, err := m.output(ctx, "dnf", "-q", "check")
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Error:") {
			out = append(out, line)
		}
	}
	if len(out) > 0 {
		return out, nil // it fails when it has found something
	}
	return nil, err
}
