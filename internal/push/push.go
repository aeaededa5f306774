// Package push is the signature under a bundle that others push to a site: a
// key says for which triggers a bundle may be pushed. The site says whose
// signature it accepts, trigger by trigger.
//
// It is pure, and imports only the standard library.
package push

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Format is the version of the file that is written and read.
const Format = 1

// Suffix ends the name of a signature's file, which begins with the key's ID.
const Suffix = ".json"

// MaxFile is the most bytes that the file of a signature may have.
const MaxFile = 16 << 10

// Statement is what a key has signed.
type Statement struct {
	Bundle   string   // digest of the bundle: the SHA-256 of its SHA256SUMS
	Triggers []string // that it may be pushed by
}

// file is a signature as it lies in a bundle.
type file struct {
	Format    int      `json:"format"`
	Bundle    string   `json:"bundle"`
	Triggers  []string `json:"triggers"`
	Key       string   `json:"key"` // the public half, hexadecimal
	Signature []byte   `json:"signature"`
}

// ErrOther: the file is no signature of this kind or format, and says nothing.
var ErrOther = errors.New("it is no signature that this Upkeep knows")

var (
	hex64       = regexp.MustCompile(`^[0-9a-f]{64}$`)
	triggerName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)
)

// text is what is signed. Its first line keeps a signature under a push from
// being one under anything else.
func (s Statement) text() ([]byte, error) {
	if !hex64.MatchString(s.Bundle) {
		return nil, fmt.Errorf("%q is no digest of a bundle", s.Bundle)
	}
	if len(s.Triggers) == 0 {
		return nil, errors.New("it names no trigger")
	}
	for _, t := range s.Triggers {
		if !triggerName.MatchString(t) {
			return nil, fmt.Errorf("no trigger can be called %q", t)
		}
	}
	return []byte("upkeep push\n" + s.Bundle + "\n" + strings.Join(s.Triggers, "\n") + "\n"), nil
}

// Sign gives the file of a signature, and its name. sign makes the signature of
// the key whose public half is given.
func Sign(s Statement, public ed25519.PublicKey, sign func(text []byte) ([]byte, error)) (name string, out []byte, err error) {
	s.Triggers = slices.Clone(s.Triggers)
	slices.Sort(s.Triggers)
	s.Triggers = slices.Compact(s.Triggers)
	text, err := s.text()
	if err != nil {
		return "", nil, err
	}
	f := file{Format: Format, Bundle: s.Bundle, Triggers: s.Triggers, Key: hex.EncodeToString(public)}
	if f.Signature, err = sign(text); err != nil {
		return "", nil, err
	}
	out, err = json.MarshalIndent(f, "", " ")
	return KeyID(public) + Suffix, append(out, '\n'), err
}

// Read reads the file of a signature: what was signed, and the ID of the key. A
// signature that does not fit is an error.
func Read(text []byte) (Statement, string, error) {
	var head struct{ Format int }
	if len(text) > MaxFile {
		return Statement{}, "", ErrOther
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Statement{}, "", fmt.Errorf("it is damaged: %w", err)
	}
	if head.Format != Format {
		return Statement{}, "", ErrOther
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Statement{}, "", fmt.Errorf("it is damaged: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Statement{}, "", errors.New("it is damaged: something follows it")
	}
	public, err := hex.DecodeString(f.Key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return Statement{}, "", errors.New("it is damaged: it has no key")
	}
	s := Statement{Bundle: f.Bundle, Triggers: f.Triggers}
	signed, err := s.text()
	if err != nil {
		return Statement{}, "", err
	}
	if !ed25519.Verify(public, signed, f.Signature) {
		return Statement{}, "", fmt.Errorf("it is not what the key %.12s has signed: it was changed", KeyID(public))
	}
	return s, KeyID(public), nil
}

// Covers says why a statement is not one that a bundle may be pushed by a
// trigger; empty: it is.
func (s Statement) Covers(bundle, trigger string) string {
	switch {
	case s.Bundle != bundle:
		return fmt.Sprintf("for another bundle (%.12s…; this one is %.12s…)", s.Bundle, bundle)
	case !slices.Contains(s.Triggers, trigger):
		return "for " + strings.Join(s.Triggers, ", ") + " only"
	}
	return ""
}

// Find looks through the signatures of a bundle, by their files' names, for one
// that lets it be pushed by a trigger, of a key that trusts says yes to. One is
// enough; those that are bad or of others neither help nor harm. Without one it
// says what there is, line by line.
func Find(files map[string][]byte, bundle, trigger string, trusts func(key string) bool) (name, key string, there []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s, key, err := Read(files[name])
		if errors.Is(err, ErrOther) {
			continue
		}
		if err != nil {
			there = append(there, fmt.Sprintf("the signature %s does not count: %v", name, err))
			continue
		}
		switch why := s.Covers(bundle, trigger); {
		case why != "":
			there = append(there, fmt.Sprintf("the key %.12s has signed %s", key, why))
		case !trusts(key):
			there = append(there, fmt.Sprintf("the key %.12s has signed it for %s, and is not trusted for that", key, trigger))
		default:
			return name, key, nil
		}
	}
	return "", "", there
}

// KeyID names a key as the keys of feeds are named: the SHA-256 of its public
// half as TUF writes it.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(fmt.Appendf(nil, `{"keytype":"ed25519","keyval":{"public":"%x"},"scheme":"ed25519"}`, []byte(public)))
	return hex.EncodeToString(sum[:])
}
