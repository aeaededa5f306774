package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
)

// enter makes the address lead to another database of the server. A service
// file would name a database of its own, to child programs too, before ours; what
// it says of the server has been read.
func (t *target) enter(name string) {
	for _, word := range []string{"service", "servicefile"} {
		delete(t.words, word)
	}
	t.words["dbname"], t.config.Database = name, name
	t.where = fmt.Sprintf("scratch database %q at %s:%d", name, t.config.Host, t.config.Port)
}

// fill loads a dump into the scratch database. Nobody sees what is half there,
// so pg_restore may write to the server itself, which is quicker than through
// psql.
func (db *DB) fill(ctx context.Context, l *link, tools kit, before string, list []byte, r io.Reader) error {
	if _, err := l.PgConn().Exec(ctx, before+"\nCOMMIT;").ReadAll(); err != nil {
		return explain(ctx, err)
	}
	args := []string{"--format=custom", "--dbname=" + db.inside, "--single-transaction", "--exit-on-error", "--no-password"}
	if list != nil {
		name, remove, err := temporary(list)
		if err != nil {
			return err
		}
		defer remove()
		args = append(args, "--use-list="+name)
	}
	env := slices.Clone(l.env)
	options := "PGOPTIONS=-c default_transaction_read_only=off"
	if i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "PGOPTIONS=") }); i >= 0 {
		options = env[i] + " -c default_transaction_read_only=off"
		env = slices.Delete(env, i, i+1)
	}
	c := program(ctx, tools.path("pg_restore"), append(env, options), args...)
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("pg_restore: %w", err)
	}
	feedErr := feed(ctx, in, r)
	err = c.wait()
	switch {
	case feedErr != nil:
		return fmt.Errorf("the dump cannot be read: %w", feedErr)
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// Scratch makes a database as the product's is, from the server's pristine
// template. Nobody but its owner may connect to it, since it will hold what the
// product's holds.
func (db *DB) Scratch(ctx context.Context) (database.Database, error) {
	const what = "make a scratch database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return nil, err
	}
	defer l.close()
	name := database.ScratchName(db.config.OpID, l.Config().Database)
	if err := l.dropScratch(ctx, db.config.OpID); err != nil {
		return nil, err
	}
	if err := l.makeScratch(ctx, name); err != nil {
		return nil, l.fail(ctx, what, fmt.Errorf("%w: %w", database.ErrScratch, explain(ctx, err)))
	}
	s := &DB{config: db.config, tools: db.tools, patience: db.patience, inside: name}
	if s.settings, err = l.sessionSettings(ctx); err != nil {
		return nil, errors.Join(l.fail(ctx, what, err), l.dropScratch(ctx, db.config.OpID))
	}
	s.config.OpID += "/" + name // a restore ends the sessions of its own operation
	s.made = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		l, err := db.connect(ctx, "remove the scratch database")
		if err != nil {
			return err
		}
		defer l.close()
		return l.dropScratch(ctx, db.config.OpID)
	}
	return s, nil
}

// writable lets this session make and drop databases, though the product's may
// have been made read-only for the upgrade.
const writable = "SET default_transaction_read_only = off"

// sessionSettings reads what the product's database, and the account in it, set
// for every session: a migration goes by it.
func (l *link) sessionSettings(ctx context.Context) ([][2]string, error) {
	rows, err := l.Query(ctx, `SELECT split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) FROM pg_catalog.pg_db_role_setting, unnest(setconfig) c
		WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND split_part(c, '=', 1) <> 'default_transaction_read_only'
			AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)) ORDER BY setrole`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s [2]string, err error) {
		err = row.Scan(&s[0], &s[1])
		return s, err
	})
}

func (l *link) makeScratch(ctx context.Context, name string) error {
	locale := "''"
	switch {
	case l.major >= 17:
		locale = `CASE datlocprovider WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', datlocale) WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', datlocale) ELSE '' END`
	case l.major >= 15:
		locale = `CASE datlocprovider WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', daticulocale) ELSE '' END`
	}
	// Who may make schemas in the product's database may own some, and must be
	// let make them here.
	rows, err := l.Query(ctx, `SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', $1::text,
			CASE WHEN pg_has_role(datdba, 'MEMBER') THEN pg_get_userbyid(datdba) ELSE current_user END, pg_encoding_to_char(encoding), datcollate, datctype) ||
			CASE spcname WHEN 'pg_default' THEN '' ELSE format(' TABLESPACE %I', spcname) END || `+locale+`, 1
		FROM pg_catalog.pg_database JOIN pg_catalog.pg_tablespace s ON s.oid = dattablespace WHERE datname = current_database()
		UNION ALL SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text), 2
		UNION ALL SELECT format('GRANT CREATE ON DATABASE %I TO %s', $1::text, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END), 3
		FROM pg_catalog.pg_database, aclexplode(datacl) WHERE datname = current_database() AND privilege_type = 'CREATE' AND grantee <> datdba
		ORDER BY 2, 1`, name)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s string, err error) {
		var n int
		err = row.Scan(&s, &n)
		return s, err
	})
	for _, sql := range append([]string{writable}, list...) {
		if err == nil {
			_, err = l.Exec(ctx, sql)
		}
	}
	return err
}

// dropScratch removes the scratch database of the operation, with whoever is
// in it. A server that is a standby has none.
func (l *link) dropScratch(ctx context.Context, opID string) error {
	const what = "remove the scratch database"
	name := database.ScratchName(opID, l.Config().Database)
	var there bool
	if err := l.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return l.fail(ctx, what, err)
	}
	if !there {
		return nil
	}
	if _, err := l.end(ctx, what, "datname = $1", name); err != nil {
		return err
	}
	if _, err := l.Exec(ctx, writable); err != nil {
		return l.fail(ctx, what, err)
	}
	_, err := l.Exec(ctx, "DROP DATABASE IF EXISTS "+name) // the name needs no quotes
	if err = explain(ctx, err); errors.Is(err, database.ErrInUse) {
		// autovacuum was in it, and has been told to go
		time.Sleep(100 * time.Millisecond)
		_, err = l.Exec(ctx, "DROP DATABASE IF EXISTS "+name)
	}
	if err != nil {
		return l.fail(ctx, what, err)
	}
	return nil
}

// scratchRoom says whether the account may make a scratch database that a dump
// can be restored into, and what that needs.
func (l *link) scratchRoom(ctx context.Context, tx pgx.Tx, info database.Info) (database.ScratchRoom, error) {
	var room database.ScratchRoom
	var creates, super, fits bool
	var untrusted *string
	trusted := "false"
	if l.major >= 13 {
		trusted = "EXISTS (SELECT FROM pg_available_extension_versions v WHERE v.name = extname AND v.version = extversion AND v.trusted)"
	}
	var pid int
	var logs int64
	var space string
	err := tx.QueryRow(ctx, `SELECT rolcreatedb OR rolsuper, rolsuper, pg_backend_pid(),
			(SELECT min(extname) FROM pg_extension WHERE extname <> 'plpgsql' AND NOT `+trusted+`),
			(SELECT setting::bigint << 20 FROM pg_settings WHERE name = 'max_wal_size'),
			(SELECT pg_tablespace_location(dattablespace) FROM pg_database WHERE datname = current_database()),
			(SELECT spcname = 'pg_default' OR has_tablespace_privilege(spcname, 'CREATE') FROM pg_database JOIN pg_tablespace s ON s.oid = dattablespace WHERE datname = current_database())
		FROM pg_roles WHERE rolname = current_user`).Scan(&creates, &super, &pid, &untrusted, &logs, &space, &fits)
	if err != nil {
		return room, err
	}
	switch {
	case info.InRecovery:
		room.Problem = "the server is a standby, on which nothing can be made"
	case !info.Rights.Dump || !info.Rights.Restore:
		room.Problem = "the account may not restore the database"
	case !creates:
		room.Problem = fmt.Sprintf("account %s may not create databases: ALTER ROLE %s CREATEDB", info.Account, pgx.Identifier{info.Account}.Sanitize())
	case !fits:
		room.Problem = fmt.Sprintf("account %s may not make anything in the tablespace of the database", info.Account)
	case untrusted != nil && !super:
		room.Problem = fmt.Sprintf("the database uses the extension %s, which only a superuser can make in another", *untrusted)
	}
	// What is loaded goes through the write-ahead log, which is shortened now and
	// then; two
	// files of it are there beside what it holds.
	room.Bytes = info.SizeBytes + min(info.SizeBytes, logs) + 2*walSegment
	if dir := serverDir(l.Config().Host, l.Config().Port, pid); dir != "" {
		room.Dir = dir
		if isDir(space) {
			room.Dir = space
		}
	}
	return room, nil
}

// walSegment is one file of the write-ahead log.
const walSegment = 16 << 20
