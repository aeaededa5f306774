package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"upkeep/internal/database"
)

// states maps SQLSTATE to what it means for a person (PostgreSQL manual,
// appendix "Error Codes").
var states = map[string]error{
	"28000": database.ErrAuth, "28P01": database.ErrAuth,
	"3D000": database.ErrNoDatabase,
	"57P01": database.ErrUnreachable, "57P02": database.ErrUnreachable, "57P03": database.ErrRecovery, "25006": database.ErrRecovery,
	"53300": database.ErrBusy,
	"53100": database.ErrDiskFull,
	"42501": database.ErrPermission,
	"55P03": database.ErrInUse, "55006": database.ErrInUse,
	"XX001": database.ErrDamaged, "XX002": database.ErrDamaged,
}

// explain adds to an error of pgx what it means. Our own deadline or
// cancellation stays visible.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text := pg.Message
		if pg.Detail != "" {
			text += " (" + pg.Detail + ")"
		}
		if pg.Code == "53200" && strings.Contains(pg.Hint, "max_locks_per_transaction") {
			text += "; raise max_locks_per_transaction in postgresql.conf and restart the server"
		}
		if kind := states[pg.Code]; kind != nil {
			return fmt.Errorf("%w: %s (%s)", kind, text, pg.Code)
		}
		return fmt.Errorf("%s (%s)", text, pg.Code)
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("interrupted: %w", cause)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "unexpected EOF") {
		return fmt.Errorf("%w: %s", database.ErrUnreachable, reason(err))
	}
	return err
}

// reason is the innermost message: pgx's own repeats user and database.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	return err.Error()
}

// fromTool gives the meaning of what a child program wrote to its standard
// error. psql is told to write SQLSTATEs; the others' English text (LC_ALL=C)
// is searched. Nil when nothing is recognised.
func fromTool(stderr string) error {
	for code, kind := range states {
		if strings.Contains(stderr, " "+code+": ") {
			return kind
		}
	}
	for _, c := range []struct {
		text string
		kind error
	}{
		{"No space left on device", database.ErrDiskFull},
		{"password authentication failed", database.ErrAuth},
		{"permission denied", database.ErrPermission},
		{"must be owner of", database.ErrPermission},
		{"Query was: LOCK TABLE", database.ErrInUse}, // pg_dump waits with a statement timeout
		{"Connection refused", database.ErrUnreachable},
		{"server closed the connection", database.ErrUnreachable},
		{"terminating connection", database.ErrUnreachable},
		{"could not read from input file", database.ErrDamaged},
		{"does not appear to be a valid archive", database.ErrDamaged},
		{"unexpected end of file", database.ErrDamaged},
		{"input file is too short", database.ErrDamaged},
	} {
		if strings.Contains(stderr, c.text) {
			return c.kind
		}
	}
	return nil
}
