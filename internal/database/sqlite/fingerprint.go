package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"upkeep/internal/database"
)

// Fingerprint reads everything at one moment.
func (db *DB) Fingerprint(ctx context.Context) (database.Fingerprint, error) {
	var f database.Fingerprint
	err := db.look(ctx, func(v view) (err error) {
		f, err = v.fingerprint(ctx)
		return err
	})
	if err != nil {
		return database.Fingerprint{}, db.fail(ctx, "read the whole database", err)
	}
	return f, nil
}

// settings of the file that a dump carries.
var settings = []string{"user_version", "application_id", "encoding", "auto_vacuum", "page_size"}

func (h *handle) fingerprint(ctx context.Context) (f database.Fingerprint, err error) {
	f = database.Fingerprint{Objects: map[string]string{}, Tables: map[string]database.Rows{}}
	if _, err := h.ExecContext(ctx, "BEGIN"); err != nil {
		return f, err
	}
	defer func() { _, _ = h.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }() // it only read
	for _, name := range settings {
		value, err := h.text(ctx, "SELECT "+name+" FROM pragma_"+name)
		if err != nil {
			return f, err
		}
		f.Object("setting "+name, value)
	}
	rows, err := h.QueryContext(ctx, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE tbl_name NOT LIKE 'sqlite\\_stat_' ESCAPE '\\'")
	if err != nil {
		return f, err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, name, table, text string
		if err := rows.Scan(&kind, &name, &table, &text); err != nil {
			return f, err
		}
		f.Object(kind+" "+name, table+"\x00"+text)
	}
	if err := rows.Err(); err != nil {
		return f, err
	}
	tables, err := h.tables(ctx)
	if err != nil {
		return f, err
	}
	for _, t := range tables {
		sum, err := h.sum(ctx, t)
		if err != nil {
			return f, fmt.Errorf("table %s: %w", t.name, err)
		}
		f.Table(t.name, sum)
	}
	return f, nil
}

// table is one with rows of its own. The rows of virtual tables are in their
// shadow tables.
type table struct {
	name    string
	columns []string // as expressions
}

func (h *handle) tables(ctx context.Context) ([]table, error) {
	rows, err := h.QueryContext(ctx, `SELECT t.name, t.wr, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
		WHERE t.schema = 'main' AND t.type IN ('table', 'shadow') AND t.name NOT LIKE 'sqlite\_stat_' ESCAPE '\' AND t.name NOT LIKE 'sqlite\_%schema' ESCAPE '\'
		AND c.hidden <> 1 ORDER BY t.name, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []table
	bare := map[string]bool{} // without rowid
	for rows.Next() {
		var name, column string
		var without bool
		if err := rows.Scan(&name, &without, &column); err != nil {
			return nil, err
		}
		if n := len(list); n == 0 || list[n-1].name != name {
			list = append(list, table{name: name})
			bare[name] = without
		}
		t := &list[len(list)-1]
		t.columns = append(t.columns, column)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range list {
		t := &list[i]
		names := slices.Clone(t.columns)
		for j, c := range t.columns {
			// A plus takes the declared type away, by which the driver would
			// turn texts into times.
			t.columns[j] = "+" + quote(c)
		}
		if bare[t.name] {
			continue
		}
		// Row numbers count: a full-text index refers to them.
		for _, alias := range []string{"rowid", "_rowid_", "oid"} {
			if !slices.ContainsFunc(names, func(c string) bool { return strings.EqualFold(c, alias) }) {
				t.columns = append(t.columns, alias)
				break
			}
		}
	}
	return list, nil
}

// sum adds up the SHA-256 of every row, modulo 2^128, so that order does not
// matter.
func (h *handle) sum(ctx context.Context, t table) (database.Rows, error) {
	rows, err := h.QueryContext(ctx, "SELECT "+strings.Join(t.columns, ", ")+" FROM "+quote(t.name))
	if err != nil {
		return database.Rows{}, err
	}
	defer rows.Close()
	cells := make([]any, len(t.columns))
	refs := make([]any, len(cells))
	for i := range cells {
		refs[i] = &cells[i]
	}
	var hi, lo uint64
	var n int64
	var buf []byte
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return database.Rows{}, err
		}
		buf = buf[:0]
		for _, c := range cells {
			if buf, err = appendCell(buf, c); err != nil {
				return database.Rows{}, err
			}
		}
		sum := sha256.Sum256(buf)
		var carry uint64
		lo, carry = bits.Add64(lo, binary.BigEndian.Uint64(sum[8:]), 0)
		hi, _ = bits.Add64(hi, binary.BigEndian.Uint64(sum[:]), carry)
		n++
	}
	if err := rows.Err(); err != nil {
		return database.Rows{}, err
	}
	return database.Rows{Count: n, Sum: fmt.Sprintf("%016x%016x", hi, lo)}, nil
}

// appendCell writes a value so that no two values look the same.
func appendCell(buf []byte, c any) ([]byte, error) {
	sized := func(kind byte, s string) []byte {
		return append(binary.BigEndian.AppendUint64(append(buf, kind), uint64(len(s))), s...)
	}
	switch v := c.(type) {
	case nil:
		return append(buf, 0), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(buf, 1), uint64(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(buf, 2), math.Float64bits(v)), nil
	case string:
		return sized(3, v), nil
	case []byte:
		return sized(4, string(v)), nil
	}
	return nil, fmt.Errorf("a value of the unknown type %T", c)
}
