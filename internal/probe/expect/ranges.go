package expect

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"upkeep/internal/version"
)

// The ways in which two values compare.
const (
	kindVersion  = "version"
	kindNumber   = "number"
	kindSize     = "size"
	kindTime     = "time"
	kindDuration = "duration"
)

// operators, the longer ones first, so that ">=" is not read as ">".
var operators = [...]struct{ written, op string }{
	{">=", ">="}, {"<=", "<="}, {"!=", "!="}, {"≥", ">="}, {"≤", "<="}, {"≠", "!="}, {">", ">"}, {"<", "<"}, {"=", "="},
}

// maxTerms bounds a range; a real one has two or three.
const maxTerms = 32

// ranged is terms that must all hold.
type ranged []term

// term is an operator and a bound. kind says how the bound is read.
type term struct {
	op, kind string
	text     string // the bound as written
	number   *big.Rat
	time     time.Time
	order    version.Order // for versions; set for plain integers too when they are versions of an order that was asked for
	strict   bool          // kind was fixed, so no other reading is tried
}

func operatorOf(text string) string {
	for _, o := range operators {
		if strings.HasPrefix(text, o.written) {
			return o.written
		}
	}
	return ""
}

func parseRange(text string, o Options) (alternative, error) {
	var r ranged
	for part := range strings.SplitSeq(text, ",") {
		t, err := parseTerm(strings.TrimSpace(part), o)
		if err != nil {
			return nil, err
		}
		if r = append(r, t); len(r) > maxTerms {
			return nil, fmt.Errorf("it has more than %d terms", maxTerms)
		}
	}
	for i, a := range r {
		for _, b := range r[i+1:] {
			if excludes(a, b) || excludes(b, a) {
				return nil, fmt.Errorf("nothing is both %s %s and %s %s", a.op, a.text, b.op, b.text)
			}
		}
	}
	return r, nil
}

// excludes says that no value meets a lower bound, or a fixed value, and
// another term. Bounds that are read in different ways are left alone.
func excludes(a, b term) bool {
	if a.kind != b.kind || a.kind == "" {
		return false
	}
	c, err := b.compare(a.text)
	switch {
	case err != nil:
		return false
	case a.op == "=":
		ok, _ := b.match(a.text)
		return !ok
	case (a.op == ">=" || a.op == ">") && (b.op == "<=" || b.op == "<"):
		return c > 0 || c == 0 && (a.op == ">" || b.op == "<")
	}
	return false
}

func parseTerm(part string, o Options) (term, error) {
	t := term{order: o.Order, strict: o.Compare != ""}
	if part == "" {
		return t, errors.New("a term between commas is empty")
	}
	written := operatorOf(part)
	if written == "" {
		return t, fmt.Errorf("%q has no operator: write >=, >, <=, <, = or != in front", part)
	}
	for _, op := range operators {
		if op.written == written {
			t.op = op.op
			break
		}
	}
	t.text = strings.TrimSpace(strings.TrimPrefix(part, written))
	if t.text == "" {
		return t, fmt.Errorf("a value must follow %q", written)
	}
	if operatorOf(t.text) != "" {
		return t, fmt.Errorf("%q is no operator", written+operatorOf(t.text))
	}
	return t, t.readBound(o)
}

// readBound finds out what kind of value the bound is. The forms exclude each
// other, except that a number may be a version: see compare.
func (t *term) readBound(o Options) error {
	kinds := []string{kindSize, kindDuration, kindTime, kindNumber, kindVersion}
	if o.Compare != "" {
		kinds = []string{o.Compare}
	}
	var last error
	for _, kind := range kinds {
		t.kind = kind
		switch kind {
		case kindSize:
			if o.Compare == "" && isNumber(t.text) {
				last = errors.New("a plain number")
				continue
			}
			t.number, last = ParseSize(t.text)
		case kindDuration:
			t.number, last = parseDuration(t.text)
		case kindTime:
			t.time, last = Moment(t.text)
		case kindNumber:
			if o.Compare == "" && !isInteger(t.text) {
				last = errors.New("not an integer")
				continue // 8.1 is a version unless it is said to be a number
			}
			t.number, last = parseNumber(t.text)
		case kindVersion:
			last = t.order.Valid(t.text)
		}
		if last == nil {
			return nil
		}
	}
	if t.op == "=" || t.op == "!=" {
		t.kind = ""
		return nil // compares as text
	}
	return fmt.Errorf("nothing can be compared with %q: %w", t.text, last)
}

func (r ranged) match(text string, present bool) (bool, string) {
	if !present {
		return false, ""
	}
	for _, t := range r {
		if ok, why := t.match(text); !ok {
			return false, why
		}
	}
	return true, ""
}

func (t term) match(text string) (ok bool, why string) {
	c, err := t.compare(text)
	if err != nil {
		// "= word" and "!= word" are true of texts that cannot be ordered, too.
		switch t.op {
		case "=":
			return text == t.text, err.Error()
		case "!=":
			return text != t.text, err.Error()
		}
		return false, err.Error()
	}
	switch t.op {
	case ">=":
		ok = c >= 0
	case ">":
		ok = c > 0
	case "<=":
		ok = c <= 0
	case "<":
		ok = c < 0
	case "=":
		ok = c == 0
	case "!=":
		ok = c != 0
	}
	return ok, ""
}

// compare returns how the value compares to the bound: -1, 0, 1.
func (t term) compare(text string) (int, error) {
	switch t.kind {
	case kindSize:
		n, err := ParseSize(text)
		if err != nil {
			return 0, err
		}
		return n.Cmp(t.number), nil
	case kindDuration:
		n, err := parseDuration(text)
		if err != nil {
			return 0, err
		}
		return n.Cmp(t.number), nil
	case kindTime:
		at, err := Moment(text)
		if err != nil {
			return 0, err
		}
		return at.Compare(t.time), nil
	case kindNumber:
		return t.compareInteger(text)
	case kindVersion:
		return t.order.Compare(text, t.text)
	}
	return strings.Compare(text, t.text), nil
}

// compareInteger: an integer as bound is a number if the value is one, and
// otherwise a version, as in ">= 8" of 8.1.2.
func (t term) compareInteger(text string) (int, error) {
	if !t.strict && !isInteger(text) {
		return t.order.Compare(text, t.text)
	}
	// Where the order knows both (a list in which 10 stands before 9), its word counts.
	if !t.strict && t.order.Valid(text) == nil && t.order.Valid(t.text) == nil {
		return t.order.Compare(text, t.text)
	}
	n, err := parseNumber(text)
	if err != nil {
		return 0, err
	}
	return n.Cmp(t.number), nil
}

func (r ranged) String() string {
	words := make([]string, len(r))
	for i, t := range r {
		words[i] = t.op + " " + t.text
		if t.kind == kindSize && !isNumber(t.text) {
			words[i] += " (" + Bytes(t.number) + ")"
		}
	}
	return strings.Join(words, ", ")
}
