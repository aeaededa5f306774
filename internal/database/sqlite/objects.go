package sqlite

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"upkeep/internal/drift"
)

// Objects reads the definitions as whoever made them wrote them, without
// comments and line breaks.
func (db *DB) Objects(ctx context.Context) (drift.Schema, error) {
	s := drift.Schema{Kind: "sqlite", Server: "3"}
	err := db.look(ctx, func(v view) error {
		rows, err := v.QueryContext(ctx, `SELECT s.type, s.name, s.tbl_name, coalesce(s.sql, '') FROM sqlite_schema AS s
			WHERE s.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND s.tbl_name NOT LIKE 'upkeep\_migration%' ESCAPE '\' AND s.tbl_name NOT LIKE 'upkeep\_statements%' ESCAPE '\'
			AND s.tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
			ORDER BY s.type = 'index', s.name`) // tables before their indexes
		if err != nil {
			return err
		}
		defer rows.Close()
		at := map[string]int{} // of tables
		for rows.Next() {
			var kind, name, table, text string
			if err := rows.Scan(&kind, &name, &table, &text); err != nil {
				return err
			}
			o := drift.Object{Kind: kind, Name: written(name), Definition: squeeze(text)}
			switch i, ok := at[table]; {
			case kind == "index" && ok:
				s.Objects[i].Definition += "\n  index " + o.Definition
				continue
			case kind == "table":
				at[name] = len(s.Objects)
				o.Definition = lined(o.Name, o.Definition)
			case kind == "trigger":
				o.On = written(table)
			}
			s.Objects = append(s.Objects, o)
		}
		return rows.Err()
	})
	if err != nil {
		return drift.Schema{}, db.fail(ctx, "read the definitions of the database", err)
	}
	s.Sort()
	return s, nil
}

// lined writes a table with one line a column or constraint: columns by name, for
// whoever came here by upgrades has them in another order than a fresh install.
func lined(name, text string) string {
	open := strings.IndexByte(text, '(')
	if open < 0 || !strings.HasPrefix(text, "CREATE TABLE") {
		return text // a virtual table
	}
	var parts []string
	depth, from, end := 0, open+1, len(text)
	for i := open; i < len(text); {
		switch c := text[i]; {
		case isQuote(c):
			i = quotedEnd(text, i)
			continue
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				parts = append(parts, strings.TrimSpace(text[from:i]))
				end = i + 1
			}
		case c == ',' && depth == 1:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
		if i++; depth == 0 {
			break
		}
	}
	place := func(part string) int {
		word, _, _ := strings.Cut(strings.ToUpper(part), " ")
		word, _, _ = strings.Cut(word, "(")
		if slices.Contains([]string{"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}, word) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	out := "TABLE " + name
	if rest := strings.TrimSpace(text[end:]); rest != "" {
		out += " " + rest // WITHOUT ROWID, STRICT
	}
	for _, p := range parts {
		out += "\n  " + p
	}
	return out
}

// squeeze takes comments away and puts one blank for white space, outside of
// quotes.
func squeeze(text string) string {
	var b strings.Builder
	blank := func() {
		if s := b.String(); s != "" && s[len(s)-1] != ' ' {
			b.WriteByte(' ')
		}
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case isQuote(c):
			end := quotedEnd(text, i)
			b.WriteString(text[i:end])
			i = end
		case strings.HasPrefix(text[i:], "--"):
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			i += end
			blank()
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				end = len(text) - i - 4
			}
			i += end + 4
			blank()
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			blank()
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return strings.TrimSpace(b.String())
}

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' || c == '[' }

// quotedEnd is where a quoted text ends that begins at i.
func quotedEnd(text string, i int) int {
	q := text[i]
	if q == '[' {
		q = ']'
	}
	for i++; i < len(text); i++ {
		if text[i] == q {
			if q != ']' && i+1 < len(text) && text[i+1] == q {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(text)
}

// written is a name as an administrator writes it.
func written(name string) string {
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return name
	}
	return quote(name)
}
