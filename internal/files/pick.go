package files

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/klauspost/compress/zstd"
)

// Pick reads some files out of a tar.zst payload, each of at most most bytes. One that is not there, is no regular file, or is larger, is left out.
// The content is what the payload holds: the caller compares sums.
func Pick(ctx context.Context, payload io.Reader, paths []string, most int64) (map[string][]byte, error) {
	z, err := zstd.NewReader(payload, zstd.WithDecoderConcurrency(workers), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("cannot read the payload: %w", err)
	}
	defer z.Close()
	want := map[string]bool{}
	for _, p := range paths {
		want[p] = true
	}
	out := map[string][]byte{}
	r := tar.NewReader(&reader{ctx, z})
	for len(want) > 0 {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the payload: %w", err)
		}
		name := path.Clean(h.Name)
		if !want[name] {
			continue
		}
		delete(want, name)
		if h.Typeflag != tar.TypeReg || h.Size > most {
			continue
		}
		if out[name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("cannot read %s of the payload: %w", name, err)
		}
	}
	return out, nil
}
