package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"upkeep/internal/database"
	"upkeep/internal/drift"
)

// Objects reads all definitions in one read-only transaction.
func (db *DB) Objects(ctx context.Context) (drift.Schema, error) {
	const what = "read the definitions of the database"
	l, err := db.connect(ctx, what)
	if err != nil {
		return drift.Schema{}, err
	}
	defer l.close()
	tx, err := l.readOnly(ctx)
	if err != nil {
		return drift.Schema{}, l.fail(ctx, what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	s, err := objects(ctx, tx, l.major)
	if err != nil {
		return drift.Schema{}, l.fail(ctx, what, err)
	}
	return s, nil
}

func objects(ctx context.Context, tx pgx.Tx, major int) (drift.Schema, error) {
	s := drift.Schema{Kind: "postgres", Server: strconv.Itoa(major)}
	// compiling these queries would cost most of the time
	if _, err := tx.Exec(ctx, "SET LOCAL jit = off"); err != nil {
		return s, err
	}
	asked := append(slices.Clone(described), detail...)
	batch := &pgx.Batch{}
	for _, q := range asked {
		batch.Queue(q.text(major))
	}
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }() // its error is that of a question
	lines := map[string][]string{}         // of a relation or domain, by its name
	for i, q := range asked {
		rows, err := results.Query()
		if err != nil {
			return s, fmt.Errorf("reading each %s: %w", q.kind, err)
		}
		var kind, name, on, text *string
		_, err = pgx.ForEachRow(rows, []any{&kind, &name, &on, &text}, func() error {
			if kind == nil || name == nil || on == nil || text == nil {
				// The server answers so for what is dropped meanwhile.
				return fmt.Errorf("%w: a %s was changed while it was read", database.ErrInUse, q.kind)
			}
			if i >= len(described) {
				lines[*name] = append(lines[*name], "  "+canonical(*text))
				return nil
			}
			s.Objects = append(s.Objects, drift.Object{Kind: *kind, Name: *name, On: *on, Definition: canonical(*text)})
			return nil
		})
		if err != nil {
			return s, fmt.Errorf("reading each %s: %w", q.kind, err)
		}
	}
	if err := results.Close(); err != nil {
		return s, err
	}
	parents, err := inherited(ctx, tx)
	if err != nil {
		return s, err
	}
	for i := range s.Objects {
		o := &s.Objects[i]
		if o.On == "" && slices.Contains(detailed, o.Kind) {
			for _, line := range own(o.Name, lines, parents) {
				o.Definition += "\n" + line
			}
		}
	}
	s.Sort()
	return s, nil
}

// inherited gives the parents of every table that has some.
func inherited(ctx context.Context, tx pgx.Tx) (map[string][]string, error) {
	rows, err := tx.Query(ctx, `SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', pn.nspname, p.relname)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE c.relkind IN ('r', 'p', 'f')`)
	if err != nil {
		return nil, err
	}
	parents := map[string][]string{}
	var child, parent string
	_, err = pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
		parents[child] = append(parents[child], parent)
		return nil
	})
	return parents, err
}

// own are a relation's lines in order, without those that a parent has word by
// word: one customisation of a parent is not one of every partition.
//
// Columns stand in order of their names: whoever came here by upgrades has them
// in another order than a fresh install.
func own(name string, lines map[string][]string, parents map[string][]string) []string {
	out := slices.DeleteFunc(slices.Clone(lines[name]), func(line string) bool {
		return slices.ContainsFunc(parents[name], func(p string) bool { return slices.Contains(lines[p], line) })
	})
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	return out
}

// place puts columns before constraints before indexes.
func place(line string) int {
	return slices.IndexFunc([]string{"  column ", "  check ", "  constraint ", "  index "}, func(p string) bool { return strings.HasPrefix(line, p) })
}

// canonical writes the one construct anew that PostgreSQL prints differently once
// its own text was read back, as by a restore: ARRAY['a'::character
// varying]::text[] becomes ARRAY['a'::character varying::text].
func canonical(text string) string {
	const open = "ARRAY["
	if !strings.Contains(text, open) {
		return text
	}
	var b strings.Builder
	for p := (prints{text: text}); p.pos < len(text); {
		switch c := text[p.pos]; {
		case c == '\'' || c == '"':
			b.WriteString(p.quoted())
		case c == '$':
			b.WriteString(p.dollar())
		case strings.HasPrefix(text[p.pos:], open) && (p.pos == 0 || !isName(text[p.pos-1])):
			start := p.pos
			p.pos += len(open)
			elements, ok := p.elements()
			at := p.pos
			if ok && strings.HasPrefix(text[p.pos:], "::") {
				p.pos += 2
				p.typeName()
			}
			element, isArray := strings.CutSuffix(text[at:p.pos], "[]")
			if !ok || !isArray {
				// another construct, whose own elements may be of this one
				b.WriteString(open)
				p.pos = start + len(open)
				continue
			}
			for i, e := range elements {
				if e = canonical(e); !simple(e) {
					e = "(" + e + ")"
				}
				elements[i] = e + element
			}
			b.WriteString(open + strings.Join(elements, ", ") + "]")
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return b.String()
}

// elements reads what stands between brackets, to behind the closing one.
func (p *prints) elements() ([]string, bool) {
	var out []string
	depth, from := 0, p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '\'' || c == '"':
			p.quoted()
			continue
		case c == '(' || c == '[':
			depth++
		case (c == ')' || c == ']') && depth > 0:
			depth--
		case c == ']', c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(p.text[from:p.pos]))
			from = p.pos + 1
			if c == ']' {
				p.pos++
				return out, true
			}
		case c == ')':
			return nil, false
		}
		p.pos++
	}
	return nil, false
}

// simple says that a cast can follow an expression without parentheses: a
// constant, a name or a call, with casts or without.
func simple(e string) bool {
	p := prints{text: e}
	for p.pos < len(e) {
		switch c := e[p.pos]; {
		case c == '\'' || c == '"':
			p.quoted()
		case c == '(' || c == '[':
			p.pos++
			if _, ok := p.group(); !ok {
				return false
			}
		case strings.HasPrefix(e[p.pos:], "::"):
			p.pos += 2
			p.typeName()
		case isName(c) || c == '.':
			p.pos++
		default:
			return false
		}
	}
	return true
}

// group passes to behind the parenthesis or bracket that closes what is open.
func (p *prints) group() (string, bool) {
	start, depth := p.pos, 1
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '\'' || c == '"':
			p.quoted()
			continue
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		}
		p.pos++
		if depth == 0 {
			return p.text[start:p.pos], true
		}
	}
	return "", false
}
