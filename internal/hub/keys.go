package hub

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"upkeep/internal/hub/ask"
)

// lookAgain is how often the files of a certificate are looked at.
const lookAgain = 2 * time.Second

// Keys is the certificate of the page with its key, which the page's process never
// gets: it asks for signatures. It is safe for use by several goroutines.
type Keys struct {
	source func(have *tls.Certificate) (*tls.Certificate, error)
	log    *slog.Logger

	mu        sync.Mutex
	looked    time.Time
	now, last *tls.Certificate // last: connections that begin just now may have been shown it
	said      string           // the last trouble, which is logged once
}

// NewKeys has the certificate of a source, which gives back the one that it is shown
// as long as there is no other.
func NewKeys(source func(have *tls.Certificate) (*tls.Certificate, error), log *slog.Logger) (*Keys, error) {
	k := &Keys{source: source, log: log}
	var err error
	if k.now, err = source(nil); err != nil {
		return nil, err
	}
	k.looked = time.Now()
	return k, nil
}

// Leaf is the certificate of now.
func (k *Keys) Leaf() *x509.Certificate { return k.current().Leaf }

// current looks whether there is another one. One that cannot be read, as while it is
// being exchanged, leaves the one before.
func (k *Keys) current() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookAgain {
		return k.now
	}
	k.looked = time.Now()
	next, err := k.source(k.now)
	switch {
	case err != nil && err.Error() != k.said:
		k.said = err.Error()
		k.log.Warn("the page's certificate cannot be read anew, so the one before stays", "why", err)
	case err == nil && next != k.now:
		k.said, k.last, k.now = "", k.now, next
		k.log.Info("the page has another certificate", "fingerprint", Fingerprint(next.Leaf), "until", next.Leaf.NotAfter)
	}
	return k.now
}

func certificateID(c *tls.Certificate) string {
	s := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(s[:])
}

// Fingerprint is the sum of a certificate as browsers show it.
func Fingerprint(c *x509.Certificate) string {
	s := sha256.Sum256(c.Raw)
	parts := make([]string, len(s))
	for i, b := range s {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// Certificate answers the page.
func (k *Keys) Certificate(q ask.CertificateQuery) ask.Certificate {
	c := k.current()
	out := ask.Certificate{ID: certificateID(c)}
	if q.Have != out.ID {
		out.Chain = c.Certificate
	}
	return out
}

// Sign signs what the beginning of a connection needs.
func (k *Keys) Sign(q ask.SignQuery) (ask.Signature, error) {
	k.mu.Lock()
	now, last := k.now, k.last
	k.mu.Unlock()
	wrong := func(what string) error {
		return &ask.Error{Kind: ask.Invalid, Text: "cannot sign for the page: " + what}
	}
	var signer crypto.Signer
	for _, c := range []*tls.Certificate{now, last} {
		if c != nil && certificateID(c) == q.ID {
			signer, _ = c.PrivateKey.(crypto.Signer)
		}
	}
	if signer == nil {
		return ask.Signature{}, wrong("there is another certificate now")
	}
	h := crypto.Hash(q.Hash)
	var opts crypto.SignerOpts = h
	switch {
	case q.Hash == 0 && len(q.Digest) > 4096:
		return ask.Signature{}, wrong("the message is too long")
	case q.Hash != 0 && (!h.Available() || h.Size() != len(q.Digest)):
		return ask.Signature{}, wrong("the digest is not one of its hash")
	case q.PSS:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	raw, err := signer.Sign(rand.Reader, q.Digest, opts)
	if err != nil {
		return ask.Signature{}, wrong(err.Error())
	}
	return ask.Signature{Signature: raw}, nil
}

// FileKeys is a source of a certificate and its key in files of PEM.
func FileKeys(cert, key string) func(*tls.Certificate) (*tls.Certificate, error) {
	var was [2]string
	return func(have *tls.Certificate) (*tls.Certificate, error) {
		var is [2]string
		for i, path := range []string{cert, key} {
			f, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("cannot read the page's certificate: %w", err)
			}
			is[i] = fmt.Sprint(f.ModTime().UnixNano(), f.Size())
		}
		if have != nil && is == was {
			return have, nil
		}
		c, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cannot use the certificate %s with the key %s: %w", cert, key, err)
		}
		was = is
		return &c, nil
	}
}

// Signing has the page served by TLS.
func (s *Server) Signing(k *Keys) *Server {
	s.keys = k
	return s
}

// keyQuestions are asked by the page itself, at the beginning of a connection.
func (s *Server) keyQuestions(mux *http.ServeMux) {
	none := &ask.Error{Kind: ask.Unknown, Text: "the page of this hub has no certificate"}
	mux.HandleFunc("POST /certificate", answer(func(_ context.Context, q ask.CertificateQuery) (ask.Certificate, error) {
		if s.keys == nil {
			return ask.Certificate{}, none
		}
		return s.keys.Certificate(q), nil
	}))
	mux.HandleFunc("POST /sign", answer(func(_ context.Context, q ask.SignQuery) (ask.Signature, error) {
		if s.keys == nil {
			return ask.Signature{}, none
		}
		return s.keys.Sign(q)
	}))
}
