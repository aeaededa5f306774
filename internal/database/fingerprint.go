package database

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Fingerprint is the content of a database in short. Left out, because a dump
// does not carry it or it changes by itself: object numbers, physical layout,
// planner statistics, the stored rows of materialised views (a restore
// refreshes them), foreign tables' rows, and settings attached to a database or
// a role from outside (ALTER DATABASE … SET), which are holds of their own.
type Fingerprint struct {
	// Objects maps "table public.users" to a short hash of its definition.
	Objects map[string]string `json:"objects"`
	// Tables maps a table (or sequence, or "large objects") to its rows.
	Tables map[string]Rows `json:"tables"`
}

// Rows is the content of one table.
type Rows struct {
	Count int64 `json:"count"`
	// Sum does not depend on the order of rows. Its meaning belongs to the kind.
	Sum string `json:"sum"`
}

// Object adds a definition to the fingerprint.
func (f *Fingerprint) Object(name, definition string) {
	if f.Objects == nil {
		f.Objects = map[string]string{}
	}
	sum := sha256.Sum256([]byte(definition))
	f.Objects[name] = hex.EncodeToString(sum[:8])
}

// Table adds the rows of a table to the fingerprint.
func (f *Fingerprint) Table(name string, rows Rows) {
	if f.Tables == nil {
		f.Tables = map[string]Rows{}
	}
	f.Tables[name] = rows
}

// RowCount is the number of rows in all tables.
func (f Fingerprint) RowCount() int64 {
	var n int64
	for _, r := range f.Tables {
		n += r.Count
	}
	return n
}

// Schema is the SHA-256 of all definitions, in hexadecimal.
func (f Fingerprint) Schema() string {
	h := sha256.New()
	f.writeSchema(h)
	return hex.EncodeToString(h.Sum(nil))
}

// Digest is the SHA-256 of definitions and rows, in hexadecimal.
func (f Fingerprint) Digest() string {
	h := sha256.New()
	f.writeSchema(h)
	for _, name := range sortedKeys(f.Tables) {
		fmt.Fprintf(h, "rows %q %d %q\n", name, f.Tables[name].Count, f.Tables[name].Sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f Fingerprint) writeSchema(h hash.Hash) {
	for _, name := range sortedKeys(f.Objects) {
		fmt.Fprintf(h, "object %q %q\n", name, f.Objects[name])
	}
}

// Difference is one thing that is not the same in two fingerprints.
type Difference struct {
	Name string // "table public.users", "rows of public.users"
	What string // "added", "removed", "changed"
	Old  string // what it was; for rows a count and a sum
	New  string
}

func (d Difference) String() string {
	if d.Old == "" && d.New == "" || d.What != "changed" {
		return d.Name + ": " + d.What
	}
	return fmt.Sprintf("%s: changed from %s to %s", d.Name, d.Old, d.New)
}

// Compare lists what differs, in order of names; nil when nothing does.
func Compare(old, new Fingerprint) []Difference {
	d := compare(old.Objects, new.Objects, "", func(s string) string { return s })
	return append(d, compare(old.Tables, new.Tables, "rows of ", Rows.String)...)
}

func (r Rows) String() string { return fmt.Sprintf("%d rows (%s)", r.Count, r.Sum) }

func compare[V comparable](old, new map[string]V, prefix string, text func(V) string) []Difference {
	names := append(sortedKeys(old), sortedKeys(new)...)
	slices.Sort(names)
	var out []Difference
	for _, name := range slices.Compact(names) {
		o, inOld := old[name]
		n, inNew := new[name]
		switch {
		case !inOld:
			out = append(out, Difference{Name: prefix + name, What: "added", New: text(n)})
		case !inNew:
			out = append(out, Difference{Name: prefix + name, What: "removed", Old: text(o)})
		case o != n:
			out = append(out, Difference{Name: prefix + name, What: "changed", Old: text(o), New: text(n)})
		}
	}
	return out
}

// Summary says the first few differences in one line.
func Summary(ds []Difference) string {
	const most = 5
	var parts []string
	for i, d := range ds {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(ds)-most))
			break
		}
		parts = append(parts, d.String())
	}
	return strings.Join(parts, "; ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
