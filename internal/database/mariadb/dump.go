package mariadb

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/database"
)

// A dump is a text of SQL that the mariadb client loads into an empty database.
// Every statement has a line before it that says what it is about, in JSON: a
// comment to the client, and what a restore of ours goes by.
const (
	opening   = "-- Upkeep's dump of a MariaDB database, format 1\n"
	mark      = "-- upkeep "
	delimiter = "$upkeep$"
	// settings are those that the statements need.
	settings = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', foreign_key_checks = 0, check_constraint_checks = 0, innodb_strict_mode = 0"
)

// tag is the line before a statement.
type tag = definition

// Dump writes the database as SQL, as of one moment, and sums up what it
// writes: what the report describes is what was written.
func (db *DB) Dump(ctx context.Context, w io.Writer) (database.Report, error) {
	const what = "dump the database"
	began := time.Now()
	l, err := db.connect(ctx, what)
	if err != nil {
		return database.Report{}, err
	}
	defer l.close()
	sign, err := l.mark(ctx)
	if err != nil {
		return database.Report{}, l.fail(ctx, what, err)
	}
	consistency, err := l.consistency(ctx)
	if err != nil {
		return database.Report{}, l.fail(ctx, what, err)
	}
	out, f, err := db.dump(ctx, l, w)
	if err != nil {
		if out.err != nil {
			return database.Report{}, fmt.Errorf("cannot %s: %s: the dump cannot be stored: %w", what, l.where, out.err)
		}
		return database.Report{}, l.fail(ctx, what, err)
	}
	return database.Report{
		Kind: db.Kind(), Server: "MariaDB " + l.server, Tool: "MariaDB " + l.server, Format: database.FormatSQL,
		Bytes: out.n, Duration: time.Since(began), Fingerprint: f, Mark: sign, Consistency: consistency,
		LeftOut: []string{"accounts and their rights, which belong to the whole server", "the planner's statistics"},
	}, nil
}

func (db *DB) dump(ctx context.Context, l *link, to io.Writer) (*writer, database.Fingerprint, error) {
	w := &writer{to: to}
	w.buf = bufio.NewWriterSize(counting{w}, 256<<10)
	limit, err := l.text(ctx, "SELECT @@global.max_allowed_packet")
	if err != nil {
		return w, database.Fingerprint{}, err
	}
	w.limit, _ = strconv.Atoi(limit) // digits, by the server's own word
	fmt.Fprintf(w.buf, "%s-- MariaDB %s, database %s\n-- mariadb --comments DATABASE <THIS loads it into an empty database.\nDELIMITER %s\n", opening, l.server, strconv.Quote(l.schema), delimiter)
	f, err := database.Fingerprint{}, w.statement(tag{Kind: "session"}, settings)
	if err == nil {
		f, err = db.read(ctx, l, w)
	}
	if err == nil && w.collation != "" {
		err = w.statement(tag{Kind: "session"}, w.own)
	}
	if err == nil {
		fmt.Fprintf(w.buf, "DELIMITER ;\n%s{\"kind\":\"end\",\"name\":\"%d\"}\n", mark, w.statements)
		err = w.buf.Flush()
	}
	return w, f, err
}

// writer writes a dump. A nil one writes nothing.
type writer struct {
	to         io.Writer
	buf        *bufio.Writer
	n          int64
	err        error // why it stopped
	statements int
	own        string // makes the database itself as it is
	collation  string // that it has for now
	limit      int    // the longest statement that the server takes
}

type counting struct{ w *writer }

func (c counting) Write(p []byte) (int, error) {
	n, err := c.w.to.Write(p)
	c.w.n += int64(n)
	if err != nil && c.w.err == nil {
		c.w.err = err
	}
	return n, err
}

// define writes the statement that makes an object, with what it depends on.
func (w *writer) define(d definition) error {
	if w == nil {
		return nil
	}
	text := d.create()
	if d.Kind == "database" {
		text = "ALTER DATABASE " + d.sql
		w.own = text
	}
	if set := d.session(); set != "" {
		if err := w.statement(tag{Kind: "session"}, set); err != nil {
			return err
		}
	}
	if d.Database != "" && d.Database != w.collation {
		w.collation = d.Database
		if err := w.statement(tag{Kind: "session"}, inCollation(d)); err != nil {
			return err
		}
	}
	return w.statement(d, text)
}

// inCollation gives the database the collation that an object was made under,
// and keeps.
func inCollation(d definition) string { return "ALTER DATABASE COLLATE " + d.Database }

// session makes the session as it was when the object was made; empty where
// the server keeps nothing of it.
func (d definition) session() string {
	if d.Client == "" {
		return ""
	}
	set := fmt.Sprintf("SET SESSION character_set_client = %s, collation_connection = %s", d.Client, d.Collation)
	set += ", sql_mode = " + literal([]byte(d.Mode)) // empty for views, which keep none
	if d.Zone != "" {
		set += ", time_zone = " + literal([]byte(d.Zone))
	}
	return set
}

func (w *writer) statement(t tag, text string) error {
	if w == nil {
		return nil
	}
	if len(text) > w.limit-1024 {
		return fmt.Errorf("%s %s needs a statement of %d bytes, and the server takes %d: raise max_allowed_packet on it", t.Kind, t.Name, len(text), w.limit)
	}
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	w.statements++
	_, err = fmt.Fprintf(w.buf, "%s%s\n%s\n%s\n", mark, line, text, delimiter)
	return err
}

// rows gives what writes rows, many to a statement, and what ends them.
func (w *writer) rows(table string, columns []column) (each func([]sql.RawBytes) error, end func() error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.name)
	}
	head := "INSERT INTO " + quote(table) + " (" + strings.Join(names, ", ") + ") VALUES\n"
	most := min(512<<10, w.limit/2)
	var text, row []byte
	end = func() error {
		if len(text) == 0 {
			return nil
		}
		err := w.statement(tag{Kind: "rows", Name: table}, string(text))
		text = text[:0]
		return err
	}
	each = func(cells []sql.RawBytes) error {
		row = append(row[:0], '(')
		for i, c := range columns {
			if i > 0 {
				row = append(row, ", "...)
			}
			row = c.appendValue(row, cells[i])
		}
		row = append(row, ')')
		if len(text) > 0 && len(text)+len(row) > most {
			if err := end(); err != nil {
				return err
			}
		}
		if len(text) == 0 {
			text = append(text, head...)
		} else {
			text = append(text, ",\n"...)
		}
		text = append(text, row...)
		return nil
	}
	return each, end
}
