// Package lingua shows in another language what Upkeep says in English.
//
// The engine, the model and all errors speak English, and so do the journal,
// the log and JSON: what is kept can be read by whoever helps. A face that
// shows such a text to a person gives it to a Language, which finds the format
// that it was made of, and puts the same values into that format's translation.
// What it does not know stays as it is; no value is ever lost or changed.
//
// It is pure, and imports the pure part of the standard library.
package lingua

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// files are the languages, one file each.
//
//go:embed languages/*.json
var files embed.FS

// English is the language that texts are written in. Nothing is to be done for
// it: a nil *Language stands for it too.
const English = "en"

// file is a language as it is written down.
type file struct {
	Name     string            `json:"name"`    // in its own words
	Decimal  string            `json:"decimal"` // the mark before tenths
	Groups   string            `json:"thousands"`
	Marks    map[string]string `json:"marks"` // what joins two texts, where it is written otherwise
	Units    map[string]string `json:"units"`
	Vowels   string            `json:"vowels"` // before which these words are written otherwise
	Elisions map[string]string `json:"elisions"`
	Texts    map[string]string `json:"texts"` // format by format of the source
}

// Language translates.
type Language struct {
	Code, Name string

	decimal, thousands string
	vowels             string
	elisions           map[string]string
	marks              map[string]string
	units              map[string]string
	exact              map[string]string     // texts without values, of more than one word
	terms              map[string]string     // single words, which are ours only where we say so
	formats            map[string][]*pattern // by the rarest word of each
	rest               []*pattern            // those without a word that stands alone
}

// Codes are the languages that there are, English among them.
func Codes() []string {
	out := []string{English}
	list, _ := files.ReadDir("languages") // embedded: it is there
	for _, f := range list {
		out = append(out, strings.TrimSuffix(f.Name(), path.Ext(f.Name())))
	}
	slices.Sort(out)
	return out
}

// Chosen is the language of a name as the environment writes it (fr, fr_CA.UTF-8,
// fr-BE), or "" when there is no such language.
func Chosen(name string) string {
	code, _, _ := strings.Cut(name, ".")
	code, _, _ = strings.Cut(code, "@")
	code, _, _ = strings.Cut(strings.ReplaceAll(code, "-", "_"), "_")
	code = strings.ToLower(code)
	if code == "c" || code == "posix" {
		return English
	}
	if slices.Contains(Codes(), code) {
		return code
	}
	return ""
}

// Of gives a language by its code; nil for English.
func Of(code string) (*Language, error) {
	if code == English {
		return nil, nil
	}
	raw, err := files.ReadFile("languages/" + code + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no language %q: there are %s", code, strings.Join(Codes(), ", "))
	}
	l, err := load(code, raw)
	if err != nil {
		return nil, fmt.Errorf("cannot read the language %s: %w", code, err)
	}
	return l, nil
}

func load(code string, raw []byte) (*Language, error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	l := &Language{Code: code, Name: f.Name, decimal: f.Decimal, thousands: f.Groups, marks: f.Marks, units: f.Units, vowels: f.Vowels, elisions: f.Elisions,
		exact: map[string]string{}, terms: map[string]string{}, formats: map[string][]*pattern{}}
	var all []*pattern
	common := map[string]int{}
	for from, to := range f.Texts {
		p, err := parse(strings.Trim(from, "\n"), strings.Trim(to, "\n")) // where a text stands is not of the text
		if err != nil {
			return nil, err
		}
		switch {
		case len(p.verbs) > 0:
			all = append(all, p)
			for _, w := range p.words {
				common[w]++
			}
		case strings.ContainsAny(p.from[0], " \n"):
			l.exact[p.from[0]] = p.to[0]
		default:
			l.terms[p.from[0]] = p.to[0]
		}
	}
	for _, p := range all {
		rarest := ""
		for _, w := range p.words {
			if rarest == "" || common[w] < common[rarest] || common[w] == common[rarest] && w < rarest {
				rarest = w
			}
		}
		if rarest == "" {
			l.rest = append(l.rest, p)
			continue
		}
		l.formats[rarest] = append(l.formats[rarest], p)
	}
	return l, nil
}

// Word translates a single word of ours: one that a name or a value could be
// as well.
func (l *Language) Word(word string) string {
	if l == nil {
		return word
	}
	if to, ok := l.terms[word]; ok {
		return to
	}
	return l.Text(word)
}

// Verbatim marks a line as one that is shown as it is: code, comparisons. It is
// a colour that no terminal shows, and goes where colours go.
const Verbatim = "\x1b[10m"

// Unit is how a unit of size is written.
func (l *Language) Unit(unit string) string {
	if l != nil && l.units[unit] != "" {
		return l.units[unit]
	}
	return unit
}

// Text translates a finished text, line by line where it is not known as a whole.
func (l *Language) Text(text string) string {
	if l == nil || text == "" {
		return text
	}
	r := l.read()
	inner := strings.Trim(text, "\n")
	whole := finding{}
	if !strings.Contains(text, Verbatim) {
		whole = r.find(inner, 0)
	}
	if whole.ok && whole.cover == letters(inner) || inner == "" {
		return strings.Replace(text, inner, whole.to, 1)
	}
	var b strings.Builder
	cover := 0
	for line := range strings.Lines(text) {
		line, end := cutEnd(line)
		if strings.Contains(line, Verbatim) {
			b.WriteString(line + end)
			continue
		}
		r.left = most
		f := r.line(line)
		b.WriteString(f.to + end)
		cover += f.cover
	}
	if whole.ok && whole.cover > cover {
		return strings.Replace(text, inner, whole.to, 1)
	}
	return b.String()
}

// cutEnd takes the end off a line.
func cutEnd(line string) (text, end string) {
	text = strings.TrimSuffix(line, "\n")
	return text, line[len(text):]
}

// line translates what stands between the colours of a line.
func (l *reading) line(line string) finding {
	var b strings.Builder
	cover := 0
	for line != "" {
		at := strings.IndexByte(line, '\x1b')
		if at < 0 {
			at = len(line)
		}
		f := l.piece(line[:at])
		b.WriteString(f.to)
		cover += f.cover
		if line = line[at:]; line == "" {
			break
		}
		end := strings.IndexByte(line, 'm') + 1
		if end == 0 {
			end = len(line)
		}
		b.WriteString(line[:end])
		line = line[end:]
	}
	return finding{b.String(), true, cover}
}

// around are what surrounds a text without being of it.
const around = " \t✓✗!▸↩·→?-|^"

func (l *reading) piece(text string) finding {
	inner := strings.TrimLeft(text, around)
	head := text[:len(text)-len(inner)]
	inner = strings.TrimRight(inner, " \t")
	tail := text[len(head)+len(inner):]
	if inner == "" {
		return finding{to: text}
	}
	whole, part := l.find(text, 0), l.find(inner, 0)
	if whole.ok && whole.cover > part.cover {
		return whole
	}
	if !part.ok {
		part = l.parts(inner, 0)
	}
	return finding{head + part.to + tail, true, part.cover}
}
