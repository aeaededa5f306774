package manage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/packages"
	"upkeep/internal/packages/apt"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
)

// packageManager gives the package manager of that kind.
func (in *Installation) packageManager(kind string, exec packages.Exec) (packages.Manager, error) {
	switch kind {
	case "apt":
		return apt.New(apt.Config{Exec: exec, FS: in.FS}), nil
	}
	return nil, fmt.Errorf("this Upkeep knows no package manager %q", kind)
}

// packageKind finds out which package manager this computer has; empty when
// none that is known.
func (in *Installation) packageKind() string {
	if _, err := in.FS.Lstat("/var/lib/dpkg/status"); err == nil {
		return "apt"
	}
	return ""
}

// reading runs what only reads, for a plan.
func (in *Installation) reading() packages.Exec {
	var n atomic.Int64
	return func(ctx context.Context, c packages.Command) error {
		out := c.Stdout
		if out == nil {
			out = io.Discard
		}
		_, err := in.runner.Run(ctx, scope.Command{OpID: fmt.Sprintf("survey/packages/%d-%d", os.Getpid(), n.Add(1)), Args: c.Args, Env: c.Env, Dir: c.Dir, Stdout: out, Deadline: 5 * time.Minute})
		return err
	}
}

// packageFacts finds out what installing the packages of the hops would do.
func (in *Installation) packageFacts(ctx context.Context, f *plan.Facts, hops []plan.HopInput, releases []Release, temp string) error {
	f.Packages = map[string]plan.PackageFact{}
	kind := in.packageKind()
	if kind == "" {
		return nil
	}
	exec := in.reading()
	m, err := in.packageManager(kind, exec)
	if err != nil {
		return err
	}
	after := map[string]string{} // package to its version after the hops so far
	for i, h := range hops {
		if h.Return != nil {
			continue
		}
		if err := in.hopPackages(ctx, m, f, h, releases[i], filepath.Join(temp, fmt.Sprintf("packages-%d", i+1)), after); err != nil {
			return err
		}
	}
	return nil
}

// hopPackages looks at all components of a hop together, since packages of one
// may need those of another.
func (in *Installation) hopPackages(ctx context.Context, m packages.Manager, f *plan.Facts, h plan.HopInput, r Release, dir string, after map[string]string) error {
	want := packages.Want{Named: map[string]string{}}
	owner := map[string]string{} // package to the component that it is of
	brought := map[string][]packages.File{}
	first := ""
	for _, id := range h.Product.Order {
		c := h.Product.Components[id]
		if !plan.InstallsPackages(id, c, h) {
			continue
		}
		if first == "" {
			first = id
		}
		if pay, ok := h.Bundle.Payloads[id]; ok {
			list, err := in.readPackages(ctx, m, r, id, pay.File, dir+"-"+id)
			if err != nil {
				return err
			}
			for _, p := range list {
				want.Files, owner[p.Name] = append(want.Files, p.Path), id
			}
			brought[id] = list
			continue
		}
		for _, name := range packageNames(id, c) {
			want.Named[name], owner[name] = plan.PackageVersion(h.Release, id), id
		}
	}
	if first == "" {
		return nil
	}
	broken, err := m.Broken(ctx)
	if err != nil {
		return err
	}
	changes, problem := m.Resolve(ctx, want)
	for _, id := range h.Product.Order {
		if !plan.InstallsPackages(id, h.Product.Components[id], h) {
			continue
		}
		fact := plan.PackageFact{Manager: m.Kind(), Broken: broken}
		if problem != nil {
			fact.Problem = problem.Error()
		}
		var own []packages.Change
		for _, ch := range changes {
			of := owner[ch.Name]
			if of == "" {
				of = first // what the others need, or what is in their way
			}
			switch {
			case of != id:
			case ch.To == "":
				fact.Removed = append(fact.Removed, ch.Name)
			default:
				if before, known := after[ch.Name]; known {
					ch.From = before
				}
				after[ch.Name] = ch.To
				own = append(own, ch)
				fact.Changes = append(fact.Changes, plan.PackageChange{Name: ch.Name, Arch: ch.Arch, From: ch.From, To: ch.To, Source: sourceOf(ch, brought[id]), Needed: owner[ch.Name] == ""})
			}
		}
		if fact.Units, err = m.Units(ctx, own, brought[id]); err != nil {
			return err
		}
		if err := in.packageSite(ctx, m, &fact, brought[id]); err != nil {
			return err
		}
		f.Packages[plan.PackageKey(h.Release.Version, id)] = fact
	}
	return nil
}

// sourceOf says where a package comes from.
func sourceOf(ch packages.Change, brought []packages.File) string {
	if slices.ContainsFunc(brought, func(f packages.File) bool { return f.Name == ch.Name && f.Version == ch.To }) {
		return "bundle"
	}
	return "machine"
}

func packageNames(id string, c manifest.Component) []string {
	if len(c.Packages) > 0 {
		return c.Packages
	}
	return []string{id}
}

// packageSite finds what the site has done to the packages: held them, edited
// their configuration.
func (in *Installation) packageSite(ctx context.Context, m packages.Manager, fact *plan.PackageFact, brought []packages.File) error {
	var names []string
	for _, ch := range fact.Changes {
		names = append(names, ch.Name)
	}
	if len(names) == 0 {
		return nil
	}
	list, err := m.Installed(ctx, names...)
	if err != nil {
		return err
	}
	var there []string
	for _, p := range list {
		there = append(there, p.Name)
		if p.Held {
			fact.Held = append(fact.Held, p.Name)
		}
	}
	conffiles, err := m.Conffiles(ctx, there...)
	if err != nil {
		return err
	}
	for _, c := range conffiles {
		if c.Edited() {
			fact.Edited = append(fact.Edited, plan.PackageEdit{Package: c.Package, Path: c.Path, Removed: c.Now == "", Shipped: newlyShipped(c, brought)})
		}
	}
	return nil
}

// newlyShipped says whether the new version brings a configuration file
// changed; where its package is not at hand yet, it may.
func newlyShipped(c packages.Conffile, brought []packages.File) bool {
	for _, f := range brought {
		if f.Name == c.Package {
			sum, has := f.Conffiles[c.Path]
			return has && sum != c.Shipped
		}
	}
	return true
}

// readPackages unpacks a payload and reads the packages in it.
func (in *Installation) readPackages(ctx context.Context, m packages.Manager, r Release, id, payload, dir string) ([]packages.File, error) {
	want, err := r.Bundle.Payload(id)
	if err != nil {
		return nil, err
	}
	src, err := r.Bundle.FS().Open(payload)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if _, err := files.Stage(ctx, in.FS.Unsynced(), src, dir, files.StageOptions{Want: &want}); err != nil {
		return nil, fmt.Errorf("cannot unpack the packages of %s in the bundle of %s: %w", id, r.Release.Version, err)
	}
	var out []packages.File
	for _, e := range want.Entries {
		if e.Type != files.File {
			continue
		}
		if !strings.HasSuffix(e.Path, ".deb") || strings.ContainsRune(e.Path, '/') {
			return nil, fmt.Errorf("the payload of %s in the bundle of %s holds %s: a component of kind package has nothing but .deb files in its folder (%s/%s)", id, r.Release.Version, e.Path, bundle.ComponentsDir, id)
		}
		f, err := m.Inspect(ctx, filepath.Join(dir, e.Path))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
