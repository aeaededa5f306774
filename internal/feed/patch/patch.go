// Package patch makes the payload of a release out of an earlier one's and a
// patch. A payload is a compressed tar; the patch is between the tars
// themselves, and the result is compressed again, which must give the very
// bytes that were signed. Whatever goes wrong, the payload can be fetched
// whole instead: see ErrUnusable.
//
// A patch says of each stretch of the new tar from where in the old one it
// comes, and carries the differences of the bytes beside what is new: compiled
// code that has moved differs in few bytes, at its addresses.
//
// It may import internal/bundle, internal/durable, the standard library and
// klauspost/compress.
package patch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// MaxTar is how long a tar may be on either side: 1 GiB. Its place in memory is
	// what patching costs.
	MaxTar = 1 << 30
	// maxShare: a patch that saves less is not worth its trouble, in parts of a hundred.
	maxShare = 60
	// payloadWindow is the widest that a payload's compression may have.
	payloadWindow = 128 << 20
)

var (
	// ErrUnusable: the patch does not help; fetch the whole payload. All errors below are that, too.
	ErrUnusable = errors.New("the patch cannot be used")
	// ErrDamaged: it is no patch, or not all of it.
	ErrDamaged = fmt.Errorf("%w: it is damaged", ErrUnusable)
	// ErrBase: it is made for another payload, or that payload is damaged.
	ErrBase = fmt.Errorf("%w: it is for another payload than the one that is here", ErrUnusable)
	// ErrResult: what comes out is not what was signed.
	ErrResult = fmt.Errorf("%w: what comes out is not the payload that was signed", ErrUnusable)
	// ErrTooBig: it would take more than it may.
	ErrTooBig = fmt.Errorf("%w: it is too big", ErrUnusable)
)

// Recipe names how this build compresses payloads. Only where a patch was made by
// the same recipe can its result have the right bytes. It changes when the
// compressor gives other bytes, not with each of its versions.
func Recipe() string { return "zstd-better-1" }

// tarSum is what a tar is known by.
type tarSum struct {
	Size int64
	Sum  [sha256.Size]byte
}

func sumOf(tar []byte) tarSum { return tarSum{int64(len(tar)), sha256.Sum256(tar)} }

// header begins a patch. Its integers are big-endian.
type header struct {
	Magic    [8]byte
	Old, New tarSum
	// Parts are the lengths of what follows: instructions, differences, what is new; each compressed.
	Parts [3]int64
}

var (
	magic      = [8]byte{'u', 'p', 'k', 'd', 'i', 'f', 'f', '1'}
	headerSize = int64(binary.Size(header{}))
)

// readHeader reads what a patch of so many bytes begins with, and believes only
// what can be.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	var h header
	if err := binary.Read(io.NewSectionReader(r, 0, headerSize), binary.BigEndian, &h); err != nil {
		return h, fmt.Errorf("%w: it ends within its first %d bytes", ErrDamaged, headerSize)
	}
	if h.Magic != magic {
		return h, fmt.Errorf("%w: it does not begin as a patch does", ErrDamaged)
	}
	left := size - headerSize
	for _, p := range h.Parts {
		if p < 0 || p > left {
			return h, fmt.Errorf("%w: it has %d bytes and should have more", ErrDamaged, size)
		}
		left -= p
	}
	switch {
	case left != 0:
		return h, fmt.Errorf("%w: %d bytes follow its end", ErrDamaged, left)
	case h.Old.Size < 0 || h.New.Size < 0:
		return h, fmt.Errorf("%w: a size below 0", ErrDamaged)
	case h.Old.Size > MaxTar || h.New.Size > MaxTar:
		return h, fmt.Errorf("%w: it is between tars of %d and %d MiB, and %d are allowed", ErrTooBig, h.Old.Size>>20, h.New.Size>>20, int64(MaxTar)>>20)
	}
	return h, nil
}

// windows of the parts: what is wider takes memory where the patch is applied.
func windows() [3]int { return [3]int{256 << 10, 1 << 20, 4 << 20} }

// part compresses one part of a patch.
func part(b []byte, window int) ([]byte, error) {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	_, err = z.Write(b)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpacked reads a compressed stream within bounds.
func unpacked(r io.Reader, window int) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(window)))
}
