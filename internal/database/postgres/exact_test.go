package postgres

import (
	"bytes"
	_ "embed"
	"fmt"
	"testing"

	"upkeep/internal/database"
	"upkeep/internal/database/databasetest"
)

//go:embed testdata/rich.sql
var rich string

//go:embed testdata/wreck.sql
var wreck string

// TestExact puts back one of everything, as an ordinary owner and as a
// superuser, into a wreck, an empty database and an unharmed one.
func TestExact(t *testing.T) {
	s := start(t)
	for _, account := range []string{"owner", "superuser"} {
		t.Run(account, func(t *testing.T) {
			name, spare := s.fresh(t), s.fresh(t)
			dsn := func(name string) string { return s.DSN(name) }
			emptied := "DROP SCHEMA app CASCADE; DROP SCHEMA public CASCADE"
			if account == "owner" {
				dsn = func(name string) string { return s.as(name, "shop") }
				for _, n := range []string{name, spare} {
					s.Psql(t, "postgres", fmt.Sprintf("ALTER DATABASE %q OWNER TO shop", n))
				}
				emptied = "DROP SCHEMA app CASCADE"
				// Made by the administrator; the owner of the database may not touch it.
				s.Psql(t, name, "CREATE EXTENSION pageinspect; COMMENT ON EXTENSION pageinspect IS 'the administrator''s'")
			}
			sub := s.subject(t, dsn(name), name)
			sub.Exec(t, rich)
			if account == "superuser" {
				sub.Exec(t, richer)
			}
			want := databasetest.Fingerprint(t, sub.DB)
			dump, report := databasetest.Dump(t, sub.DB)
			databasetest.Same(t, "report", want, report.Fingerprint)
			for _, harm := range []string{"", wreck, emptied} {
				sub.Exec(t, harm)
				if harm != "" && len(database.Compare(want, databasetest.Fingerprint(t, sub.DB))) == 0 {
					t.Fatalf("no harm was noticed after %.40q", harm)
				}
				if err := sub.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
					t.Fatalf("after %.40q: %v", harm, err)
				}
				databasetest.Same(t, fmt.Sprintf("after %.40q", harm), want, databasetest.Fingerprint(t, sub.DB))
			}
			sub.Exec(t, "INSERT INTO app.users (name, mail) VALUES ('next', 'n@x')") // identities and sequences go on
			if account == "owner" {
				s.Psql(t, spare, "CREATE EXTENSION pageinspect; COMMENT ON EXTENSION pageinspect IS 'the administrator''s'")
			}
			other := s.subject(t, dsn(spare), spare)
			if err := other.DB.Restore(t.Context(), bytes.NewReader(dump)); err != nil {
				t.Fatal(err)
			}
			databasetest.Same(t, "in an empty database", want, databasetest.Fingerprint(t, other.DB))
		})
	}
}

// richer is what only a superuser may make.
const richer = `
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'nobody drops anything'; END $$;
CREATE TABLE app.foreigners (x int);
ALTER TABLE app.foreigners OWNER TO other;
GRANT USAGE, CREATE ON SCHEMA app TO other;
ALTER TABLE app.users REPLICA IDENTITY FULL;
CREATE PUBLICATION changes FOR TABLE app.users, app.foreigners;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
CREATE FOREIGN TABLE app.far (x int) SERVER far;
CREATE CAST (integer AS app.mood) WITH INOUT;
CREATE EVENT TRIGGER watch ON sql_drop WHEN TAG IN ('DROP TYPE', 'DROP SEQUENCE') EXECUTE FUNCTION app.watch();
ALTER EVENT TRIGGER watch DISABLE;
ALTER EVENT TRIGGER watch ENABLE ALWAYS;
ALTER DEFAULT PRIVILEGES FOR ROLE other REVOKE ALL ON TYPES FROM PUBLIC;
`
