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
		for _, id := range h.Product.Order {
			if c := h.Product.Components[id]; c.Kind != "package" || h.Return != nil {
				continue
			}
			fact, err := in.packageFact(ctx, m, h, releases[i], id, filepath.Join(temp, fmt.Sprintf("packages-%d-%s", i, id)), after)
			if err != nil {
				return err
			}
			if fact != nil {
				f.Packages[plan.PackageKey(h.Release.Version, id)] = *fact
			}
		}
	}
	return nil
}

// packageFact looks at one component of one hop; nil when the hop leaves it
// alone.
func (in *Installation) packageFact(ctx context.Context, m packages.Manager, h plan.HopInput, r Release, id, dir string, after map[string]string) (*plan.PackageFact, error) {
	c := h.Product.Components[id]
	want := packages.Want{Named: map[string]string{}}
	var brought []packages.File
	if pay, ok := h.Bundle.Payloads[id]; ok {
		var err error
		if brought, err = in.readPackages(ctx, m, r, id, pay.File, dir); err != nil {
			return nil, err
		}
		for _, f := range brought {
			want.Files = append(want.Files, f.Path)
		}
	} else {
		for _, name := range packageNames(id, c) {
			want.Named[name] = plan.PackageVersion(h.Release, id)
		}
	}
	fact := &plan.PackageFact{Manager: m.Kind()}
	var err error
	if fact.Broken, err = m.Broken(ctx); err != nil {
		return nil, err
	}
	changes, err := m.Resolve(ctx, want)
	if err != nil {
		fact.Problem = err.Error()
		return fact, nil
	}
	var stay []packages.Change
	for _, ch := range changes {
		if before, known := after[ch.Name]; known {
			ch.From = before
		}
		if ch.To == "" {
			fact.Removed = append(fact.Removed, ch.Name)
			continue
		}
		after[ch.Name] = ch.To
		stay = append(stay, ch)
		source := "machine"
		if slices.ContainsFunc(brought, func(f packages.File) bool { return f.Name == ch.Name && f.Version == ch.To }) {
			source = "bundle"
		}
		fact.Changes = append(fact.Changes, plan.PackageChange{Name: ch.Name, Arch: ch.Arch, From: ch.From, To: ch.To, Source: source})
	}
	if fact.Units, err = m.Units(ctx, stay, brought); err != nil {
		return nil, err
	}
	return fact, in.packageSite(ctx, m, fact, brought)
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
