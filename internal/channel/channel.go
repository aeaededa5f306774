// Package channel is what a vendor says of the releases of one product: which
// there are, in which channels, what each consists of, what has been withdrawn
// since, and which ways are blocked. A feed carries it as one signed file, so
// a release and its withdrawal are believed for the same reason. It is of the model: it
// imports the pure part of the standard library.
package channel

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Format is the version of this file that is written and read.
const Format = 1

// MaxBytes is how long an index may be: about 20,000 releases.
const MaxBytes = 32 << 20

// The channels that every product has. A release in Stable is in Candidate, too.
const (
	Stable    = "stable"
	Candidate = "candidate"
)

// ErrBad: the index says what no vendor can mean.
var ErrBad = errors.New("the index of releases is damaged")

// Index is what a feed says of one product.
type Index struct {
	Format   int       `json:"format"`
	Product  string    `json:"product"`
	Releases []Release `json:"releases"` // by the product's own order of versions, oldest first
}

// Release is one published version.
type Release struct {
	Version   string             `json:"version"`
	Published time.Time          `json:"published"`           // to the second, UTC
	Channel   string             `json:"channel"`             // Stable or Candidate
	Digest    string             `json:"digest"`              // of the bundle: SHA-256 of its SHA256SUMS, 64 hex digits
	Documents string             `json:"documents"`           // target: all files of the bundle but the payloads, as .tar.zst
	Payloads  map[string]Payload `json:"payloads,omitempty"`  // by their names in the bundle
	Upkeep    string             `json:"upkeep,omitempty"`    // the lowest version of Upkeep that can carry it out
	Notes     string             `json:"notes,omitempty"`     // an address
	Withdrawn string             `json:"withdrawn,omitempty"` // why nobody should install it any more
	Routes    []Route            `json:"routes,omitempty"`    // as in its manifest, so that a way is found before anything is fetched
	Blocked   []Block            `json:"blocked,omitempty"`   // besides those of its manifest: found out since
}

// Payload is one payload of a bundle.
type Payload struct {
	Target  string  `json:"target"`
	Bytes   int64   `json:"bytes"`
	SHA256  string  `json:"sha256"` // as in SHA256SUMS
	Patches []Patch `json:"patches,omitempty"`
}

// Patch makes a payload out of an earlier release's.
type Patch struct {
	From   string `json:"from"`   // SHA-256 of the payload that it begins with
	Target string `json:"target"` // of the patch
	Bytes  int64  `json:"bytes"`
	Recipe string `json:"recipe"` // how the result is compressed again: only a client that knows it can use the patch
}

// Route is a supported source of the release; both are ranges of the product's versions.
type Route struct {
	From string `json:"from"`
	Via  string `json:"via,omitempty"`
}

// Block forbids the way from some versions.
type Block struct {
	From   string `json:"from"` // a range
	Reason string `json:"reason"`
}

// IndexTarget is the name of a product's index among the targets of a feed.
func IndexTarget(product string) string { return product + "/index.json" }

// Role is the delegated role that signs for a product's targets.
func Role(product string) string { return product }

// Paths is what a product's role may sign for, in the patterns of the TUF
// specification.
func Paths(product string) []string {
	return []string{product + "/*", product + "/*/*"}
}

// DocumentsTarget is the name of a release's documents.
func DocumentsTarget(product, version string) string {
	return product + "/" + version + "/documents.tar.zst"
}

// PayloadTarget is the name of a payload.
func PayloadTarget(product, version, payload string) string {
	return product + "/" + version + "/" + payload
}

// PatchTarget is the name of a patch; from is the version that it begins with.
func PatchTarget(product, version, payload, from string) string {
	return product + "/" + version + "/" + payload + ".from-" + from
}

// ProductID can name a role, a folder and a target.
var ProductID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// segment is one element of a target's name: never hidden, never "..".
var segment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._+~:-]{0,127}$`)

// Decode reads an index. It refuses what it does not know: a reader that
// passed over a word might pass over a withdrawal.
func Decode(text []byte) (*Index, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrBad, MaxBytes)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if head.Format > Format {
		return nil, fmt.Errorf("the index of releases has format %d, and this Upkeep reads %d: upgrade Upkeep first (upkeep self-upgrade)", head.Format, Format)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	x := new(Index)
	if err := d.Decode(x); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if err := x.Check(); err != nil {
		return nil, err
	}
	return x, nil
}

// Encode writes an index that Decode reads.
func (x *Index) Encode() ([]byte, error) {
	x.Format = Format
	if err := x.Check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return nil, err
	}
	if len(text) >= MaxBytes {
		return nil, fmt.Errorf("%w: it would be longer than %d bytes: take old releases out of the feed", ErrBad, MaxBytes)
	}
	return append(text, '\n'), nil
}

// Check says what is wrong with an index, as ErrBad.
func (x *Index) Check() error {
	if x.Format != Format {
		return fmt.Errorf("%w: format %d", ErrBad, x.Format)
	}
	if !ProductID.MatchString(x.Product) {
		return fmt.Errorf("%w: no product can be called %q", ErrBad, x.Product)
	}
	seen := map[string]bool{}
	for _, r := range x.Releases {
		if seen[r.Version] {
			return fmt.Errorf("%w: %s is listed twice", ErrBad, r.Version)
		}
		seen[r.Version] = true
		if err := r.check(x.Product); err != nil {
			return fmt.Errorf("%w: release %q: %w", ErrBad, r.Version, err)
		}
	}
	return nil
}

func (r *Release) check(product string) error {
	switch {
	case !segment.MatchString(r.Version):
		return errors.New("no release can be called that")
	case r.Published.IsZero():
		return errors.New("it does not say when it was published")
	case r.Channel != Stable && r.Channel != Candidate:
		return fmt.Errorf("there is no channel %q", r.Channel)
	case !isSum(r.Digest):
		return errors.New("its digest is none")
	case !inside(product, r.Documents):
		return fmt.Errorf("its documents cannot be %q", r.Documents)
	}
	for name, p := range r.Payloads {
		if !segment.MatchString(name) || !inside(product, p.Target) || !isSum(p.SHA256) || p.Bytes < 0 {
			return fmt.Errorf("its payload %q is described wrongly", name)
		}
		for _, d := range p.Patches {
			if !isSum(d.From) || !inside(product, d.Target) || d.Bytes < 0 || d.Recipe == "" {
				return fmt.Errorf("a patch of its payload %q is described wrongly", name)
			}
		}
	}
	for _, b := range r.Blocked {
		if b.From == "" || strings.TrimSpace(b.Reason) == "" {
			return errors.New("a blocked way needs a range and a reason")
		}
	}
	for _, w := range r.Routes {
		if w.From == "" {
			return errors.New("a route needs a range")
		}
	}
	return nil
}

func isSum(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && strings.ToLower(s) == s
}

// inside says whether a target is one of the product's own.
func inside(product, target string) bool {
	parts := strings.Split(target, "/")
	return path.Clean(target) == target && len(parts) > 1 && len(parts) <= 3 && parts[0] == product &&
		!slices.ContainsFunc(parts[1:], func(p string) bool { return !segment.MatchString(p) })
}

// Find gives the release of a version; nil when there is none.
func (x *Index) Find(version string) *Release {
	for i := range x.Releases {
		if x.Releases[i].Version == version {
			return &x.Releases[i]
		}
	}
	return nil
}

// In lists the releases of a channel that are not withdrawn, oldest first.
func (x *Index) In(channel string) []Release {
	var out []Release
	for _, r := range x.Releases {
		if r.Withdrawn == "" && (r.Channel == Stable || channel == Candidate) {
			out = append(out, r)
		}
	}
	return out
}

// Latest is the newest release of a channel that is not withdrawn; nil when there is none.
func (x *Index) Latest(channel string) *Release {
	list := x.In(channel)
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}
