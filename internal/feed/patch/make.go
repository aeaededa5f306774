package patch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/bundle"
)

// Make writes a patch that makes one payload of another. ok is false, and
// nothing is written, where there can be none: the payload was not compressed by
// this build's recipe, the tars are too big, or the patch would be hardly smaller
// than the payload. It takes about ten times the size of the tars in memory: it is
// for the vendor's computer.
func Make(ctx context.Context, oldPayload, newPayload []byte, w io.Writer) (ok bool, err error) {
	old, err := unpack(ctx, bytes.NewReader(oldPayload), MaxTar)
	if err != nil || old == nil {
		return false, err
	}
	tar, err := unpack(ctx, bytes.NewReader(newPayload), MaxTar)
	if err != nil || tar == nil {
		return false, err
	}
	if same, err := repeats(ctx, tar, newPayload); !same || err != nil {
		return false, err
	}
	h, parts, err := diff(ctx, old, tar)
	if err != nil {
		return false, err
	}
	size := headerSize
	for _, p := range h.Parts {
		size += p
	}
	if size*100 > int64(len(newPayload))*maxShare {
		return false, nil
	}
	if err := binary.Write(w, binary.BigEndian, h); err != nil {
		return false, err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return false, err
		}
	}
	return true, nil
}

// diff makes the parts of a patch.
func diff(ctx context.Context, old, tar []byte) (header, [3][]byte, error) {
	var raw, parts [3][]byte
	h := header{Magic: magic, Old: sumOf(old), New: sumOf(tar)}
	at, expected := 0, 0
	for _, s := range match(old, tar) {
		if s.length == 0 {
			if s.from = expected; s.fresh == 0 {
				continue
			}
		}
		raw[0] = binary.AppendUvarint(raw[0], uint64(s.length))
		raw[0] = binary.AppendUvarint(raw[0], uint64(s.fresh))
		raw[0] = binary.AppendVarint(raw[0], int64(s.from-expected))
		for k := range s.length {
			raw[1] = append(raw[1], tar[at+k]-old[s.from+k])
		}
		at += s.length
		raw[2] = append(raw[2], tar[at:at+s.fresh]...)
		at, expected = at+s.fresh, s.from+s.length
	}
	for i := range raw {
		var err error
		if err = ctx.Err(); err == nil {
			parts[i], err = part(raw[i], windows()[i])
		}
		if err != nil {
			return h, parts, err
		}
		h.Parts[i] = int64(len(parts[i]))
	}
	return h, parts, nil
}

// repeats says whether compressing again gives the payload's own bytes.
func repeats(ctx context.Context, tar, payload []byte) (bool, error) {
	c := &comparer{want: payload}
	z, err := bundle.Compressor(c)
	if err != nil {
		return false, err
	}
	for b := range chunks(tar) {
		if err := ctx.Err(); err != nil {
			_ = z.Close() // it is given up
			return false, err
		}
		if _, err := z.Write(b); err != nil {
			return false, err
		}
	}
	if err := z.Close(); err != nil {
		return false, err
	}
	return !c.differs && len(c.want) == 0, nil
}

// comparer is a writer that compares.
type comparer struct {
	want    []byte
	differs bool
}

func (c *comparer) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.want, p) {
		c.differs = true
	} else {
		c.want = c.want[len(p):]
	}
	return len(p), nil
}

// chunks cuts bytes so that a context can end the work on them.
func chunks(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := min(len(b), 1<<20)
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// unpack reads a payload into memory; nil where it is longer than most.
func unpack(ctx context.Context, payload io.Reader, most int64) ([]byte, error) {
	z, err := zstd.NewReader(stopping{ctx, payload}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(payloadWindow))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(z, most+1)); err != nil {
		return nil, fmt.Errorf("cannot unpack the payload: %w", err)
	}
	if int64(b.Len()) > most {
		return nil, nil
	}
	return b.Bytes(), nil
}

// stopping ends a long read when its context does.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
