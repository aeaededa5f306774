// Package migration carries out the SQL scripts by which a product's database
// is migrated, and keeps the journal of them in that database: which scripts
// were applied, with their sums, and every statement with its begin, end, rows
// and error. How a script is carried out, and what is known of it after a kill,
// is in docs/adr/0033-migrations.md.
//
// It may import package database and the standard library.
package migration

import (
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/database"
)

// Script is one script of a release.
type Script struct {
	database.Script
	SHA256 string // of the file, in lower case
	Marks
}

// Marks are what a script's first lines say of it, each in a comment:
//
//	-- upkeep: no-transaction
//	-- upkeep: client native
type Marks struct {
	Alone  bool // statement by statement, each with its own transaction where it can have one
	Native bool // by the server's own client, as one
}

const mark = "-- upkeep:"

// ReadMarks reads the marks, which stand before everything but blank lines and
// other comments of one line.
func ReadMarks(s database.Script) (Marks, error) {
	var m Marks
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(s.SQL, "\uFEFF")) {
		n++
		line = strings.TrimSpace(line)
		word, ok := strings.CutPrefix(line, mark)
		switch word = strings.Join(strings.Fields(word), " "); {
		case !ok && (line == "" || strings.HasPrefix(line, "--")):
			continue
		case !ok:
			return m, nil
		case word == "no-transaction":
			m.Alone = true
		case word == "client native":
			m.Native = true
		default:
			return m, fmt.Errorf("%s, line %d: %w: %q is not understood: write no-transaction or client native", s.Name, n, database.ErrScript, word)
		}
	}
	return m, nil
}

// Check refuses, before anything runs, what cannot be carried out as the script
// says.
func (s Script) Check(kind string) error {
	if strings.ContainsAny(s.Name, "'\\\x00\n\t") {
		return fmt.Errorf("cannot apply a script with the name %q", s.Name)
	}
	d := dialects[kind].Dialect
	for _, st := range database.Split(s.SQL, d) {
		why := ""
		switch {
		case s.Native:
			why = s.native(kind, st)
		case s.Alone:
			why = alone(kind, st)
		case kind == "postgres" && mustBeAlone(kind, st) && !slices.Contains([]string{"CALL", "DO", "VACUUM"}, st.Words[0]):
			why = strings.Join(st.Words[:min(3, len(st.Words))], " ") + " … cannot run in a transaction: begin the script with " + mark + " no-transaction"
		}
		if why != "" {
			return fmt.Errorf("%s, line %d: %w: %s", s.Name, st.Line, database.ErrScript, why)
		}
	}
	if s.Native {
		return nil
	}
	if s.Alone {
		return s.CheckAlone(d)
	}
	return s.Script.Check(d)
}

// native is what even the client must not be given: it would end the
// transaction, or go on in another database.
func (s Script) native(kind string, st database.Statement) string {
	switch w := st.Words[0]; {
	case kind == "sqlite":
		return "SQLite has no client here: leave client native out"
	case slices.Contains([]string{`\C`, `\CONNECT`, `\!`}, w), w == "USE", w == "SYSTEM":
		return w + " reaches outside the database"
	case !s.Alone && slices.Contains([]string{"BEGIN", "COMMIT", "ROLLBACK", "END", "START", "ABORT"}, w):
		return w + " is Upkeep's to say: take it out, or add " + mark + " no-transaction"
	}
	return ""
}

// alone is what would not outlive a connection: a script that goes on at its
// fifth statement after a kill has a new one.
func alone(kind string, st database.Statement) string {
	second := ""
	if len(st.Words) > 1 {
		second = st.Words[1]
	}
	switch w := st.Words[0]; {
	case w == "CREATE" && slices.Contains([]string{"TEMP", "TEMPORARY", "GLOBAL", "LOCAL"}, second), w == "PREPARE", w == "DECLARE", w == "LISTEN":
		return w + " " + second + " makes what ends with the connection, and this script may go on with another one"
	case w == "SET" && (second == "ROLE" || slices.Contains(st.Words, "AUTHORIZATION")):
		return "SET ROLE would hide Upkeep's journal: take it out"
	case w == "SET" && kind == "mariadb" && strings.Contains(strings.ReplaceAll(st.Text, "@@", ""), "@"):
		return "a variable ends with the connection, and this script may go on with another one"
	}
	return ""
}

// mustBeAlone tells statements that cannot run in a transaction, or end it, or
// may do so.
func mustBeAlone(kind string, st database.Statement) bool {
	first, has := st.Words[0], func(w string) bool { return slices.Contains(st.Words, w) }
	switch kind {
	case "mariadb":
		return !slices.Contains(changing, first)
	case "sqlite":
		return first == "VACUUM" || first == "PRAGMA"
	}
	switch first {
	case "VACUUM", "CALL", "DO", "CLUSTER", "CHECKPOINT", "REINDEX":
		return true
	case "CREATE", "DROP":
		return has("CONCURRENTLY") || st.Words[min(1, len(st.Words)-1)] == "DATABASE" || has("TABLESPACE") && st.Words[1] == "TABLESPACE"
	case "ALTER":
		return has("CONCURRENTLY") || has("SYSTEM") && st.Words[1] == "SYSTEM" || has("TYPE") && st.Words[1] == "TYPE" && has("VALUE") && has("ADD")
	}
	return false
}

// changing are the words of statements that a transaction of MariaDB can take back.
var changing = []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES"}
