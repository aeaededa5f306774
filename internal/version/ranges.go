package version

import (
	"errors"
	"fmt"
	"strings"
)

// Range is a set of versions of one order. The zero value contains nothing:
// its methods return errors. Values are immutable and safe to share.
type Range struct {
	order Order
	any   bool
	terms []term // all must hold
}

type term struct{ op, version string }

// operators, the longer ones first, so that ">=" is not read as ">".
var operators = [...]string{">=", "<=", "!=", ">", "<", "="}

// maxTerms bounds a range; a real one has two or three.
const maxTerms = 32

// ParseRange reads a range over this order: "*" for every version, a version
// alone for exactly that one, or terms of an operator (>= > <= < = !=) and a
// version, separated by commas, all of which must hold.
func (o Order) ParseRange(s string) (Range, error) {
	if o.IsZero() {
		return Range{}, errNoOrder
	}
	if strings.TrimSpace(s) == "" {
		return Range{}, errors.New(`the range is empty: write "*" for every version`)
	}
	if strings.TrimSpace(s) == "*" {
		return Range{order: o, any: true}, nil
	}
	r := Range{order: o}
	for text := range strings.SplitSeq(s, ",") {
		t, err := o.parseTerm(strings.TrimSpace(text))
		if err != nil {
			return Range{}, fmt.Errorf("cannot read range %q: %w", s, err)
		}
		if r.terms = append(r.terms, t); len(r.terms) > maxTerms {
			return Range{}, fmt.Errorf("the range has more than %d terms", maxTerms)
		}
	}
	return r, nil
}

func (o Order) parseTerm(text string) (term, error) {
	t := term{op: "", version: text}
	for _, op := range operators {
		if rest, ok := strings.CutPrefix(text, op); ok {
			t = term{op, strings.TrimSpace(rest)}
			break
		}
	}
	switch {
	case text == "":
		return t, errors.New("a term between commas is empty")
	case text == "*":
		return t, errors.New(`"*" stands alone`)
	case t.version == "":
		return t, fmt.Errorf("a version must follow %q", t.op)
	case t.op == "=" && strings.HasPrefix(t.version, "="):
		return t, errors.New(`"==" is no operator: did you mean "="?`)
	}
	return t, o.Valid(t.version)
}

// Contains reports whether v lies in the range. It is an error if v is not a
// version of the range's order.
func (r Range) Contains(v string) (bool, error) {
	if err := r.order.Valid(v); err != nil {
		return false, err
	}
	for _, t := range r.terms {
		if !t.holds(r.order.scheme.compare(v, t.version)) {
			return false, nil
		}
	}
	return r.any || len(r.terms) > 0, nil
}

// holds says whether the term is true of a version that compares like that to
// the term's own.
func (t term) holds(compared int) bool {
	switch t.op {
	case ">=":
		return compared >= 0
	case ">":
		return compared > 0
	case "<=":
		return compared <= 0
	case "<":
		return compared < 0
	case "!=":
		return compared != 0
	}
	return compared == 0
}

// Empty reports whether no version can lie in the range, as in "> 2, < 1". It
// may overlook an empty one of an order that is not listed, when versions lie
// close together, but never calls one empty that is not.
func (r Range) Empty() bool {
	if l, ok := r.order.scheme.(*listed); ok && !r.any {
		for _, v := range l.versions {
			if in, err := r.Contains(v); err == nil && in {
				return false
			}
		}
		return true
	}
	for i, a := range r.terms {
		for _, b := range r.terms[i+1:] {
			if contradict(a, b, r.order.scheme.compare(a.version, b.version)) {
				return true
			}
		}
	}
	return !r.any && len(r.terms) == 0
}

// contradict says whether no version can satisfy both terms; compared is how
// the version of a compares to that of b.
func contradict(a, b term, compared int) bool {
	if compared < 0 {
		// a version below a's, a's own, one between, b's own, one above b's
		return !overlap(a, b, [][2]int{{-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}})
	}
	if compared > 0 {
		return !overlap(a, b, [][2]int{{-1, -1}, {-1, 0}, {-1, 1}, {0, 1}, {1, 1}})
	}
	return !overlap(a, b, [][2]int{{-1, -1}, {0, 0}, {1, 1}})
}

// overlap says whether some place satisfies both; a place is how a version
// there compares to a's and to b's.
func overlap(a, b term, places [][2]int) bool {
	for _, p := range places {
		if a.holds(p[0]) && b.holds(p[1]) {
			return true
		}
	}
	return false
}

// String is the range in its canonical spelling; ParseRange reads it back.
func (r Range) String() string {
	if r.any {
		return "*"
	}
	terms := make([]string, len(r.terms))
	for i, t := range r.terms {
		terms[i] = strings.TrimSpace(t.op + " " + t.version)
	}
	return strings.Join(terms, ", ")
}

// MarshalText gives String.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Equal reports whether both ranges are spelled the same over the same order.
func (r Range) Equal(other Range) bool {
	return r.order.Equal(other.order) && r.String() == other.String()
}

// IsZero reports whether r is no range.
func (r Range) IsZero() bool { return !r.any && len(r.terms) == 0 }

// Order is the order that the range is over.
func (r Range) Order() Order { return r.order }
