package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// Sessions lists the sessions named for the operation, in any database of the
// server, but not the one that asks.
func (db *DB) Sessions(ctx context.Context, opID string) ([]database.Session, error) {
	const what = "list sessions"
	l, err := db.connect(ctx, what)
	if err != nil {
		return nil, err
	}
	defer l.close()
	rows, err := l.Query(ctx, `SELECT pid::text, application_name, coalesce(state, ''), backend_start
		FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() ORDER BY pid`, AppName(opID))
	if err != nil {
		return nil, l.fail(ctx, what, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (database.Session, error) {
		var s database.Session
		err := row.Scan(&s.ID, &s.Name, &s.State, &s.Started)
		return s, err
	})
	if err != nil {
		return nil, l.fail(ctx, what, err)
	}
	return list, nil
}

// EndSessions ends them and waits until the server has let go of their locks.
// A scratch database that they have left is removed.
func (db *DB) EndSessions(ctx context.Context, opID string) (int, error) {
	most := 0
	for try := 0; ; try++ {
		n, err := db.endSessions(ctx, opID)
		most = max(most, n)
		// what a process that was killed had asked for goes on without it: its
		// session may have ended ours before it was ended itself
		if err == nil || try == 3 || !errors.Is(err, database.ErrUnreachable) || !strings.Contains(err.Error(), "("+adminShutdown+")") {
			return most, err
		}
	}
}

// adminShutdown is the code of a session that was ended: PostgreSQL, appendix A.
const adminShutdown = "57P01"

func (db *DB) endSessions(ctx context.Context, opID string) (int, error) {
	const what = "end sessions"
	l, err := db.connect(ctx, what)
	if err != nil {
		return 0, err
	}
	defer l.close()
	n, err := l.end(ctx, what, "application_name = $1", AppName(opID))
	if err != nil {
		return n, err
	}
	return n, l.dropScratch(ctx, opID)
}

// end ends the sessions that hold for condition, waiting up to 10 seconds.
func (l *link) end(ctx context.Context, what, condition string, args ...any) (int, error) {
	query := `SELECT count(*), count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
		WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND ` + condition
	most, left := 0, 0
	for deadline := time.Now().Add(10 * time.Second); ; {
		var told int
		if err := l.QueryRow(ctx, query, args...).Scan(&left, &told); err != nil {
			return most, l.fail(ctx, what, err)
		}
		most = max(most, left)
		if left == 0 {
			return most, nil
		}
		if time.Now().After(deadline) {
			return most, fmt.Errorf("cannot %s: %s: %w: %d sessions do not end", what, l.where, database.ErrInUse, left)
		}
		select {
		case <-ctx.Done():
			return most, l.fail(ctx, what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
