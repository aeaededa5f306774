package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A transaction that was under way when the mark was taken moves it when it is
// committed, though its number is older.
func TestMarkMovesByWhatWasUnderWay(t *testing.T) {
	s := start(t)
	name := s.fresh(t)
	s.Psql(t, name, "CREATE TABLE t (x serial)")
	db := s.open(name)
	mark := func() string {
		t.Helper()
		m, err := db.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	conn, err := pgx.Connect(t.Context(), s.DSN(name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"BEGIN", "INSERT INTO t VALUES (7)"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := mark()
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	between := mark()
	if between == before {
		t.Errorf("the mark is still %q", before)
	}
	s.Psql(t, name, "SELECT nextval('t_x_seq')") // the second takes no number
	s.Psql(t, name, "SELECT nextval('t_x_seq')")
	one := mark()
	s.Psql(t, name, "SELECT nextval('t_x_seq')")
	if one == between || mark() == one {
		t.Error("the mark has not moved with the sequence")
	}
}
