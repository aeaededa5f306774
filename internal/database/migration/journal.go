package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"upkeep/internal/database"
)

// The tables of the journal, in the product's database: they go with the data
// into a restore point, and come back with them.
const (
	scripts    = "upkeep_migrations"      // one row for each script that is applied
	statements = "upkeep_statements"      // one for each statement
	words      = "upkeep_migration_notes" // what people have said of scripts
)

// Applied is a script that is applied, or counts as it.
type Applied struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	At     string `json:"at"`
}

// Record is one statement. Began without Ended: it was interrupted.
type Record struct {
	Script string `json:"script"`
	N      int    `json:"n"` // from 1
	SHA256 string `json:"sha256"`
	Began  string `json:"began"`
	Ended  string `json:"ended,omitempty"`
	Rows   int64  `json:"rows"`
	Error  string `json:"error,omitempty"`
	Sign   string `json:"-"` // of the definitions before it
}

// done says that it has taken effect.
func (r Record) done() bool { return r.Ended != "" && r.Error == "" }

// Took is how long it took; 0: it has not ended.
func (r Record) Took() time.Duration {
	began, err := time.Parse(time.RFC3339Nano, r.Began)
	ended, errEnd := time.Parse(time.RFC3339Nano, r.Ended)
	if err != nil || errEnd != nil {
		return 0
	}
	return max(0, ended.Sub(began))
}

// Note is what a person has said of a script.
type Note struct {
	At     string `json:"at"`
	Script string `json:"script"`
	What   string `json:"what"` // baseline, repair, edited, by-hand
	By     string `json:"by"`
	Why    string `json:"why"`
	Was    string `json:"was,omitempty"` // the sum that was recorded before; edited: of what was applied
}

// Journal is what a database knows of its scripts.
type Journal struct {
	Applied []Applied `json:"applied"`
	Records []Record  `json:"statements"`
	Notes   []Note    `json:"notes,omitempty"`
	place   string
	whole   bool // all of its tables are there
}

// Find gives a script that is applied.
func (j *Journal) Find(name string) (Applied, bool) {
	i := slices.IndexFunc(j.Applied, func(a Applied) bool { return a.Name == name })
	if i < 0 {
		return Applied{}, false
	}
	return j.Applied[i], true
}

// Of gives the statements of a script, in order.
func (j *Journal) Of(name string) []Record {
	var out []Record
	for _, r := range j.Records {
		if r.Script == name {
			out = append(out, r)
		}
	}
	return out
}

// Read reads the journal; a database without one has had no scripts. It writes
// nothing.
func Read(ctx context.Context, db database.Database) (*Journal, error) {
	d, ok := dialects[db.Kind()]
	if !ok {
		return nil, fmt.Errorf("nothing is known of scripts for databases of kind %s", db.Kind())
	}
	j := &Journal{whole: true}
	var err error
	if j.place, err = db.Query(ctx, d.place); err != nil && !errors.Is(err, database.ErrNoRow) {
		return nil, err
	}
	for _, t := range []struct {
		name    string
		columns []string
		row     func(c []string)
	}{
		{scripts, []string{"name", "sha256", "applied_at"}, func(c []string) { j.Applied = append(j.Applied, Applied{c[0], c[1], c[2]}) }},
		{statements, []string{"script", "n", "sha256", "began", "ended", "changed", "error", "sign"}, func(c []string) {
			n, _ := strconv.Atoi(c[1]) // a number of the server's own
			rows, _ := strconv.ParseInt(c[5], 10, 64)
			j.Records = append(j.Records, Record{Script: c[0], N: n, SHA256: c[2], Began: c[3], Ended: c[4], Rows: rows, Error: c[6], Sign: c[7]})
		}},
		{words, []string{"at", "script", "what", "who", "why", "was"}, func(c []string) { j.Notes = append(j.Notes, Note{c[0], c[1], c[2], c[3], c[4], c[5]}) }},
	} {
		if _, err := db.Query(ctx, fmt.Sprintf(d.has, strings.ReplaceAll(j.place, "'", "''"), t.name)); errors.Is(err, database.ErrNoRow) {
			j.whole = false
			continue
		} else if err != nil {
			return nil, err
		}
		text, err := db.Query(ctx, d.rows(j.place+t.name, t.columns))
		if errors.Is(err, database.ErrNoRow) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitSeq(text, "\n") {
			cells := strings.Split(line, "\t")
			if len(cells) != len(t.columns) {
				return nil, fmt.Errorf("%w: %s has the row %q", database.ErrDamaged, t.name, line)
			}
			t.row(cells)
		}
	}
	slices.SortFunc(j.Applied, func(a, b Applied) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(j.Notes, func(a, b Note) int { return strings.Compare(a.At+a.Script, b.At+b.Script) })
	slices.SortFunc(j.Records, func(a, b Record) int {
		if c := strings.Compare(a.Script, b.Script); c != 0 {
			return c
		}
		return a.N - b.N
	})
	return j, nil
}

// tables makes what is missing of the journal.
func (j *Journal) tables(d dialect) []string {
	text := "TEXT"
	return []string{
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (name %s PRIMARY KEY, sha256 %[4]s NOT NULL, applied_at %[4]s NOT NULL)", j.place, scripts, d.name, text),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (script %s NOT NULL, n INTEGER NOT NULL, sha256 %[4]s NOT NULL, began %[4]s NOT NULL, ended %[4]s, changed BIGINT, error %[4]s, sign %[4]s, PRIMARY KEY (script, n))", j.place, statements, d.name, text),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (at VARCHAR(40) NOT NULL, script %s NOT NULL, what %[4]s NOT NULL, who %[4]s NOT NULL, why %[4]s NOT NULL, was %[4]s, PRIMARY KEY (at, script))", j.place, words, d.name, text),
	}
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// apply records that a script is applied.
func (j *Journal) apply(s Script) string {
	return fmt.Sprintf("INSERT INTO %s%s (name, sha256, applied_at) VALUES (%s, %s, %s)", j.place, scripts, quote(s.Name), quote(strings.ToLower(s.SHA256)), quote(now()))
}

// write records a statement, in the place of what was recorded of it before.
func (j *Journal) write(r Record) []string {
	ended, sign := "NULL", "NULL"
	if r.Ended != "" {
		ended = quote(r.Ended)
	}
	if r.Sign != "" {
		sign = quote(r.Sign)
	}
	return []string{fmt.Sprintf("DELETE FROM %s%s WHERE script = %s AND n = %d", j.place, statements, quote(r.Script), r.N),
		fmt.Sprintf("INSERT INTO %s%s (script, n, sha256, began, ended, changed, error, sign) VALUES (%s, %d, %s, %s, %s, %d, %s, %s)", j.place, statements,
			quote(r.Script), r.N, quote(r.SHA256), quote(r.Began), ended, r.Rows, quote(r.Error), sign)}
}

// forget removes what is recorded of a script's statements.
func (j *Journal) forget(name string) string {
	return fmt.Sprintf("DELETE FROM %s%s WHERE script = %s", j.place, statements, quote(name))
}

// own carries out Upkeep's own statements.
func own(ctx context.Context, c database.Conn, texts ...string) error {
	for _, t := range texts {
		if _, err := c.Exec(ctx, database.Statement{Text: t}); err != nil {
			return err
		}
	}
	return nil
}
