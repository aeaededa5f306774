// Package drift is the model of what differs from the vendor's standard in a
// database: its objects with their definitions, a vendor's standard as a
// document, and the comparison of two.
//
// It is part of the model, and may import the pure part of the standard library.
package drift

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Schema is every object of one database, of one moment. What the site chooses
// and no script of a vendor depends on is left out: rows, where sequences stand,
// owners, privileges, PostgreSQL's comments, tablespaces, and what tunes (fill factor,
// statistics targets). So is what Upkeep keeps there itself.
type Schema struct {
	Kind string `json:"kind"` // "postgres", "mariadb", "sqlite"
	// Server is the major version, whose texts of definitions can be compared:
	// "15", "10.11", "3".
	Server  string   `json:"server"`
	Objects []Object `json:"objects"`
}

// Object is one of them.
type Object struct {
	// Kind is table, view, materialized view, function, procedure, aggregate,
	// trigger, policy, rule, type, domain, sequence, extension, event and so on.
	// Columns, constraints and indexes stand in their table's definition.
	Kind string `json:"kind"`
	// Name is the name as an administrator would write it: qualified by its schema
	// where a kind of database has schemas, quoted where it must be, a function's
	// with the types of its arguments.
	Name string `json:"name"`
	// On is the name of the table or view that it belongs to: of a trigger, a
	// policy, a rule. Two triggers of two tables may have one name.
	On string `json:"on,omitempty"`
	// Definition is the text to compare and to read, one line for a column, a
	// constraint, an index.
	Definition string `json:"definition"`
}

// ID tells the objects of one schema apart: "table public.users", "trigger touch
// on public.users".
func (o Object) ID() string {
	if o.On != "" {
		return o.Kind + " " + o.Name + " on " + o.On
	}
	return o.Kind + " " + o.Name
}

// Sort brings the objects into the order in which schemas are written.
func (s *Schema) Sort() {
	slices.SortFunc(s.Objects, func(a, b Object) int { return cmp.Compare(a.ID(), b.ID()) })
}

// Digest is the SHA-256 of kind, server and definitions, in hexadecimal. The
// order of the objects does not matter.
func (s Schema) Digest() string {
	sorted := Schema{Objects: slices.Clone(s.Objects)}
	sorted.Sort()
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", s.Kind, s.Server)
	for _, o := range sorted.Objects {
		fmt.Fprintf(h, "%q %q\n", o.ID(), o.Definition)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// How an object differs from the standard.
type How string

// An object is there beside the standard's, has another definition, or is not
// there.
const (
	Added   How = "added"
	Changed How = "changed"
	Missing How = "missing"
)

// Difference is one object that is not as the standard has it.
type Difference struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	On   string `json:"on,omitempty"`
	How  How    `json:"how"`
	Want string `json:"want,omitempty"` // the standard's definition; empty for Added
	Have string `json:"have,omitempty"` // what is there; empty for Missing
}

// Object is the object that differs, as it is there; as the standard has it
// where it is missing.
func (d Difference) Object() Object {
	o := Object{Kind: d.Kind, Name: d.Name, On: d.On, Definition: d.Have}
	if d.How == Missing {
		o.Definition = d.Want
	}
	return o
}

// String is one line: "view public.names: changed".
func (d Difference) String() string { return d.Object().ID() + ": " + string(d.How) }

// Comparable says whether the definitions of two schemas may be compared: their
// texts are those of one server's major version. Otherwise it says why not.
func Comparable(standard, actual Schema) error {
	if standard.Kind != actual.Kind {
		return fmt.Errorf("the standard is of a database of kind %s, and this one is %s", standard.Kind, actual.Kind)
	}
	if standard.Server != actual.Server {
		return fmt.Errorf("the standard is of %s %s, and the server is %s: each version writes definitions in its own words", standard.Kind, standard.Server, actual.Server)
	}
	return nil
}

// Compare lists what differs, in order of kinds and names; nil when nothing
// does. The schemas are Comparable.
func Compare(standard, actual Schema) []Difference {
	want, have := index(standard), index(actual)
	ids := make([]string, 0, len(want)+len(have))
	for id := range want {
		ids = append(ids, id)
	}
	for id := range have {
		if _, both := want[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []Difference
	for _, id := range ids {
		w, wanted := want[id]
		h, there := have[id]
		switch {
		case !wanted:
			out = append(out, Difference{Kind: h.Kind, Name: h.Name, On: h.On, How: Added, Have: h.Definition})
		case !there:
			out = append(out, Difference{Kind: w.Kind, Name: w.Name, On: w.On, How: Missing, Want: w.Definition})
		case w.Definition != h.Definition:
			out = append(out, Difference{Kind: h.Kind, Name: h.Name, On: h.On, How: Changed, Want: w.Definition, Have: h.Definition})
		}
	}
	return out
}

func index(s Schema) map[string]Object {
	m := make(map[string]Object, len(s.Objects))
	for _, o := range s.Objects {
		m[o.ID()] = o
	}
	return m
}
