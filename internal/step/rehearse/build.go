package rehearse

import (
	"context"
	"errors"
	"fmt"

	"upkeep/internal/database"
	"upkeep/internal/database/migration"
	"upkeep/internal/drift"
	"upkeep/internal/step"
)

// Build carries out the script of a fresh install in an empty scratch database
// beside live, and gives the objects that it makes there. Afterwards the scratch
// database is gone; live is only read. A script that reaches out of its database is
// refused, as in a rehearsal.
func Build(ctx context.Context, live database.Database, s migration.Script) (schema drift.Schema, err error) {
	if s.Native {
		return schema, fmt.Errorf("cannot build a standard from %s: %w: it is for the server's own client", s.Name, database.ErrScript)
	}
	scratch, err := live.Scratch(ctx)
	if err != nil {
		return schema, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	others, why, err := outside(ctx, scratch)
	if err != nil {
		return schema, err
	}
	if why == "" {
		why = reaches(live.Kind(), s.SQL, others)
	}
	if why != "" {
		return schema, &step.UserError{Msg: fmt.Sprintf("cannot build a standard from %s: %s", s.Name, why), Now: "report it to the vendor; nothing was carried out"}
	}
	if err := (&migration.Runner{DB: scratch}).Apply(ctx, s); err != nil {
		return schema, err
	}
	return scratch.Objects(ctx)
}
