package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"upkeep/internal/database"
)

// Block is a statement that other objects of the database stand in the way of.
type Block struct {
	Script  string
	Line    int
	What    string   // "alters the type of column total of orders"
	Objects []string // "view public.report"
	// Lost says that the statement takes the objects away with it (CASCADE), or
	// leaves them broken, in the place of being refused.
	Lost string
}

func (b Block) String() string {
	return fmt.Sprintf("%s, line %d, %s, on which depends %s", b.Script, b.Line, b.What, strings.Join(b.Objects, ", "))
}

// touch is a table, or a column of it, that a statement alters or drops.
type touch struct {
	table   []string // as written: name, or schema and name
	column  string   // empty: the table
	drop    bool
	cascade bool
}

// Blocking finds what depends on the tables and columns that scripts alter or
// drop, from what the statements say and the server's catalog. What the scripts
// drop themselves before does not count. What statements make up as they run
// (DO, procedures) is not seen.
func Blocking(ctx context.Context, db database.Database, list []Script) ([]Block, error) {
	var out []Block
	var gone []string // names that the scripts have dropped so far
	for _, s := range list {
		if s.Native {
			continue
		}
		for _, st := range database.Split(s.SQL, dialects[db.Kind()].Dialect) {
			tokens := lex(st.Text, db.Kind())
			gone = append(gone, dropped(tokens)...)
			for _, t := range touches(tokens) {
				blocks, err := t.block(ctx, db, gone)
				if err != nil {
					return nil, fmt.Errorf("cannot find what depends on %s: %w", strings.Join(t.table, "."), err)
				}
				for _, b := range blocks {
					b.Script, b.Line = s.Name, st.Line
					out = append(out, b)
				}
			}
		}
	}
	return out, nil
}

// lex gives the words of a statement: names as the server knows them, and signs.
// Texts are left out.
func lex(text, kind string) []string {
	var out []string
	for i := 0; i < len(text); {
		rest := text[i:]
		switch c := text[i]; {
		case strings.HasPrefix(rest, "--"):
			i += 1 + strings.IndexByte(rest+"\n", '\n')
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return out
			}
			i += n + 2
		case c == '"' && kind != "mariadb", c == '`' && kind != "postgres", c == '\'':
			n := strings.IndexByte(rest[1:], c)
			if n < 0 {
				return out
			}
			if c != '\'' {
				out = append(out, "\x00"+rest[1:n+1]) // as it is
			}
			i += n + 2
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
			n := 1
			for n < len(rest) && (rest[n] == '_' || rest[n] == '$' || rest[n] >= '0' && rest[n] <= '9' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 0x80) {
				n++
			}
			word := rest[:n]
			if kind == "postgres" {
				word = strings.ToLower(word)
			}
			out = append(out, word)
			i += n
		case strings.IndexByte(".,()", c) >= 0:
			out = append(out, string(c))
			i++
		default:
			i++
		}
	}
	return out
}

// parser goes over words.
type parser struct{ tokens []string }

func (p *parser) at(words ...string) bool {
	for i, w := range words {
		if i >= len(p.tokens) || !strings.EqualFold(p.tokens[i], w) {
			return false
		}
	}
	return true
}

// take passes words if they are there.
func (p *parser) take(words ...string) bool {
	ok := p.at(words...)
	if ok {
		p.tokens = p.tokens[len(words):]
	}
	return ok
}

// name reads a name, with the schema before it.
func (p *parser) name() []string {
	var out []string
	for len(p.tokens) > 0 {
		out = append(out, strings.TrimPrefix(p.tokens[0], "\x00"))
		p.tokens = p.tokens[1:]
		if !p.take(".") {
			break
		}
	}
	return out
}

// next passes to behind the next comma of this level.
func (p *parser) next() bool {
	for depth := 0; len(p.tokens) > 0; {
		t := p.tokens[0]
		p.tokens = p.tokens[1:]
		switch {
		case t == "(":
			depth++
		case t == ")":
			depth--
		case t == "," && depth == 0:
			return true
		}
	}
	return false
}

// touches reads ALTER TABLE and DROP TABLE.
func touches(tokens []string) []touch {
	p := &parser{tokens}
	cascade := slices.ContainsFunc(tokens, func(t string) bool { return strings.EqualFold(t, "cascade") })
	var out []touch
	switch {
	case p.take("drop", "table"):
		p.take("if", "exists")
		for more := true; more; more = p.next() {
			out = append(out, touch{table: p.name(), drop: true, cascade: cascade})
		}
	case p.take("alter", "table"):
		p.take("if", "exists")
		p.take("only")
		table := p.name()
		for more := true; more; more = p.next() {
			if t, ok := p.action(); ok {
				t.table, t.cascade = table, cascade
				out = append(out, t)
			}
		}
	}
	return out
}

// action reads one action of ALTER TABLE that concerns a column.
func (p *parser) action() (touch, bool) {
	switch {
	case p.take("drop"):
		for _, other := range []string{"constraint", "index", "key", "primary", "foreign", "partition", "check", "expression", "system", "period"} {
			if p.at(other) {
				return touch{}, false
			}
		}
		p.take("column")
		p.take("if", "exists")
		if n := p.name(); len(n) == 1 {
			return touch{column: n[0], drop: true}, true
		}
	case p.take("alter"):
		p.take("column")
		n := p.name()
		if len(n) == 1 && (p.at("type") || p.at("set", "data", "type")) {
			return touch{column: n[0]}, true
		}
	case p.take("change"):
		p.take("column")
		if n := p.name(); len(n) == 1 && !p.at(n[0]) { // another name
			return touch{column: n[0], drop: true}, true
		}
	}
	return touch{}, false
}

// dropped are the names of what a statement drops.
func dropped(tokens []string) []string {
	p := &parser{tokens}
	if !p.take("drop") {
		return nil
	}
	p.take("materialized")
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:] // the kind
	}
	p.take("if", "exists")
	var out []string
	for more := true; more; more = p.next() {
		if n := p.name(); len(n) > 0 {
			out = append(out, n[len(n)-1])
		}
		for len(p.tokens) > 0 && p.tokens[0] != "," && p.tokens[0] != "(" {
			if p.take("on") { // a trigger, a rule, a policy
				p.name()
				continue
			}
			p.tokens = p.tokens[1:]
		}
	}
	return out
}

func (t touch) what() string {
	verb, name := "alters the type of", t.table[len(t.table)-1]
	if t.drop {
		verb = "drops"
	}
	if t.column == "" {
		return verb + " table " + name
	}
	return fmt.Sprintf("%s column %s of %s", verb, t.column, name)
}

// block asks the catalog. What the server refuses comes first.
func (t touch) block(ctx context.Context, db database.Database, gone []string) ([]Block, error) {
	if len(t.table) == 0 || len(t.table) > 2 {
		return nil, nil
	}
	query, lost := "", func(string) string { return "" }
	switch db.Kind() {
	case "postgres":
		query = t.postgres()
		if t.cascade && t.drop {
			lost = func(string) string { return "they go with it" }
		}
	case "mariadb":
		query = t.mariadb()
		lost = func(object string) string {
			if strings.HasPrefix(object, "view ") {
				return "the server lets it, and they are broken afterwards"
			}
			return ""
		}
	default:
		return nil, nil // SQLite refuses by itself what would break a view, in the script's transaction
	}
	text, err := db.Query(ctx, query)
	if errors.Is(err, database.ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Block
	for line := range strings.SplitSeq(text, "\n") {
		name, object, ok := strings.Cut(line, "\t")
		if !ok || slices.Contains(gone, name) {
			continue
		}
		object = strings.Replace(object, "rule _RETURN on ", "", 1)
		i := slices.IndexFunc(out, func(b Block) bool { return b.Lost == lost(object) })
		if i < 0 {
			i, out = len(out), append(out, Block{What: t.what(), Lost: lost(object)})
		}
		out[i].Objects = append(out[i].Objects, object)
	}
	return out, nil
}

// literal writes a name as a text of SQL.
func literal(name string) string { return "'" + strings.ReplaceAll(name, "'", "''") + "'" }

func (t touch) postgres() string {
	var quoted []string
	for _, n := range t.table {
		quoted = append(quoted, `"`+strings.ReplaceAll(n, `"`, `""`)+`"`)
	}
	classes := "'pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass"
	if t.drop {
		classes += ", 'pg_constraint'::regclass"
	}
	column := "true"
	if t.column != "" {
		column = "d.refobjsubid = (SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = d.refobjid AND attname = " + literal(t.column) + " AND NOT attisdropped)"
	}
	return fmt.Sprintf(`SELECT string_agg(DISTINCT coalesce(v.relname, p.proname, c.relname, g.tgname, y.polname, '') || chr(9) || pg_catalog.pg_describe_object(d.classid, d.objid, 0), chr(10)) FROM pg_catalog.pg_depend d
		LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
		LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
		LEFT JOIN pg_catalog.pg_policy y ON d.classid = 'pg_policy'::regclass AND y.oid = d.objid
		LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(%s) AND d.deptype = 'n' AND d.classid IN (%s) AND %s
		AND coalesce(r.ev_class, k.conrelid, 0) <> d.refobjid`, literal(strings.Join(quoted, ".")), classes, column)
}

func (t touch) mariadb() string {
	table := t.table[len(t.table)-1]
	like := "%`" + strings.NewReplacer(`\`, `\\\\`, "%", `\\%`, "_", `\\_`, "`", "``").Replace(table) + "`%"
	column := ""
	if t.column != "" {
		column = " AND view_definition LIKE " + literal("%`"+strings.NewReplacer(`\`, `\\\\`, "%", `\\%`, "_", `\\_`, "`", "``").Replace(t.column)+"`%")
	}
	views := "SELECT concat(table_name, '\t', 'view ', table_name) AS o FROM information_schema.views WHERE table_schema = database() AND view_definition LIKE " + literal(like) + column
	keys := ""
	if t.drop {
		named := ""
		if t.column != "" {
			named = " AND referenced_column_name = " + literal(t.column)
		}
		keys = " UNION SELECT concat(table_name, '\t', 'constraint ', constraint_name, ' on table ', table_name) FROM information_schema.key_column_usage WHERE referenced_table_schema = database() AND referenced_table_name = " +
			literal(table) + " AND table_name <> " + literal(table) + named
	}
	return "SELECT group_concat(o ORDER BY o SEPARATOR '\n') FROM (" + views + keys + ") AS t"
}
