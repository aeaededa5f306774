package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Pristine reads some regular files out of a payload (.tar.zst), by their paths in it; those that are larger than most are left
// out, and so are those that are not there. Nothing is unpacked.
func (b *Bundle) Pristine(ctx context.Context, payload string, wanted []string, most int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	if len(wanted) == 0 || !strings.HasSuffix(payload, PayloadSuffix) {
		return out, nil
	}
	want := map[string]bool{}
	for _, w := range wanted {
		want[w] = true
	}
	f, err := b.FS().Open(payload)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", b.origin, err)
	}
	defer f.Close()
	z, err := zstd.NewReader(stopping{ctx, f}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", b.origin, payload, err)
	}
	defer z.Close()
	for r := tar.NewReader(z); len(out) < len(want); {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %s: %w", b.origin, payload, err)
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !want[name] || h.Size > most {
			continue
		}
		if out[name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("bundle %s: %s: %w", b.origin, payload, err)
		}
	}
	return out, nil
}
