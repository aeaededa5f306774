package manifest

import (
	"upkeep/internal/document"
	"upkeep/internal/version"
)

// Upkeeps is the order of Upkeep's own versions.
func Upkeeps() version.Order {
	o, err := version.Parse("semver")
	if err != nil {
		panic(err) // it is one of the named orders
	}
	return o
}

// Prerequisite is what can be read of documents that a newer Upkeep may be needed for.
type Prerequisite struct {
	Product   string
	Release   string
	Withdrawn string
	Upkeep    string // the lowest version; empty where they do not say
}

// PrerequisiteOf reads from the documents of a manifest which Upkeep they need, without
// reading the rest: what a newer Upkeep knows would be mistakes to this one.
func PrerequisiteOf(nodes []*document.Node) (need Prerequisite) {
	for _, n := range nodes {
		text := func(in, key string) string {
			if v := n.Get(in).Get(key); v != nil && v.Kind == document.Scalar {
				return v.Value
			}
			return ""
		}
		if v := text("requires", "upkeep"); v != "" {
			need = Prerequisite{Product: text("release", "product"), Release: text("release", "version"), Withdrawn: text("release", "withdrawn"), Upkeep: v}
		}
	}
	return need
}
