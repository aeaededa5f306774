package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/channel"
	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// Release is one release at hand, with its opened bundle.
type Release struct {
	Product *manifest.Product
	Release *manifest.Release
	Bundle  *bundle.Bundle
	Feed    *channel.Release // what the feed says of it; nil: it does not name it, or there is none
	pushed  *pushed          // the signature that lets it be pushed; nil: none was asked for
}

// NoReleaseError says that no release was found where one was looked for.
type NoReleaseError struct{ From string }

func (e *NoReleaseError) Error() string {
	if e.From == "" {
		return "no release is at hand: name the folder or file of the release's bundle with --from"
	}
	return fmt.Sprintf("there is no release in %s: it is neither a bundle (a folder with upkeep.yaml and SHA256SUMS, or a .tar.zst) nor a folder of bundles", e.From)
}

func (in *Installation) bundlesDir() string { return filepath.Join(in.State, "bundles") }

// OpenReleases opens the bundle at from, or every bundle in that folder.
// Every file of each is checked against its sums first. Archives are unpacked
// into cache.
func (in *Installation) OpenReleases(ctx context.Context, from, cache string) ([]Release, error) {
	if from == "" {
		return nil, &NoReleaseError{}
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return nil, err
	}
	paths, err := bundlePaths(from)
	if err != nil {
		return nil, err
	}
	var out []Release
	in.tooNew = nil
	for _, p := range paths {
		r, err := in.openRelease(ctx, p, cache)
		var newer *NeedsUpkeepError
		if errors.As(err, &newer) && newer.Product == in.Doc.Product {
			in.tooNew = append(in.tooNew, newer)
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Product.ID == in.Doc.Product {
			out = append(out, *r)
		} else if len(paths) == 1 && in.Doc.Product == ownProduct {
			return nil, fmt.Errorf("%s is a release of %s, and not of Upkeep", p, r.Product.ID)
		} else if len(paths) == 1 {
			return nil, fmt.Errorf("%s is a release of %s, but this installation is %s", p, r.Product.ID, in.Doc.Product)
		}
	}
	if len(out) == 0 && len(in.tooNew) > 0 {
		return nil, in.tooNew[len(in.tooNew)-1]
	}
	if len(out) == 0 {
		return nil, &NoReleaseError{From: from}
	}
	learn(out)
	return out, nil
}

// bundlePaths lists the bundles at a place: itself, or those inside.
func bundlePaths(from string) ([]string, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, fmt.Errorf("cannot look for releases: %w", err)
	}
	isBundle := func(p string, dir bool) bool {
		if !dir {
			return strings.HasSuffix(p, bundle.PayloadSuffix)
		}
		_, err := os.Stat(filepath.Join(p, bundle.ManifestName))
		return err == nil
	}
	if isBundle(from, info.IsDir()) {
		return []string{from}, nil
	}
	if !info.IsDir() {
		return nil, &NoReleaseError{From: from}
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, fmt.Errorf("cannot look for releases: %w", err)
	}
	var out []string
	for _, e := range entries {
		if p := filepath.Join(from, e.Name()); isBundle(p, e.IsDir()) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, &NoReleaseError{From: from}
	}
	return out, nil
}

func (in *Installation) openRelease(ctx context.Context, path, cache string) (*Release, error) {
	b, err := bundle.Open(ctx, in.FS, path, bundle.Options{Cache: cache})
	if err != nil {
		return nil, err
	}
	return in.release(ctx, b)
}

// release reads the documents of a bundle.
func (in *Installation) release(_ context.Context, b *bundle.Bundle) (*Release, error) {
	path := b.Origin()
	text, err := fs.ReadFile(b.FS(), bundle.ManifestName)
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest of %s: %w", path, err)
	}
	p, r, err := decode(filepath.Join(path, bundle.ManifestName), text)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s has no release document in its %s", path, bundle.ManifestName)
	}
	// vendor build refuses these, but a bundle can be made without it
	for _, f := range manifest.Lint(p, r) {
		if f.Level == manifest.LevelError {
			return nil, fmt.Errorf("the documents of %s contradict themselves: %w", path, f)
		}
	}
	return &Release{Product: p, Release: r, Bundle: b}, nil
}

func decode(name string, text []byte) (*manifest.Product, *manifest.Release, error) {
	nodes, err := yaml.Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	if err := needsUpkeep(nodes); err != nil {
		return nil, nil, err
	}
	return manifest.Decode(document.Source{Name: name, Text: text}, nodes)
}

// installed gives the product document of the installed version, which a
// bundle that can be reached from it carries; nil when it does not.
func installed(b *bundle.Bundle, v string) (*manifest.Product, error) {
	name := "from/" + v + "/product.yaml"
	text, err := fs.ReadFile(b.FS(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, _, err := decode(filepath.Join(b.Origin(), name), text)
	return p, err
}

// installedSums gives what the installed release shipped for a component.
func installedSums(b *bundle.Bundle, v string) func(string) *files.Tree {
	return func(component string) *files.Tree {
		t, err := b.From(v, component)
		if err != nil {
			return nil
		}
		return &t
	}
}

// planBundle is what the compiler must know of a bundle.
func planBundle(r Release) (plan.Bundle, error) {
	out := plan.Bundle{Digest: r.Bundle.Digest(), Payloads: map[string]plan.Payload{}, Scripts: map[string][]plan.Script{}}
	for component, file := range r.Release.Payloads {
		t, err := r.Bundle.Payload(component)
		if err != nil {
			return out, fmt.Errorf("the bundle of %s does not say what the payload of %s holds: build it with upkeep vendor build: %w", r.Release.Version, component, err)
		}
		pay := plan.Payload{File: file, Sums: bundle.SumsDir + "/" + component + ".sums"}
		for _, e := range t.Entries {
			pay.Bytes += e.Size
			pay.Files++
		}
		out.Payloads[component] = pay
	}
	err := fs.WalkDir(r.Bundle.FS(), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out.Bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return out, fmt.Errorf("cannot measure the bundle of %s: %w", r.Release.Version, err)
	}
	for name, sum := range r.Bundle.Sums() {
		if dir := filepath.ToSlash(filepath.Dir(name)); strings.HasSuffix(name, ".sql") {
			out.Scripts[dir] = append(out.Scripts[dir], plan.Script{Name: name, SHA256: sum})
		}
	}
	for _, s := range out.Scripts {
		slices.SortFunc(s, func(a, b plan.Script) int { return strings.Compare(a.Name, b.Name) })
	}
	return out, nil
}
