package lingua

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is a text of the code that people may read, as a format.
type source struct{ Format, At string }

// apart are packages that say nothing to people who use Upkeep.
var apart = []string{"internal/lab", "internal/e2e", "internal/archtest", "internal/requirements", "internal/lingua", "internal/console",
	"internal/demo",                   // the sample product, whose vendor writes English
	"internal/schema",                 // for editors and programs
	"internal/feed/trust/conformance", // a tool of the tests
}

// quiet are functions whose texts are for programs: what is looked for in the
// output of others, patterns, the log, and what only a programmer's mistake shows.
var quiet = regexp.MustCompile(`^(panic|regexp\.\w+|(strings|bytes)\.(Has\w+|Contains\w*|Cut\w*|Split\w*|Index\w*|Trim(?:Prefix|Suffix|Left|Right)|EqualFold|Count|NewReplacer|Replace\w*)|exec\.Command\w*|(log|l|Log|logger|slog)\.(Info|Warn|Error|Debug)|\w+\.(Exec|ExecContext|Query|QueryContext|QueryRow|QueryRowContext|Prepare|PrepareContext)|errors\.Is)$`)

// statement begins what a database or a shell reads.
var statement = regexp.MustCompile(`^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|WITH|SET|LOCK|UNLOCK|BEGIN|COMMIT|GRANT|REVOKE|SHOW|ATTACH|DETACH|VACUUM|REPLACE|START TRANSACTION|FLUSH|KILL|FROM|WHERE|ORDER BY|AND|TRUNCATE|ANALYZE|EXPLAIN|CHECK TABLE|CALL|COPY|COMMENT ON|DO|RENAME|RESET|VALUES|LEFT JOIN|JOIN|UNION)\b`)

// command is a line to be typed: the same in every language.
var command = regexp.MustCompile(`^(?:%s|upkeep)(?: (?:status|check|plan|upgrade|resume|back|decide|done|cancel|backup|drift|runs|doctor|mode|adopt|remove|hub|feed|vendor|install|review|migrations|holds|features|rehearse|tasks|log|show|approve|edit|repair|verify|refresh|list|normal|answers|new|bundle|restore|--[a-z-]+(?:=?(?:%\[?\d?\]?[a-z]|'%s=?[A-Z]*'|[A-Z]+))?|'[A-Z ]+'|%s=VALUE|[A-Z]+|%s)+)+(?:%s)*$`)

// verb is one of a format, that a function may be given which is not called so.
var verb = regexp.MustCompile(`%(?:\[\d\])?(?:\.\d+)?[sdvqwfgx]`)

// worded says whether a format holds a word of a language.
var worded = regexp.MustCompile(`(?:^|[^\pL\d_%/.$<{-])\pL{2,}(?:[^\pL\d_/(=<]|$)`)

// sources are all texts of the module that people may read. Texts for programs
// that look as if they were for people are listed in testdata/programs.
// With them come all literals of one word, any of which may be a term.
func sources(t testing.TB) (out []source, terms map[string]bool) {
	t.Helper()
	root := filepath.Join("..", "..")
	programs := list(t, filepath.Join("testdata", "programs"))
	seen := map[string]bool{}
	terms = map[string]bool{}
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, path)
			if d.IsDir() {
				if slices.Contains(apart, rel) || strings.HasSuffix(rel, "test") || d.Name() == "testdata" {
					return fs.SkipDir
				}
				return nil
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					terms[text] = true
				}
				return true
			})
			w := walker{take: func(format string, pos token.Pos) {
				if _, program := programs[format]; program {
					programs[format] = false // it is there
				} else if !seen[format] {
					seen[format] = true
					out = append(out, source{format, rel + ":" + strconv.Itoa(set.Position(pos).Line)})
				}
			}}
			for _, decl := range file.Decls {
				ast.Inspect(decl, w.visit)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for format, lost := range programs {
		if lost {
			t.Errorf("testdata/programs lists %q, which the source says no more: take it out", format)
		}
	}
	return out, terms
}

// list reads quoted texts, one a line.
func list(t testing.TB, path string) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		text, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %s: %v", path, line, err)
		}
		out[text] = true
	}
	return out
}

// walker finds texts in a file.
type walker struct {
	take func(format string, pos token.Pos)
}

func (w walker) visit(n ast.Node) bool {
	switch x := n.(type) {
	case *ast.ImportSpec, *ast.CaseClause:
		if c, ok := n.(*ast.CaseClause); ok {
			for _, s := range c.Body {
				ast.Inspect(s, w.visit)
			}
		}
		return false
	case *ast.Field:
		return false // a tag, or a type
	case *ast.FuncType:
		return false
	case *ast.IndexExpr:
		ast.Inspect(x.X, w.visit)
		return false
	case *ast.KeyValueExpr:
		if id, ok := x.Key.(*ast.Ident); ok && (id.Name == "Use" || id.Name == "Example") {
			return false
		}
		ast.Inspect(x.Value, w.visit)
		return false
	case *ast.BinaryExpr:
		if x.Op == token.EQL || x.Op == token.NEQ {
			return false
		}
		if x.Op == token.ADD {
			w.text(x, false)
			return false
		}
	case *ast.CallExpr:
		name := called(x.Fun)
		if quiet.MatchString(name) {
			return false
		}
		if last := name[strings.LastIndex(name, ".")+1:]; last == "word" || last == "Word" || last == "count" {
			for _, a := range x.Args {
				if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, _ := strconv.Unquote(lit.Value)
					w.take(s, lit.Pos())
				}
			}
		}
		if strings.HasSuffix(name, "f") {
			for i, a := range x.Args {
				if hasLiteral(a) {
					w.text(a, true)
					for j, b := range x.Args {
						if i != j {
							ast.Inspect(b, w.visit)
						}
					}
					return false
				}
			}
		}
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			w.text(x, false)
		}
	}
	return true
}

// called is the name of what is called, as it is written.
func called(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			return id.Name + "." + x.Sel.Name
		}
		if s, ok := x.X.(*ast.SelectorExpr); ok {
			return s.Sel.Name + "." + x.Sel.Name
		}
		return "x." + x.Sel.Name
	}
	return "x"
}

func hasLiteral(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.BasicLit:
		return x.Kind == token.STRING
	case *ast.BinaryExpr:
		return x.Op == token.ADD && (hasLiteral(x.X) || hasLiteral(x.Y))
	case *ast.ParenExpr:
		return hasLiteral(x.X)
	}
	return false
}

// text takes a text that may be made of parts.
func (w walker) text(e ast.Expr, format bool) {
	var b strings.Builder
	any := false
	var add func(e ast.Expr)
	add = func(e ast.Expr) {
		switch x := e.(type) {
		case *ast.BasicLit:
			if x.Kind == token.STRING {
				s, err := strconv.Unquote(x.Value)
				if err == nil {
					any = true
					if !format && !verb.MatchString(s) {
						s = strings.ReplaceAll(s, "%", "%%")
					}
					b.WriteString(s)
				}
				return
			}
		case *ast.ParenExpr:
			add(x.X)
			return
		case *ast.BinaryExpr:
			if x.Op == token.ADD {
				add(x.X)
				add(x.Y)
				return
			}
		case *ast.CallExpr:
			if name := called(x.Fun); name == "fmt.Sprintf" && len(x.Args) > 0 && !format {
				if lit, ok := x.Args[0].(*ast.BasicLit); ok {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						any = true
						b.WriteString(s)
						for _, a := range x.Args[1:] {
							ast.Inspect(a, w.visit)
						}
						return
					}
				}
			}
		}
		b.WriteString("%s")
		ast.Inspect(e, w.visit)
	}
	add(e)
	text := b.String()
	if any && strings.ContainsAny(text, " \n") && worded.MatchString(text) && !statement.MatchString(text) && !command.MatchString(text) {
		w.take(text, e.Pos())
	}
}
