// Package config merges three versions of a configuration file: what the
// installed release shipped (base), what the site made of it (site), and what
// the new release ships (new). It takes the new text and puts in the keys that
// the site has changed. Nothing is serialised anew: parsers only find the
// bytes, so comments, order, line ends and what else stands there stay.
//
// It is pure: texts in, texts out, no file is touched. It imports the standard
// library and the parsers of YAML and JSON, and nothing of Upkeep.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Format says how a file's keys are found.
type Format string

// The formats. Lines has no keys: such files are merged line by line.
const (
	YAML       Format = "yaml"
	JSON       Format = "json" // with comments and commas at the end, where a file has them
	XML        Format = "xml"
	INI        Format = "ini"
	Properties Format = "properties"
	Keyword    Format = "keyword" // KEY VALUE, as in redis.conf
	Lines      Format = "lines"
)

// Formats lists them all.
func Formats() []Format { return []Format{YAML, JSON, XML, INI, Properties, Keyword, Lines} }

// FormatOf gives the format of a file by its name. Declared are patterns of
// names, or of paths if they have a slash, which come first, the longest first.
func FormatOf(name string, declared map[string]Format) Format {
	var best string
	for pattern := range declared {
		if Matches(pattern, name) && (len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best = pattern
		}
	}
	if best != "" {
		return declared[best]
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml":
		return YAML
	case ".json", ".jsonc":
		return JSON
	case ".xml", ".config":
		return XML
	case ".ini", ".cnf":
		return INI
	case ".properties", ".env":
		return Properties
	}
	return Lines
}

// Matches says whether a pattern of file names fits a file: its name, or its
// path where the pattern has a slash.
func Matches(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// What can be chosen for a key that both sides have changed. Any other value is
// written as it is, after an equals sign: "=8080".
const (
	Mine = "mine" // the site's
	New  = "new"  // the new release's
)

// Conflict is one key that both sides have changed, or one place of a file that
// is merged line by line.
type Conflict struct {
	Key    string
	Base   string // what the installed release shipped; empty: nothing
	Site   string // empty: the site has removed it
	New    string // empty: the new release has removed it
	Chosen string // Mine, New, or "=" and a value; empty: nobody has decided
}

// Result is a merged file.
type Result struct {
	// Text is the merged text. Where a conflict is not decided it has what the
	// new release ships.
	Text      []byte
	Format    Format // how it was merged: Lines where a text could not be read as its own format
	Why       string // why not as its own format
	Conflicts []Conflict
	Obsolete  []string // keys that the site has changed and the new release has no more; they are carried over
	Kept      []string // keys of the site that are in the text
}

// Decided says that every conflict has its choice.
func (r Result) Decided() bool {
	return !slices.ContainsFunc(r.Conflicts, func(c Conflict) bool { return c.Chosen == "" })
}

// Merge merges. Choices are those of conflicts, by key; New drops an obsolete
// key. A choice that cannot be put into the file is an error.
func Merge(base, site, new []byte, f Format, choices map[string]string) (Result, error) {
	if g := grammarOf(f); g != nil {
		r, err := mergeKeys(g, f, base, site, new, choices)
		var cannot *unreadable
		if err == nil || !errors.As(err, &cannot) {
			return r, err
		}
		r, err = mergeLines(base, site, new, choices)
		r.Why = cannot.Error()
		return r, err
	}
	return mergeLines(base, site, new, choices)
}

// Text says whether bytes are a text that can be merged.
func Text(b []byte) bool { return !bytes.Contains(b, []byte{0}) }

// unreadable says why a text is not merged by its keys.
type unreadable struct {
	which string
	err   error
}

func (e *unreadable) Error() string { return fmt.Sprintf("%s: %v", e.which, e.err) }

func (e *unreadable) Unwrap() error { return e.err }

// mergeKeys merges by keys.
func mergeKeys(g grammar, f Format, base, site, new []byte, choices map[string]string) (Result, error) {
	files := [3]*file{}
	for i, text := range [][]byte{base, site, new} {
		root, err := parse(g, text)
		if err != nil {
			return Result{}, &unreadable{[...]string{"the file as it was shipped", "the site's file", "the new release's file"}[i], err}
		}
		files[i] = &file{text: text, root: root, eol: eolOf(text)}
	}
	m := &merger{g: g, base: files[0], site: files[1], new: files[2], choices: choices}
	expected := m.branch(files[0].root, files[1].root, files[2].root, nil)
	r := Result{Format: f, Conflicts: m.conflicts, Obsolete: m.obsolete, Kept: m.kept}
	if m.err != nil {
		return r, m.err
	}
	if lines, clean := mergedLines(base, site, new); clean && len(m.conflicts) == 0 && means(g, lines, expected) {
		r.Text = lines // the same keys, and the site's comments too
		return r, nil
	}
	r.Text = apply(new, m.edits)
	if !means(g, r.Text, expected) {
		if len(m.edited) > 0 {
			return r, fmt.Errorf("the value chosen for %s cannot be written into a file of format %s", strings.Join(m.edited, ", "), f)
		}
		return r, &unreadable{"the merged file", fmt.Errorf("it would not mean what it should")}
	}
	return r, nil
}

// means says whether a text has exactly the wanted keys and values.
func means(g grammar, text []byte, want *node) bool {
	root, err := parse(g, text)
	if err != nil || !same(root, want) {
		return false
	}
	s, ok := g.(interface {
		sound(text []byte, root *node) error
	})
	return !ok || s.sound(text, root) == nil
}

func eolOf(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// bom is the mark that some editors put before a text.
const bom = "\xef\xbb\xbf"

// edit replaces a part of a text.
type edit struct {
	at   span
	with string
}

type span struct{ from, to int }

// apply makes the edits; those at one place in the order in which they came.
func apply(text []byte, edits []edit) []byte {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.at.from != b.at.from {
			return a.at.from - b.at.from
		}
		return min(1, a.at.to-a.at.from) - min(1, b.at.to-b.at.from) // what is put in comes before what is taken out
	})
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.at.from < at { // two edits overlap: what comes of it is compared with what it must be
			continue
		}
		out.Write(text[at:e.at.from])
		out.WriteString(e.with)
		at = e.at.to
	}
	out.Write(text[at:])
	return out.Bytes()
}
