package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"upkeep/internal/bundle"
	"upkeep/internal/files"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
)

// described is what is known of a product before there is an installation of
// it: its document alone, or releases.
type described struct {
	from     string
	product  *manifest.Product // the newest release's, or the document alone
	text     []byte            // of the document product
	releases []Release         // none when there is but a document
}

// describe reads a product document, a release's bundle, or a folder of
// bundles of one product. Archives are unpacked into cache.
func describe(ctx context.Context, from, cache string) (*described, error) {
	if from == "" {
		return nil, &NoReleaseError{}
	}
	from, err := filepath.Abs(from)
	if err != nil {
		return nil, err
	}
	if d, err := documentAlone(from); d != nil || err != nil {
		return d, err
	}
	in := &Installation{FS: realFiles()}
	paths, err := bundlePaths(from)
	if err != nil {
		return nil, err
	}
	d := &described{from: from}
	for _, p := range paths {
		r, err := in.openRelease(ctx, p, cache)
		if err != nil {
			return nil, err
		}
		if len(d.releases) > 0 && r.Product.ID != d.releases[0].Product.ID {
			return nil, fmt.Errorf("%s holds releases of %s and of %s: name one of the bundles", from, d.releases[0].Product.ID, r.Product.ID)
		}
		d.releases = append(d.releases, *r)
	}
	learn(d.releases)
	target, err := newest(d.releases)
	if err != nil {
		return nil, err
	}
	d.product = target.Product
	d.text, err = fs.ReadFile(target.Bundle.FS(), bundle.ManifestName)
	return d, err
}

// documentAlone reads the product document at a path: a file of YAML, or a
// folder with product.yaml, or with an upkeep.yaml that is no bundle. Nil when
// there is none.
func documentAlone(from string) (*described, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, fmt.Errorf("cannot look for the product: %w", err)
	}
	path := from
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(from, bundle.SumsName)); err == nil {
			return nil, nil
		}
		path = filepath.Join(from, "product.yaml")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			path = filepath.Join(from, bundle.ManifestName)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	} else if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the product document: %w", err)
	}
	p, _, err := decode(path, text)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("%s is no product document", path)
	}
	return &described{from: from, product: p, text: text}, nil
}

// known is what is known of one version of a product.
type known struct {
	product *manifest.Product
	text    []byte // of its document
	exact   bool   // the document is that version's own
	sums    func(component string) *files.Tree
}

// of gives what is known of an installed version.
func (d *described) of(version string) (known, error) {
	order, err := plan.OrderOf(d.product)
	if err != nil {
		return known{}, err
	}
	for _, r := range d.releases {
		if c, err := order.Compare(r.Release.Version, version); err != nil || c != 0 {
			continue
		}
		k := known{product: r.Product, exact: true, sums: func(component string) *files.Tree {
			t, err := r.Bundle.Payload(component)
			if err != nil {
				return nil
			}
			return &t
		}}
		k.text, err = fs.ReadFile(r.Bundle.FS(), bundle.ManifestName)
		return k, err
	}
	for _, r := range d.releases {
		was, err := installed(r.Bundle, version)
		if err != nil {
			return known{}, err
		}
		if was != nil {
			k := known{product: was, exact: true, sums: installedSums(r.Bundle, version)}
			k.text, err = fs.ReadFile(r.Bundle.FS(), "from/"+version+"/product.yaml")
			return k, err
		}
	}
	return known{product: d.product, text: d.text, sums: func(string) *files.Tree { return nil }}, nil
}
