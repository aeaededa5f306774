// Package version compares the versions of products: five orders (semver,
// dotted, dashed, debian, and a list written out by the vendor) and ranges
// over each of them.
//
// It is part of the model: pure, without I/O or clock. It imports the standard
// library and internal/document/nearest.
package version

import (
	"errors"
	"fmt"
	"strings"

	"upkeep/internal/document/nearest"
)

// MaxLength is the longest version, in bytes, that any order accepts.
const MaxLength = 128

// Order says which of two versions is the newer one. The zero value is no
// order: its methods return errors. Values are immutable and safe to share.
type Order struct {
	name   string
	scheme scheme
}

// scheme is what an order must know. compare may assume that both are valid.
type scheme interface {
	valid(v string) error
	compare(a, b string) int
}

// Names are the orders that Parse knows.
func Names() []string { return []string{"semver", "dotted", "dashed", "debian"} }

// Parse returns the order of that name:
//
//   - semver: MAJOR.MINOR.PATCH as in Semantic Versioning 2.0.0, https://semver.org
//   - dotted: numbers between dots, as many as wanted; missing ones are 0
//   - dashed: numbers between dashes, as in 09-51 < 10-10
//   - debian: as dpkg compares, https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
func Parse(name string) (Order, error) {
	switch name {
	case "semver":
		return Order{name, semver{}}, nil
	case "dotted":
		return Order{name, dotted{}}, nil
	case "dashed":
		return Order{name, dashed{}}, nil
	case "debian":
		return Order{name, debian{}}, nil
	}
	hint := "use one of " + strings.Join(Names(), ", ") + ", or list the versions in ascending order"
	if near := nearest.Word(name, Names()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return Order{}, fmt.Errorf("unknown version order %q: %s", name, hint)
}

// String is the order's name; for a listed order its versions, joined by " < ".
// Two orders with the same string are equal.
func (o Order) String() string { return o.name }

// MarshalText gives String.
func (o Order) MarshalText() ([]byte, error) { return []byte(o.name), nil }

// Equal reports whether both orders order the same versions in the same way.
func (o Order) Equal(other Order) bool { return o.name == other.name }

// IsZero reports whether o is no order.
func (o Order) IsZero() bool { return o.scheme == nil }

// Versions are the known versions of a listed order, ascending; nil for others.
func (o Order) Versions() []string {
	l, ok := o.scheme.(*listed)
	if !ok {
		return nil
	}
	return append([]string(nil), l.versions...)
}

var errNoOrder = errors.New("cannot compare versions: the product says no version order")

// Valid returns an error if v is not a version of this order. For a listed
// order the error names the nearest known version.
func (o Order) Valid(v string) error {
	switch {
	case o.scheme == nil:
		return errNoOrder
	case v == "":
		return errors.New("the version is empty")
	case len(v) > MaxLength:
		return fmt.Errorf("version %q… is longer than %d bytes", v[:16], MaxLength)
	}
	return o.scheme.valid(v)
}

// Compare returns -1 if a is older than b, 1 if it is newer and 0 if they are
// equal in this order (1.0 and v1.0.0 are equal when dotted). It is an error if
// one of them is not Valid.
func (o Order) Compare(a, b string) (int, error) {
	if err := o.Valid(a); err != nil {
		return 0, err
	}
	if err := o.Valid(b); err != nil {
		return 0, err
	}
	return o.scheme.compare(a, b), nil
}
