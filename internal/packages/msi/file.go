package msi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"upkeep/internal/packages"
)

// content is what a package, or an installed product, consists of.
type content struct {
	product
	family   string // shared by all versions of a product
	files    []string
	services []string
}

// content reads the answer of Package or Product.
func (m *Manager) content(ctx context.Context, call, of string) (content, error) {
	lines, err := m.ask(ctx, call, of)
	var c content
	for _, f := range lines {
		switch {
		case f[0] == "package" && len(f) == 6:
			c.code, c.Name, c.Version, c.Arch, c.family = f[1], f[2], f[3], f[4], f[5]
		case f[0] == "file" && len(f) == 2:
			c.files = append(c.files, f[1])
		case f[0] == "service" && len(f) == 2 && !strings.Contains(f[1], "["):
			c.services = append(c.services, f[1])
		case f[0] == "service" && len(f) == 2:
			err = errors.Join(err, fmt.Errorf("the name of the service %s is made up only when it is installed", f[1]))
		case f[0] == "unknown" && len(f) == 2:
			err = errors.Join(err, fmt.Errorf("Windows Installer does not tell where the file %s lies", f[1])) //nolint:staticcheck // a name
		default:
			err = errors.Join(err, fmt.Errorf("cannot read what Windows Installer says: %q", f))
		}
	}
	return c, err
}

// read is content of a package file.
func (m *Manager) read(ctx context.Context, path string) (content, error) {
	c, err := m.content(ctx, "Package", path)
	if err == nil && (c.code == "" || c.Name == "" || c.Version == "") {
		err = errors.New("it names no product and version")
	}
	if err != nil {
		err = fmt.Errorf("cannot read the package %s: %w", path, err)
	}
	return c, err
}

// Inspect reads an .msi. Windows Installer knows no configuration files: one
// that was edited after it was installed stays, whatever the policy.
func (m *Manager) Inspect(ctx context.Context, path string) (packages.File, error) {
	c, err := m.read(ctx, path)
	return packages.File{Path: path, Name: c.Name, Version: c.Version, Arch: c.Arch, Paths: c.files, Conffiles: map[string]string{}}, err
}

// Conffiles is empty, see Inspect.
func (m *Manager) Conffiles(context.Context, ...string) ([]packages.Conffile, error) { return nil, nil }

// Resolve compares the files with the installed products of their families. A
// product whose name changes with its version is one that goes and one that
// comes.
func (m *Manager) Resolve(ctx context.Context, w packages.Want) ([]packages.Change, error) {
	if len(w.Named) > 0 {
		return nil, fmt.Errorf("Windows has no sources of packages: %s must come as a file", strings.Join(slices.Sorted(maps.Keys(w.Named)), ", ")) //nolint:staticcheck // a name
	}
	list, _, err := m.products(ctx)
	if err != nil {
		return nil, err
	}
	var out []packages.Change
	for _, path := range w.Files {
		c, err := m.read(ctx, path)
		if err != nil {
			return nil, err
		}
		codes := []string{c.code}
		if c.family != "" {
			lines, err := m.ask(ctx, "Related", c.family)
			if err != nil {
				return nil, fmt.Errorf("cannot tell which products %s replaces: %w", path, err)
			}
			for _, f := range lines {
				codes = append(codes, f[len(f)-1])
			}
		}
		change := packages.Change{Name: c.Name, Arch: c.Arch, To: c.Version}
		for _, p := range list {
			switch {
			case !slices.Contains(codes, p.code):
			case p.Name == c.Name:
				change.From = p.Version
			default:
				out = append(out, packages.Change{Name: p.Name, From: p.Version})
			}
		}
		if change.From != change.To {
			out = append(out, change)
		}
	}
	slices.SortFunc(out, func(a, b packages.Change) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Download fails where there is something to fetch: there is nowhere to fetch
// it from.
func (m *Manager) Download(_ context.Context, _ string, changes []packages.Change) error {
	for _, c := range changes {
		if c.To != "" {
			return fmt.Errorf("Windows has no sources of packages: %s %s must come as a file", c.Name, c.To) //nolint:staticcheck // a name
		}
	}
	return nil
}

// contents are those of what is installed now and what comes.
func (m *Manager) contents(ctx context.Context, changes []packages.Change, files []packages.File) ([]content, error) {
	list, _, err := m.products(ctx)
	if err != nil {
		return nil, err
	}
	var out []content
	for _, ch := range changes {
		for _, p := range list {
			if ch.From == "" || p.Name != ch.Name {
				continue
			}
			c, err := m.content(ctx, "Product", p.code)
			if err != nil {
				return nil, fmt.Errorf("cannot list the files of %s: %w", ch.Name, err)
			}
			out = append(out, c)
		}
	}
	for _, f := range files {
		c, err := m.read(ctx, f.Path)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Footprint lists the files, below the drive C:. What Windows Installer writes
// into the registry, and the copies of packages that it keeps, are no part of
// it: nothing else may put those back.
func (m *Manager) Footprint(ctx context.Context, changes []packages.Change, files []packages.File) ([]string, error) {
	all, err := m.contents(ctx, changes, files)
	out := map[string]bool{}
	for _, c := range all {
		for _, f := range c.files {
			drive, rest, ok := strings.Cut(f, `:\`)
			if !ok || !strings.EqualFold(drive, "C") {
				return nil, fmt.Errorf("%s lies on another drive than C:", f)
			}
			out[strings.ReplaceAll(rest, `\`, "/")] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), err
}

// Units names the services of Windows that the packages install.
func (m *Manager) Units(ctx context.Context, changes []packages.Change, files []packages.File) ([]string, error) {
	all, err := m.contents(ctx, changes, files)
	out := map[string]bool{}
	for _, c := range all {
		for _, s := range c.services {
			out[s] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), err
}
