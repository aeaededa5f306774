// Package approval is the site's signature under what may be installed: which
// plan, of which releases, by whose yes. An upgrade needs it beside the word of
// the vendor. Whoever carries a run out reads the approval back and compares it
// with the run, so that neither plan nor releases can be changed between the
// yes and the first step. On one computer the yes makes it, with a key in the
// state folder.
//
// It may import internal/durable and the standard library.
package approval

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"upkeep/internal/durable"
)

// Format is the version of the file that is written and read.
const Format = 1

// Approval is what a site has approved.
type Approval struct {
	Format       int       `json:"format"`
	Installation string    `json:"installation"`
	Product      string    `json:"product"`
	From         string    `json:"from"`
	To           string    `json:"to"`
	Bundles      []string  `json:"bundles"` // digests, hop by hop; empty where a hop needs none
	Plan         string    `json:"plan"`    // digest
	By           string    `json:"by"`      // who said yes
	At           time.Time `json:"at"`
}

// RefusedError says that a run has no approval that holds.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string {
	return "the site has not approved what this run would do: " + e.Why
}

func refuse(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}

// signed is the file: the approval byte for byte as it was signed.
type signed struct {
	Approval  []byte `json:"approval"` // JSON
	Key       string `json:"key"`      // ID of the key
	Signature []byte `json:"signature"`
}

// prefix keeps a signature under an approval from being one under anything else.
const prefix = "upkeep approval\n"

// Sign gives the file of an approval.
func (a Approval) Sign(key ed25519.PrivateKey) ([]byte, error) {
	a.Format, a.At = Format, a.At.UTC().Truncate(time.Second)
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	file, err := json.MarshalIndent(signed{Approval: text, Key: ID(key.Public().(ed25519.PublicKey)), Signature: ed25519.Sign(key, append([]byte(prefix), text...))}, "", " ")
	return append(file, '\n'), err
}

// Verify reads the file of an approval that was signed by a key. What is not is
// a RefusedError.
func Verify(file []byte, by ed25519.PublicKey) (Approval, error) {
	var s signed
	if err := json.Unmarshal(file, &s); err != nil {
		return Approval{}, refuse("the approval cannot be read: %v", err)
	}
	if s.Key != ID(by) {
		return Approval{}, refuse("the approval was signed by the key %.12s, and the key of this site is %.12s", s.Key, ID(by))
	}
	if !ed25519.Verify(by, append([]byte(prefix), s.Approval...), s.Signature) {
		return Approval{}, refuse("the approval was changed after it was signed")
	}
	var a Approval
	if err := json.Unmarshal(s.Approval, &a); err != nil {
		return a, refuse("the approval cannot be read: %v", err)
	}
	if a.Format != Format {
		return a, refuse("the approval has format %d, and this Upkeep reads %d", a.Format, Format)
	}
	return a, nil
}

// Covers refuses where something else was approved than would be done.
func (a Approval) Covers(b Approval) error {
	switch {
	case a.Installation != b.Installation || a.Product != b.Product:
		return refuse("it is for %s of %s, not for %s of %s", a.Installation, a.Product, b.Installation, b.Product)
	case a.From != b.From || a.To != b.To:
		return refuse("it is for %s to %s, not for %s to %s", a.From, a.To, b.From, b.To)
	case a.Plan != b.Plan:
		return refuse("it is for the plan %.12s, and the run's is %.12s", a.Plan, b.Plan)
	case !slices.Equal(a.Bundles, b.Bundles):
		return refuse("it is for other releases than those of the run")
	}
	return nil
}

// ID names a key: the SHA-256 of its public half, hexadecimal.
func ID(k ed25519.PublicKey) string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:])
}

// Key reads the site's key at a path.
func Key(fsys durable.FS, path string) (ed25519.PrivateKey, error) {
	info, err := fsys.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key of this site: %w", err)
	}
	if !info.IsRegular() || info.Mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of this site (%s) can be read by others than its owner, or is no file: whoever has it can approve upgrades; remove it, and the next yes makes a new one", path)
	}
	raw, err := fsys.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key of this site: %w", err)
	}
	block, rest := pem.Decode(raw)
	if block == nil || len(rest) > 0 {
		return nil, fmt.Errorf("the key of this site (%s) is damaged: remove it, and the next yes makes a new one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("the key of this site (%s) is no ed25519 key: remove it, and the next yes makes a new one", path)
	}
	return key, nil
}

// MakeKey reads the site's key, and makes it where there is none.
func MakeKey(fsys durable.FS, path string) (ed25519.PrivateKey, error) {
	key, err := Key(fsys, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	_, key, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := fsys.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("cannot keep the key of this site: %w", err)
	}
	return key, nil
}
