package migration

import (
	"context"
	"slices"

	"upkeep/internal/database"
)

// What a site has decided of a vendor's script, since its database is customised:
// words of notes, and states.
const (
	Edited = "edited"  // applied as the site has edited it; the note has the sum of that
	ByHand = "by-hand" // not carried out: what it does was done by hand
)

// Decide records what the site has decided of a script, once; done: it counts as
// applied, and nothing runs.
func Decide(ctx context.Context, db database.Database, s Script, n Note, done bool) error {
	return record(ctx, db, func(j *Journal) ([]string, error) {
		var texts []string
		if !slices.ContainsFunc(j.Notes, func(o Note) bool { return o.At == n.At && o.Script == n.Script }) {
			texts = append(texts, j.say(n))
		}
		if _, there := j.Find(s.Name); done && !there {
			texts = append(texts, j.apply(s))
		}
		return texts, nil
	})
}
