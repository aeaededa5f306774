package document

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"upkeep/internal/document/nearest"
)

// Decoder turns nodes into values and collects what is wrong with them, so
// that everything is reported together. Its getters return the zero value after
// an error; a decoder written with them needs no error handling until Err.
type Decoder struct {
	name   string
	lines  []string
	errs   Errors
	hidden []string
}

// NewDecoder returns a decoder for nodes of that source. The text is used for
// excerpts only.
func NewDecoder(src Source) *Decoder {
	text := strings.ReplaceAll(string(src.Text), "\r\n", "\n")
	return &Decoder{name: src.Name, lines: strings.Split(text, "\n")}
}

// Errorf records a mistake at a place. The hint may be empty.
func (d *Decoder) Errorf(at Pos, hint, format string, args ...any) {
	if len(d.errs) >= 10*maxErrors {
		return // nobody reads them, and a document can be large
	}
	e := &Error{Pos: at, Msg: fmt.Sprintf(format, args...), Hint: hint}
	if at.Line >= 1 && at.Line <= len(d.lines) {
		e.Line = d.lines[at.Line-1]
	}
	d.errs = append(d.errs, e)
}

// Hide keeps the value of a scalar out of every message and excerpt: it is, or
// may be, a secret.
func (d *Decoder) Hide(n *Node) {
	if n != nil && n.Kind == Scalar && n.Value != "" {
		d.hidden = append(d.hidden, n.Value)
	}
}

// Add records what somebody else found. Errors of a document are kept as they
// are, others stand at the given place.
func (d *Decoder) Add(at Pos, err error) {
	var list Errors
	var one *Error
	switch {
	case err == nil:
	case errors.As(err, &list):
		d.errs = append(d.errs, list...)
	case errors.As(err, &one):
		d.errs = append(d.errs, one)
	default:
		d.Errorf(at, "", "%s", err)
	}
}

// Failed says how many mistakes were recorded so far.
func (d *Decoder) Failed() int { return len(d.errs) }

// Err returns everything that was recorded, as Errors sorted by place, or nil.
// Secrets are masked in it.
func (d *Decoder) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	all := d.errs.sorted()
	for i, e := range all {
		masked := *e
		masked.Msg, masked.Hint, masked.Line = d.mask(e.Msg), d.mask(e.Hint), d.maskLine(e.Line)
		all[i] = &masked
	}
	return all
}

// shortSecret is the length below which a hidden value cannot be told from
// other text.
const shortSecret = 4

// mask replaces hidden values in a message.
func (d *Decoder) mask(text string) string {
	for _, h := range d.hidden {
		if len(h) < shortSecret {
			text = strings.ReplaceAll(text, strconv.Quote(h), `"***"`)
			continue
		}
		text = strings.ReplaceAll(text, h, stars(h))
		if quoted := strconv.Quote(h); quoted[1:len(quoted)-1] != h {
			text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], stars(h))
		}
	}
	return Redact(text)
}

// maskLine replaces hidden values in a source line by as many asterisks. A
// short one that stands in it takes the whole line.
func (d *Decoder) maskLine(line string) string {
	for _, h := range d.hidden {
		for part := range strings.SplitSeq(h, "\n") {
			part = strings.TrimSpace(part)
			switch {
			case part == "" || !strings.Contains(line, part):
			case len(part) < shortSecret:
				return ""
			default:
				line = strings.ReplaceAll(line, part, stars(part))
			}
		}
	}
	return RedactLine(line)
}

// describe names a node for "…, not a list".
func describe(n *Node) string {
	if n == nil {
		return "nothing"
	}
	return n.Kind.String()
}

// List returns the items of a list.
func (d *Decoder) List(n *Node, what string) []*Node {
	if n == nil {
		return nil
	}
	if n.Kind != List {
		hint := ""
		if n.Kind != Null {
			hint = "write it in brackets: [ … ]"
		}
		d.Errorf(n.Pos, hint, "%s must be a list, not %s", what, describe(n))
		return nil
	}
	return n.Items
}

// Strings returns a list of texts.
func (d *Decoder) Strings(n *Node, what string) []string {
	var all []string
	for _, item := range d.List(n, what) {
		all = append(all, d.String(item, "an item of "+what))
	}
	return all
}

// OneOrMany returns a list of texts, which may be written as one text.
func (d *Decoder) OneOrMany(n *Node, what string) []string {
	if n != nil && n.Kind == Scalar {
		return []string{d.String(n, what)}
	}
	return d.Strings(n, what)
}

// OneOf returns a text that must be one of those allowed.
func (d *Decoder) OneOf(n *Node, what string, allowed ...string) string {
	s := d.String(n, what)
	if s == "" {
		return ""
	}
	for _, a := range allowed {
		if s == a {
			return s
		}
	}
	d.Errorf(n.Pos, meant(s, allowed), "%s cannot be %q", what, s)
	return ""
}

// meant is the hint for a word that is not among those known.
func meant(word string, known []string) string {
	if near := nearest.Word(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 || len(known) > 32 {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}
