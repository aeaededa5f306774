package dnf

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"upkeep/internal/packages"
)

// Conffiles asks rpm to verify the configuration files.
func (m *Manager) Conffiles(ctx context.Context, names ...string) ([]packages.Conffile, error) {
	var out []packages.Conffile
	for _, name := range names {
		list, err := m.output(ctx, "rpm", "-qc", name)
		if err != nil {
			return nil, fmt.Errorf("cannot list the configuration files of %s: %w", name, err)
		}
		changed, _ := m.output(ctx, "rpm", "-V", "--configfiles", name) // it fails when something differs
		for line := range strings.Lines(list) {
			p := strings.TrimSpace(line)
			if !strings.HasPrefix(p, "/") {
				continue
			}
			c := packages.Conffile{Package: name, Path: p, Shipped: "shipped", Now: "shipped"}
			for v := range strings.Lines(changed) {
				switch v = strings.TrimSpace(v); {
				case !strings.HasSuffix(v, " "+p):
				case strings.HasPrefix(v, "missing"):
					c.Now = ""
				case len(v) > 2 && v[2] == '5':
					c.Now = "edited"
				}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// records are what rpm, dnf and scripts of packages keep.
func records() []string {
	return []string{"etc/", "var/lib/rpm/", "usr/lib/sysimage/rpm/", "var/lib/dnf/", "var/lib/alternatives/"}
}

// Footprint lists what the changes can touch.
func (m *Manager) Footprint(ctx context.Context, changes []packages.Change, files []packages.File) ([]string, error) {
	own, err := m.paths(ctx, changes, files)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, r := range records() {
		out[r] = true
	}
	for p := range own {
		i, err := m.c.FS.Lstat(p)
		if err == nil && i.IsDir() {
			continue // directories are other packages' too
		}
		out[strings.TrimPrefix(p, "/")] = true
	}
	return slices.Sorted(maps.Keys(out)), nil
}

// paths are those that the packages have, and that the files bring.
func (m *Manager) paths(ctx context.Context, changes []packages.Change, files []packages.File) (map[string]bool, error) {
	own := map[string]bool{}
	for _, c := range changes {
		if c.From == "" {
			continue
		}
		list, err := m.output(ctx, "rpm", "-ql", c.Name)
		if err != nil {
			return nil, fmt.Errorf("cannot list the files of %s: %w", c.Name, err)
		}
		for line := range strings.Lines(list) {
			if p := strings.TrimSpace(line); strings.HasPrefix(p, "/") {
				own[path.Clean(p)] = true
			}
		}
	}
	for _, f := range files {
		for _, p := range f.Paths {
			own[p] = true
		}
	}
	return own, nil
}

// Units names the units of the packages.
func (m *Manager) Units(ctx context.Context, changes []packages.Change, files []packages.File) ([]string, error) {
	own, err := m.paths(ctx, changes, files)
	out := map[string]bool{}
	for p := range own {
		name := path.Base(p)
		if path.Dir(p) == "/usr/lib/systemd/system" && slices.Contains([]string{".service", ".socket", ".timer", ".path"}, path.Ext(name)) && !strings.Contains(name, "@.") {
			out[name] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), err
}

// Holder is not told by rpm; dnf itself waits for its lock.
func (m *Manager) Holder(context.Context) (*packages.Holder, error) { return nil, nil }
