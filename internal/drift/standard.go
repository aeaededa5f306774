package drift

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Comparison is what is known of how a database differs from a standard.
type Comparison struct {
	// Standard says in words what it was compared with: "the standard of release
	// 2.0". Empty where there is nothing.
	Standard string `json:"standard,omitempty"`
	// Recorded: the standard is what Upkeep itself found earlier, not what the vendor
	// ships. Nothing is a difference that was there before.
	Recorded bool `json:"recorded,omitempty"`
	// Unknown says why it is not known whether there are differences; empty: it is.
	Unknown string `json:"unknown,omitempty"`
	// Notes say what stands beside it, such as standards that do not fit.
	Notes       []string     `json:"notes,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
}

// Clean says that the database is known to be as the standard has it.
func (c Comparison) Clean() bool { return c.Unknown == "" && len(c.Differences) == 0 }

// Without leaves out objects by patterns of their names (path.Match: * ? […]),
// and what belongs to them. A pattern may name the kind too: "table public.log_*".
func (s Schema) Without(patterns []string) Schema {
	out := s
	out.Objects = slices.DeleteFunc(slices.Clone(s.Objects), func(o Object) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			return fits(p, o.Name) || fits(p, o.Kind+" "+o.Name) || o.On != "" && (fits(p, o.On) || fits(p, o.ID()))
		})
	})
	return out
}

func fits(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// CheckPattern says what is wrong with a pattern of Without.
func CheckPattern(p string) error {
	if _, err := path.Match(p, ""); err != nil || strings.TrimSpace(p) == "" {
		return fmt.Errorf("%q is no pattern of names: * stands for any text, ? for one sign, [a-z] for one of some", p)
	}
	return nil
}

// Redacted is the difference without the values of what looks like secrets (see
// Redact): to be shown or handed on.
func (d Difference) Redacted() Difference {
	var want, have []string
	for _, l := range redacted(Lines(d.Want, d.Have)) {
		if l.Op != '+' {
			want = append(want, l.Text)
		}
		if l.Op != '-' {
			have = append(have, l.Text)
		}
	}
	d.Want, d.Have = strings.Join(want, "\n"), strings.Join(have, "\n")
	return d
}

// Encode writes a schema as a document of the vendor: JSON, with its objects in
// order, so that two of them can be compared by any tool.
func (s Schema) Encode() ([]byte, error) {
	sorted := s
	sorted.Objects = slices.Clone(s.Objects)
	sorted.Sort()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(sorted); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Parse reads what Encode wrote.
func Parse(text []byte) (Schema, error) {
	var s Schema
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Schema{}, fmt.Errorf("it is no standard of a database: %w", err)
	}
	if d.More() {
		return Schema{}, errors.New("it is no standard of a database: there is more after its end")
	}
	if !slices.Contains([]string{"postgres", "mariadb", "sqlite"}, s.Kind) || s.Server == "" {
		return Schema{}, fmt.Errorf("it is no standard of a database: it is of %q %q", s.Kind, s.Server)
	}
	seen := map[string]bool{}
	for _, o := range s.Objects {
		if o.Kind == "" || o.Name == "" || o.Definition == "" {
			return Schema{}, fmt.Errorf("it is no standard of a database: an object has no kind, name or definition (%q)", o.ID())
		}
		if seen[o.ID()] {
			return Schema{}, fmt.Errorf("it is no standard of a database: the %s stands in it twice", o.ID())
		}
		seen[o.ID()] = true
	}
	return s, nil
}

// File is the name of the document for a kind and major version of server:
// "postgres-15.json".
func (s Schema) File() string { return s.Kind + "-" + s.Server + ".json" }
