package demo

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// note is one note as a query of the tree gives it: which columns there are
// depends on the version.
type note map[string]any

// store is the users' notes. What is asked of it is the tree's word.
type store struct {
	db      *sql.DB
	release *release
}

// openDB opens the database file, which must exist unless create is said.
func openDB(path string, create bool) (*sql.DB, error) {
	mode := "rw"
	if create {
		mode = "rwc"
	}
	query := url.Values{"mode": {mode}, "_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "journal_mode(WAL)"}}
	address := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err == nil {
		if err = db.Ping(); err != nil {
			db.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the notes in %s: %w", path, err)
	}
	return db, nil
}

// schema is the version that the database says.
func (s *store) schema(ctx context.Context) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&n)
	return n, err
}

func (s *store) notes(ctx context.Context, query string) ([]note, error) {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	all := []note{}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		n := note{}
		for i, c := range columns {
			n[c] = *values[i].(*any)
		}
		all = append(all, n)
	}
	return all, rows.Err()
}

func (s *store) count(ctx context.Context) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, s.release.count).Scan(&n)
	return n, err
}

// add writes one note with the tree's statements, in one transaction.
func (s *store) add(ctx context.Context, author, text string, at time.Time) error {
	title := titleOf(text)
	args := []any{
		sql.Named("author", author), sql.Named("text", text), sql.Named("title", title), sql.Named("slug", slugOf(title)),
		sql.Named("created", at.UTC().Format(time.DateTime)),
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range s.release.add {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// titleOf is the first sentence, or as much of it as fits; the migration of
// 2.0 does the same to older notes.
func titleOf(text string) string {
	if i := strings.Index(text, ". "); i > 0 && i < 60 {
		return text[:i]
	}
	if r := []rune(text); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return strings.TrimRight(text, ".")
}

func slugOf(title string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(title))
}
