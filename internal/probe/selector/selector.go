// Package selector takes values out of a text: by a regular expression, by a
// dotted path in JSON or YAML, by a part of XPath, or by a key in an INI-like,
// properties or PHP file. The reference is docs/reference/probes.md.
//
// It does no I/O. It imports the standard library and, for YAML's syntax tree,
// goccy/go-yaml.
package selector

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// MaxLength is the longest selector, in bytes.
const MaxLength = 4096

// Format says how a text is read.
type Format string

// The formats. Auto is JSON when the text begins like it, else plain text.
const (
	Auto       Format = "auto"
	Text       Format = "text"
	JSON       Format = "json"
	YAML       Format = "yaml"
	INI        Format = "ini"        // key = value, key: value or key value; [sections]
	Properties Format = "properties" // Java's
	PHP        Format = "php"        // 'key' => value, $key = value, define('key', value)
	XML        Format = "xml"
)

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Auto, Text, JSON, YAML, INI, Properties, PHP, XML:
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: use text, json, yaml, ini, properties or php", name)
}

// FormatOf tells the format from a file's name; Text where the name does not
// say. Both separators are taken.
func FormatOf(name string) Format {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	switch strings.ToLower(path.Ext(base)) {
	case ".json":
		return JSON
	case ".yaml", ".yml":
		return YAML
	case ".ini", ".conf", ".cfg", ".cnf", ".env":
		return INI
	case ".properties":
		return Properties
	case ".php":
		return PHP
	case ".xml", ".config":
		return XML
	}
	return Text
}

// Selector is a parsed selector. The zero value selects the whole text.
// Values are immutable and safe to share.
type Selector struct {
	text   string
	format Format
	re     *regexp.Regexp // nil when keys are meant
	path   []string       // for JSON, YAML and Auto
	xpath  xpath          // for XML
}

// Parse reads a selector for texts of a format. "/…/" is a regular expression
// in every format; otherwise a plain text takes a regular expression, JSON and
// YAML a dotted path (a.b.0, a."b.c", a[0]) and the others a key, with its
// section in front where it has one, and XML a part of XPath. Empty selects the
// whole text.
func Parse(text string, f Format) (Selector, error) {
	s := Selector{text: text, format: f}
	if text == "" {
		return s, nil
	}
	if len(text) > MaxLength {
		return s, fmt.Errorf("the selector is longer than %d bytes", MaxLength)
	}
	pattern, written := strings.CutPrefix(text, "/")
	if written = written && len(text) > 2 && strings.HasSuffix(text, "/"); written {
		pattern = strings.TrimSuffix(pattern, "/")
	}
	if strings.HasPrefix(text, "//") || f == XML && !written {
		var err error
		s.xpath, err = parseXPath(text)
		return s, err
	}
	switch {
	case f == Text && !written:
		pattern = text
	case f == Auto && !written:
		// The text decides: both readings are kept if it can be both.
		s.path, _ = splitPath(text)
		re, err := compile(text)
		if err != nil && s.path == nil {
			return s, err
		}
		s.re = re
		return s, nil
	case written:
	case f == JSON || f == YAML:
		var err error
		s.path, err = splitPath(text)
		return s, err
	default:
		if strings.ContainsAny(text, "()\\*+?|^$\n") {
			return s, fmt.Errorf("%q is no key: write a regular expression as /…/", text)
		}
		return s, nil
	}
	re, err := compile(pattern)
	s.re = re
	return s, err
}

func compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return nil, fmt.Errorf("cannot compile the regular expression: %w", err)
	}
	return re, nil
}

// Apply returns the selected value without white space around it. found is
// false when the text has none, or an empty one. An error says that the text
// is not of the format, or that the key stands there more than once with
// different values.
func (s Selector) Apply(text []byte) (value string, found bool, err error) {
	f := s.format
	re := s.re
	if f == Auto && s.text != "" {
		if f = Text; s.path != nil && looksLikeJSON(text) {
			f, re = JSON, nil
		} else if re == nil {
			return "", false, nil
		}
	}
	switch {
	case s.text == "":
		value = string(text)
	case s.xpath != nil:
		value, err = oneOf(text, s.xpath, s.text)
	case re != nil:
		value = match(re, text)
	case f == JSON:
		value, err = fromJSON(text, s.path)
	case f == YAML:
		value, err = fromYAML(text, s.path)
	case f == Properties:
		value, err = fromProperties(text, s.text)
	case f == PHP:
		value, err = fromPHP(text, s.text)
	default:
		value, err = fromINI(text, s.text)
	}
	if err != nil {
		return "", false, err
	}
	value = strings.TrimSpace(value)
	return value, value != "", nil
}

// match gives the first capture group that took part, or the whole match.
func match(re *regexp.Regexp, text []byte) string {
	m := re.FindSubmatch(text)
	if m == nil {
		return ""
	}
	return group(m)
}

func group(m [][]byte) string {
	for _, group := range m[1:] {
		if group != nil {
			return string(group)
		}
	}
	return string(m[0])
}

// oneOf gives the value that a path leads to, which must be the same wherever
// it leads.
func oneOf(text []byte, p xpath, what string) (string, error) {
	values, err := fromXML(text, p)
	if err != nil || len(values) == 0 {
		return "", err
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", fmt.Errorf("%s leads to several values, %q and %q", what, values[0], v)
		}
	}
	return values[0], nil
}

func looksLikeJSON(text []byte) bool {
	t := strings.TrimLeft(string(text[:min(len(text), 256)]), " \t\r\n\ufeff")
	return t != "" && (t[0] == '{' || t[0] == '[')
}

// once keeps a key's value and refuses a second, different one.
type once struct {
	value string
	line  int
}

func (o *once) see(key, value string, line int) error {
	if o.line > 0 && o.value != value {
		return fmt.Errorf("%q stands there with different values, in lines %d and %d: name its section, or select by /…/", key, o.line, line)
	}
	o.value, o.line = value, line
	return nil
}
