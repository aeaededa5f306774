package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/sites"
)

// call is a call of durable: its site as tap.Op has it, and what the table calls
// it: the file, its function, the method, and which of them where the function
// has several. Lines move too often.
type call struct{ site, name string }

// calls lists them all.
func calls(t *testing.T) []call {
	t.Helper()
	all, err := sites.All()
	if err != nil {
		t.Fatal(err)
	}
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string][]function{}
	var out []call
	for _, c := range all {
		file, line := cut(c.Site)
		if functions[file] == nil {
			functions[file] = functionsOf(t, filepath.Join(root, file))
		}
		i := slices.IndexFunc(functions[file], func(f function) bool { return f.from <= line && line <= f.to })
		if i < 0 {
			t.Fatalf("%s is in no function", c.Site)
		}
		f, lines := functions[file][i], map[int]bool{}
		for _, o := range all {
			if in, at := cut(o.Site); in == file && o.Method == c.Method && f.from <= at && at <= f.to {
				lines[at] = true
			}
		}
		name := file + ":" + f.name + " " + c.Method
		if len(lines) > 1 {
			name += " " + strconv.Itoa(1+slices.Index(slices.Sorted(maps.Keys(lines)), line))
		}
		out = append(out, call{c.Site, name})
	}
	return out
}

// within keeps the calls in folders ("internal/files"), files
// ("internal/files/copy.go") and functions ("internal/files/copy.go:CopyTree").
func within(t *testing.T, all []call, places ...string) []call {
	t.Helper()
	var out []call
	for _, p := range places {
		found := false
		for _, c := range all {
			file, _ := cut(c.site)
			function, _, _ := strings.Cut(c.name, " ")
			if p == filepath.Dir(file) || p == file || p == function {
				found, out = true, append(out, c)
			}
		}
		if !found {
			t.Errorf("there is no call in %s", p)
		}
	}
	return out
}

type function struct {
	name     string
	from, to int // lines
}

func functionsOf(t *testing.T, file string) []function {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []function
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			out = append(out, function{f.Name.Name, fset.Position(d.Pos()).Line, fset.Position(d.End()).Line})
		}
	}
	return out
}

func cut(site string) (file string, line int) {
	file, text, _ := strings.Cut(site, ":")
	line, _ = strconv.Atoi(text)
	return file, line
}
