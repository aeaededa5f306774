package probe

import (
	"context"
	"errors"
	"fmt"

	"upkeep/internal/database"
)

// readSQL: the first column of a statement's first row, read in a read-only
// transaction. No row, or NULL, is no value.
func readSQL(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Database == nil {
		return Value{}, unreadable("", errors.New("no database can be opened here"))
	}
	db, done, err := e.database(ctx, *q.DB)
	if err != nil {
		return Value{}, unreadable("", err)
	}
	defer done()
	text, err := db.Query(ctx, q.arg)
	switch {
	case errors.Is(err, database.ErrNoRow):
		return Value{Evidence: fmt.Sprintf("database %s gave no row", q.DB.Component)}, nil
	case err != nil:
		return Value{}, unreadable("", err)
	}
	v, err := q.pick([]byte(text), false)
	if err != nil {
		return Value{}, unreadable("", err)
	}
	v.Evidence = fmt.Sprintf("%s in database %s", oneLine(q.arg, 80), q.DB.Component)
	if !v.Present {
		v.Evidence += " gave nothing"
	}
	return v, nil
}

func checkSQL(q query) error {
	if q.DB == nil {
		return malformed("it names no database")
	}
	return nil
}
