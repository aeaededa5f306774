// Package apt is Debian's package manager: apt-get for what depends on what
// and for fetching, dpkg for what is installed.
//
// It may import internal/packages, internal/durable and the standard library.
package apt

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"upkeep/internal/durable"
	"upkeep/internal/packages"
)

// Config says which machine.
type Config struct {
	Exec packages.Exec
	FS   durable.Reader
	// Root is where the machine's files lie; empty: /. Another one is for tests:
	// scripts of packages then run outside of it, with DPKG_ROOT set.
	Root string
}

// Manager implements packages.Manager.
type Manager struct{ c Config }

var _ packages.Manager = (*Manager)(nil)

// New makes the value; nothing is touched.
func New(c Config) *Manager {
	if c.Root == "" {
		c.Root = "/"
	}
	return &Manager{c}
}

// Kind is "apt".
func (m *Manager) Kind() string { return "apt" }

func (m *Manager) path(p string) string { return filepath.Join(m.c.Root, p) }

func (m *Manager) elsewhere() bool { return m.c.Root != "/" }

// env is all that the tools and the scripts of packages see: one language, no
// questions, and none of the helpers that restart services or show news.
func env(more ...string) []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=dumb",
		"DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true", "DEBIAN_PRIORITY=critical",
		"APT_LISTCHANGES_FRONTEND=none", "APT_LISTBUGS_FRONTEND=none", "NEEDRESTART_SUSPEND=1", "NEEDRESTART_MODE=l",
	}, more...)
}

// output runs a command that only reads, and gives what it wrote.
func (m *Manager) output(ctx context.Context, args ...string) (string, error) {
	var b bytes.Buffer
	err := m.c.Exec(ctx, packages.Command{Args: args, Env: env(), Stdout: &b})
	return b.String(), err
}

// dpkg makes a call of one of dpkg's programs.
func (m *Manager) dpkg(program string, args ...string) []string {
	call := []string{program}
	if m.elsewhere() {
		call = append(call, "--root="+m.c.Root)
	}
	return append(call, args...)
}

// aptGet makes a call of apt-get. What could ask or paint is off.
func (m *Manager) aptGet(args ...string) []string {
	return m.apt("apt-get", append([]string{"-q", "-o", "DPkg::Use-Pty=0", "-o", "APT::Color=0", "-o", "Dpkg::Progress-Fancy=0"}, args...)...)
}

// apt makes a call of one of apt's programs.
func (m *Manager) apt(program string, args ...string) []string {
	call := []string{program}
	if m.elsewhere() {
		for _, o := range []string{"Dir::State=var/lib/apt", "Dir::State::status=var/lib/dpkg/status", "Dir::Cache=var/cache/apt", "Dir::Etc=etc/apt", "Dir::Log=var/log/apt"} {
			key, dir, _ := strings.Cut(o, "=")
			call = append(call, "-o", key+"="+m.path(dir))
		}
		call = append(call, "-o", "APT::Sandbox::User=root", "-o", "DPkg::Options::=--root="+m.c.Root, "-o", "DPkg::Options::=--force-not-root", "-o", "DPkg::Options::=--force-script-chrootless")
	}
	return append(call, args...)
}

// oneLine makes an apt error of many lines into one.
func oneLine(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}

func failed(what string, err error) error { return fmt.Errorf("cannot %s: %w", what, err) }
