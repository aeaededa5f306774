package vendor

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/bundle"
	"upkeep/internal/document"
	"upkeep/internal/document/yaml"
	"upkeep/internal/manifest"
	"upkeep/internal/plan"
	"upkeep/internal/version"
)

// maxManifest is more than any manifest has, in bytes.
const maxManifest = 16 << 20

// publishedOrder is how a product's versions compare, as the documents of a
// published release say.
func (f *Feed) publishedOrder(t *targetsFile, documents string) (version.Order, error) {
	entry := t.Signed.Targets[documents]
	if entry == nil {
		return version.Order{}, fmt.Errorf("the feed has no %s", documents)
	}
	file, err := f.FS.Open(f.target(documents, entry))
	if err != nil {
		return version.Order{}, err
	}
	defer file.Close()
	z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return version.Order{}, err
	}
	defer z.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return version.Order{}, fmt.Errorf("%s has no %s", documents, bundle.ManifestName)
		}
		if err != nil {
			return version.Order{}, fmt.Errorf("%s: %w", documents, err)
		}
		if h.Name != bundle.ManifestName {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(r, maxManifest))
		if err != nil {
			return version.Order{}, fmt.Errorf("%s: %w", documents, err)
		}
		nodes, err := yaml.Parse(bundle.ManifestName, text)
		if err != nil {
			return version.Order{}, err
		}
		p, _, err := manifest.Decode(document.Source{Name: bundle.ManifestName, Text: text}, nodes)
		if err != nil {
			return version.Order{}, err
		}
		if p == nil {
			return version.Order{}, fmt.Errorf("%s has no product document", documents)
		}
		return plan.OrderOf(p)
	}
}
