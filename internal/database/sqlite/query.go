package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"upkeep/internal/database"
)

// Query runs one statement on a read-only view.
func (db *DB) Query(ctx context.Context, query string) (string, error) {
	const what = "ask the database"
	if n := database.Statements(query, database.SQLite); n != 1 {
		return "", fmt.Errorf("cannot %s: one statement is wanted, and this is %d", what, n)
	}
	if err := (database.Script{Name: "the query", SQL: query}).Check(database.SQLite); err != nil {
		return "", fmt.Errorf("cannot %s: %w", what, err)
	}
	var text string
	err := db.look(ctx, func(v view) error {
		if _, err := v.ExecContext(ctx, "PRAGMA query_only = 1"); err != nil {
			return err
		}
		value, name, err := first(ctx, v, query)
		if err != nil {
			return err
		}
		if _, parsed := value.(time.Time); parsed {
			// The driver reads columns declared as dates; the text is wanted.
			if value, _, err = first(ctx, v, "SELECT +"+quote(name)+" FROM ("+query+")"); err != nil {
				return err
			}
		}
		text, err = asText(value)
		return err
	})
	if err != nil {
		return "", db.fail(ctx, what, err)
	}
	return text, nil
}

// first gives the first column of the first row.
func first(ctx context.Context, v view, query string) (value any, name string, err error) {
	rows, err := v.QueryContext(ctx, query)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, "", err
	}
	if !rows.Next() || len(names) == 0 {
		return nil, "", errors.Join(rows.Err(), ignoreIf(rows.Err() != nil, database.ErrNoRow))
	}
	cells := make([]any, len(names))
	cells[0] = &value
	for i := 1; i < len(cells); i++ {
		cells[i] = new(sql.RawBytes)
	}
	if err := rows.Scan(cells...); err != nil {
		return nil, "", err
	}
	return value, names[0], rows.Err()
}

func asText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", database.ErrNoRow
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return map[bool]string{false: "0", true: "1"}[v], nil
	case []byte:
		return string(v), nil
	default:
		return fmt.Sprint(v), nil
	}
}
