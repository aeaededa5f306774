package apt

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"upkeep/internal/packages"
)

// Resolve lets apt-get say what it would do.
func (m *Manager) Resolve(ctx context.Context, w packages.Want) ([]packages.Change, error) {
	args := []string{"--simulate", "install", "-y"}
	args = append(args, w.Files...)
	for _, name := range slices.Sorted(maps.Keys(w.Named)) {
		args = append(args, name+"="+w.Named[name])
	}
	var b bytes.Buffer
	err := m.c.Exec(ctx, packages.Command{Args: m.aptGet(args...), Env: env(), Stdout: &b})
	if err != nil {
		return nil, fmt.Errorf("apt-get cannot install this: %w%s", err, unmet(b.String()))
	}
	return parseSimulation(b.String()), nil
}

// unmet gives what apt-get says of dependencies that nothing meets.
func unmet(text string) string {
	_, why, found := strings.Cut(text, "unmet dependencies:")
	if !found {
		return ""
	}
	why, _, _ = strings.Cut(why, "\nE:")
	return "; " + oneLine(why)
}

// action is a line such as
//
//	Inst nginx [1.22.1-9] (1.22.1-9+deb12u1 Debian:12.8/stable [amd64]) []
//	Inst foo (1.0 local-deb [all])
//	Remv bar [2.0]
var action = regexp.MustCompile(`^(Inst|Remv) ([^\s:]+)(?::\S+)?(?: \[([^\]]+)\])?(?: \((\S+) [^\[]*\[([^\]]+)\]\))?`)

func parseSimulation(text string) []packages.Change {
	var out []packages.Change
	for line := range strings.SplitSeq(text, "\n") {
		f := action.FindStringSubmatch(line)
		if f == nil {
			continue
		}
		c := packages.Change{Name: f[2], From: f[3], To: f[4], Arch: f[5]}
		if f[1] == "Remv" {
			c.To, c.Arch = "", ""
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b packages.Change) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Download fetches with apt-get, which checks each file against the signed
// lists of its sources.
func (m *Manager) Download(ctx context.Context, dir string, changes []packages.Change) error {
	for _, c := range changes {
		if c.To == "" {
			continue
		}
		args := m.aptGet("-o", "APT::Sandbox::User=root", "download", c.Name+"="+c.To)
		if err := m.c.Exec(ctx, packages.Command{Args: args, Env: env(), Dir: dir}); err != nil {
			return failed("fetch "+c.Name+" "+c.To, err)
		}
	}
	return nil
}
