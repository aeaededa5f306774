package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// sumWriter hashes what passes through it.
type sumWriter struct {
	w io.Writer
	h hash.Hash
}

func newSum(w io.Writer) *sumWriter { return &sumWriter{w, sha256.New()} }

func (s *sumWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.h.Write(p[:n])
	return n, err
}

func (s *sumWriter) hex() string { return hex.EncodeToString(s.h.Sum(nil)) }
