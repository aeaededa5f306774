package selfupgrade

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a payload may ask for.
const maxWindow = 128 << 20

// program is the name of the program in a payload.
const program = "upkeep"

// ErrNoProgram says that a payload holds no program of Upkeep.
var ErrNoProgram = errors.New("the payload holds no file upkeep")

// FromPayload hands the program in a payload (.tar.zst) to use, and reads the
// payload to its end after that: whoever compares what was read with a sum can
// say only then whether it was right. After an error nothing may be made of what
// use was given.
func FromPayload(r io.Reader, use func(io.Reader) error) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return fmt.Errorf("cannot unpack the payload: %w", err)
	}
	defer z.Close()
	found := false
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot unpack the payload: %w", err)
		}
		if found || h.Typeflag != tar.TypeReg || path.Clean(h.Name) != program {
			continue
		}
		found = true
		if err := use(t); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		return fmt.Errorf("cannot unpack the payload: %w", err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("cannot read the payload: %w", err)
	}
	if !found {
		return ErrNoProgram
	}
	return nil
}
