package mariadb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

	"upkeep/internal/database"
)

// column is one that holds something of its own.
type column struct {
	name string
	read string // the expression that gives its value exactly
	bare bool   // the text of a value is a number
	raw  bool   // a value is bytes, not text
}

// columns lists a table's columns. Numbers behind names are read as such: the
// text of a FLOAT has six digits, which is why mariadb-dump loses some.
func (l *link) columns(ctx context.Context, table string) ([]column, error) {
	rows, err := l.table(ctx, `SELECT column_name AS n, data_type AS t, coalesce(character_set_name, '') AS c, is_generated AS g
		FROM information_schema.columns WHERE table_schema = database() AND table_name = ? ORDER BY ordinal_position`, table)
	if err != nil {
		return nil, err
	}
	var out []column
	for _, row := range rows {
		if row["g"] == "ALWAYS" {
			continue
		}
		c := column{name: row["n"], read: quote(row["n"])}
		switch row["t"] {
		case "float":
			c.read = "CAST(" + c.read + " AS DOUBLE)"
		case "bit", "enum", "set":
			c.read, c.bare = c.read+" + 0", true
		case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
			c.bare = true
		case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob",
			"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
			c.raw = true
		case "double", "date", "time", "datetime", "timestamp", "uuid", "inet4", "inet6":
		case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
			if !strings.HasPrefix(row["c"], "utf8") && row["c"] != "ascii" {
				c.read, c.raw = "CAST("+c.read+" AS BINARY)", true
			}
		default:
			return nil, fmt.Errorf("column %s of table %s has the type %s, which is not known", c.name, table, row["t"])
		}
		out = append(out, c)
	}
	return out, nil
}

// rows reads a table and gives its sum; each gets every row, NULL as nil.
func (l *link) rows(ctx context.Context, table string, columns []column, each func([]sql.RawBytes) error) (database.Rows, error) {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.read
	}
	rows, err := l.QueryContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+quote(table))
	if err != nil {
		return database.Rows{}, err
	}
	defer rows.Close()
	cells, refs := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range cells {
		refs[i] = &cells[i]
	}
	var s sum
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return database.Rows{}, err
		}
		s.add(cells)
		if err := each(cells); err != nil {
			return database.Rows{}, err
		}
	}
	return s.rows(), rows.Err()
}

// sum adds up the SHA-256 of every row, modulo 2^128, so that order does not
// matter.
type sum struct {
	n      int64
	hi, lo uint64
	buf    []byte
}

func (s *sum) add(cells []sql.RawBytes) {
	s.buf = s.buf[:0]
	for _, c := range cells {
		if c == nil {
			s.buf = append(s.buf, 0)
			continue
		}
		s.buf = append(binary.BigEndian.AppendUint64(append(s.buf, 1), uint64(len(c))), c...)
	}
	h := sha256.Sum256(s.buf)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, binary.BigEndian.Uint64(h[8:]), 0)
	s.hi, _ = bits.Add64(s.hi, binary.BigEndian.Uint64(h[:]), carry)
	s.n++
}

func (s *sum) rows() database.Rows {
	return database.Rows{Count: s.n, Sum: fmt.Sprintf("%016x%016x", s.hi, s.lo)}
}

// appendValue writes a value as SQL.
func (c column) appendValue(out []byte, v []byte) []byte {
	switch {
	case v == nil:
		return append(out, "NULL"...)
	case c.bare:
		return append(out, v...)
	case c.raw || !utf8.Valid(v):
		out = append(out, "_binary"...)
	}
	return appendLiteral(out, v)
}

// literal quotes a string for a session whose sql_mode knows backslashes.
func literal(v []byte) string { return string(appendLiteral(nil, v)) }

func appendLiteral(out, v []byte) []byte {
	out = append(out, '\'')
	for _, b := range v {
		switch b {
		case 0:
			out = append(out, '\\', '0')
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case 26:
			out = append(out, '\\', 'Z')
		case '\'', '\\':
			out = append(out, '\\', b)
		default:
			out = append(out, b)
		}
	}
	return append(out, '\'')
}
