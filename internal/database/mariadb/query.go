package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"upkeep/internal/database"
)

// asking are the words that a question may begin with. A read-only transaction
// alone would not do: CREATE TABLE ends it, a procedure may end it, and it lets
// SET GLOBAL and files pass.
var asking = []string{"SELECT", "WITH", "VALUES"}

// Query takes one statement that only asks; the server is not told to take
// several, and sees it in a read-only transaction of a read-only session.
func (db *DB) Query(ctx context.Context, query string) (string, error) {
	const what = "ask the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return "", err
	}
	defer l.close()
	if err := question(query); err != nil {
		return "", l.fail(ctx, what, err)
	}
	if err := l.run(ctx, "SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"); err != nil {
		return "", l.fail(ctx, what, err)
	}
	value, err := l.first(ctx, query)
	_ = l.run(context.WithoutCancel(ctx), "ROLLBACK") // it only read
	if err != nil {
		return "", l.fail(ctx, what, err)
	}
	return value, nil
}

func question(query string) error {
	commands := database.Commands(query, database.MariaDB)
	if len(commands) != 1 {
		return fmt.Errorf("one statement is wanted, and this is %d", len(commands))
	}
	words := commands[0]
	if !slices.Contains(asking, words[0]) {
		return fmt.Errorf("%s is no question: it begins with SELECT, WITH or VALUES", words[0])
	}
	for i, w := range words[1:] {
		if words[i] == "INTO" && (w == "OUTFILE" || w == "DUMPFILE") {
			return errors.New("INTO " + w + " writes a file")
		}
	}
	return nil
}

// first gives the first column of the first row, in the server's own text.
func (l *link) first(ctx context.Context, query string) (string, error) {
	rows, err := l.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	if !rows.Next() || len(names) == 0 {
		if err := rows.Err(); err != nil {
			return "", err
		}
		return "", database.ErrNoRow
	}
	var value sql.NullString
	cells := make([]any, len(names))
	cells[0] = &value
	for i := 1; i < len(cells); i++ {
		cells[i] = new(sql.RawBytes)
	}
	if err := rows.Scan(cells...); err != nil {
		return "", err
	}
	text := value.String
	for rows.Next() { // an error may come with a later row
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if !value.Valid {
		return "", database.ErrNoRow
	}
	return text, nil
}
