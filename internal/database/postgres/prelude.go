package postgres

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed clear.sql
var clearing string

// prelude opens the transaction of a restore and empties the database of
// everything but the extensions to keep. Waiting for a lock is bounded, since
// somebody whom we may not end may hold one.
func prelude(keep []string, major int, patience time.Duration) string {
	names := make([]string, len(keep))
	for i, name := range keep {
		names[i] = literal(name)
	}
	public := "pg_database_owner"
	grants := "USAGE"
	if major < 15 {
		// Before 15 the schema public belonged to the first superuser and all
		// could create in it.
		public, grants = "", "USAGE, CREATE"
	}
	return strings.NewReplacer(
		"/*patience*/", literal(fmt.Sprintf("%dms", patience.Milliseconds())),
		"/*keep*/", strings.Join(names, ", "),
		"/*public_owner*/", literal(public),
		"/*public_grants*/", grants,
	).Replace(clearing)
}
