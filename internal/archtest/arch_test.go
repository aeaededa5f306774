// Package archtest holds the shape of the code: which package may import
// which, and what only some may call. It has no code of its own; its tests
// read the sources of the module and may import the standard library only.
package archtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pkg is one package with the sources of all platforms, without its tests.
type pkg struct {
	path  string // below the module: internal/plan
	files map[string]*ast.File
	lines map[string]int // of every file, tests too
}

var (
	// model is pure: no I/O, no clock, no goroutine.
	model = []string{"internal/version", "internal/document", "internal/document/nearest", "internal/manifest", "internal/site",
		"internal/feature", "internal/route", "internal/plan", "internal/run", "internal/drift", "internal/review", "internal/channel", "internal/window", "internal/lingua"}
	// pure is the part of the standard library that the model may import.
	pure = []string{"bytes", "cmp", "crypto/sha256", "embed", "encoding", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps", "math", "math/bits",
		"net/url", "path", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8"}
	// core is the engine with the contracts that it owns.
	core = []string{"internal/engine", "internal/journal", "internal/step"}
	// world touches files, processes, databases and networks.
	world = []string{"internal/audit", "internal/backup", "internal/bundle", "internal/config", "internal/database", "internal/durable", "internal/feed", "internal/files",
		"internal/gate", "internal/memo", "internal/node", "internal/packages", "internal/probe", "internal/scope", "internal/scratch", "internal/service", "internal/step/*", "internal/survey", "internal/selfupgrade",
		"internal/journal/sqlite", "internal/vendor", "internal/notify"}
	// faces show and ask; they reach the world through manage only.
	faces = []string{"internal/cli", "internal/console", "internal/hub"}
	// wiring may import both the engine and what touches the world.
	wiring = []string{"cmd", "internal/manage"}
	// support is for tests; nothing that ships imports it.
	support = []string{"internal/lab", "internal/archtest", "examples/miniflux/try"}

	// clock is what the model must not call of package time.
	clock = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick"}
	// lasting is what only package durable calls.
	lasting = []string{"os.Rename", "os.Remove", "os.RemoveAll", "os.Truncate", ".Sync", "unix.Rename", "unix.Renameat", "unix.Renameat2", "unix.Unlink", "unix.Unlinkat",
		"unix.Fsync", "unix.Fdatasync", "unix.Syncfs", "unix.Sync", "syscall.Rename", "syscall.Unlink", "syscall.Fsync"}
	// allowed names what stands outside the rules, and why.
	allowed = map[string]string{
		"internal/database/postgres/restore.go os.Remove":         "a file of the system's temporary folder, no state of a product",
		"internal/database/sqlite/restore.go .Sync":               "through a file that durable.FS made",
		"internal/bundle/build.go .Sync":                          "the vendor's bundle, on the vendor's computer",
		"internal/cli/demo.go os.RemoveAll":                       "the demo's own folder, which the command has made",
		"internal/manage/restore_look.go .Sync":                   "through a file that durable.FS made",
		"internal/audit/log.go .Sync":                             "through a file that durable.FS made",
		"internal/backup/archive/sink.go .Sync":                   "through files that durable.FS made",
		"internal/feed/fetch/file.go .Sync":                       "through files that durable.FS made",
		"internal/feed/patch/apply.go .Sync":                      "through a file that durable.FS made",
		"internal/manage/world_crash.go internal/lab/crash/fault": "in the test build only, behind a build tag",
	}
)

// in says whether a package is one of a list: itself, below an entry of one
// element that stands for a tree, or a child of an entry that ends in "*".
func in(path string, list []string, trees bool) bool {
	return slices.ContainsFunc(list, func(e string) bool {
		if tree, ok := strings.CutSuffix(e, "/*"); ok {
			return strings.HasPrefix(path, tree+"/")
		}
		return path == e || trees && strings.HasPrefix(path, e+"/")
	})
}

func isSupport(path string) bool {
	return in(path, support, true) || strings.HasSuffix(path, "test")
}

func isWorld(path string) bool {
	return !in(path, core, false) && !in(path, model, false) && path != "internal/journal/memory" && in(path, world, true)
}

// imports checks that dependencies point inward.
func imports(p pkg) []string {
	var bad []string
	engine, outside := false, ""
	for name, f := range p.files {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			own, mine := strings.CutPrefix(path, "upkeep/")
			std := !mine && !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
			engine = engine || own == "internal/engine"
			if isWorld(own) {
				outside = own
			}
			if why := inward(p.path, path, own, mine, std); why != "" && allowed[name+" "+own] == "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", name, path, why))
			}
		}
	}
	if engine && outside != "" && !in(p.path, wiring, true) && !isSupport(p.path) {
		bad = append(bad, fmt.Sprintf("%s imports the engine and %s: only cmd and manage wire", p.path, outside))
	}
	return bad
}

func inward(from, path, own string, mine, std bool) string {
	switch {
	case isSupport(from):
		return ""
	case mine && isSupport(own):
		return "it is support for tests"
	case in(from, model, false):
		if mine && !in(own, model, false) || std && !slices.Contains(pure, path) || !mine && !std {
			return "the model imports the model and the pure part of the standard library"
		}
	case in(from, core, false):
		impure := slices.ContainsFunc([]string{"os", "net", "syscall"}, func(s string) bool { return path == s || strings.HasPrefix(path, s+"/") })
		if mine && !in(own, model, false) && !in(own, core, false) || std && impure || !mine && !std {
			return "the engine imports the model and its own interfaces"
		}
	case in(from, []string{"internal/hub/ask"}, true):
		if mine {
			return "what the page may ask imports nothing of Upkeep"
		}
	case in(from, []string{"internal/console"}, true):
		if mine && own != "internal/hub/ask" && own != "internal/lingua" && !in(own, []string{"internal/console"}, true) {
			return "the page may only ask: it imports internal/hub/ask, and internal/lingua to translate, and nothing else of Upkeep"
		}
	case in(from, faces, true):
		if isWorld(own) {
			return "a face reaches the world through manage"
		}
	case isWorld(from):
		if in(own, faces, true) || in(own, wiring, true) || own == "internal/engine" {
			return "what touches the world knows neither engine nor faces"
		}
	}
	if mine && in(own, faces, true) && !in(from, faces, true) && !in(from, wiring, true) {
		return "nothing but cmd imports a face"
	}
	return ""
}

// calls checks what only some packages may call.
func calls(p pkg) []string {
	var bad []string
	pureCode := in(p.path, model, false)
	for name, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok && pureCode {
				bad = append(bad, name+": a goroutine in the model")
			}
			if sel, ok := n.(*ast.SelectorExpr); ok {
				full := sel.Sel.Name
				if x, ok := sel.X.(*ast.Ident); ok {
					full = x.Name + "." + full
				}
				if pureCode && slices.Contains(clock, full) {
					bad = append(bad, name+" calls "+full+": the model has no clock")
				}
				for _, c := range []string{full, "." + sel.Sel.Name} {
					if slices.Contains(lasting, c) && !in(p.path, []string{"internal/durable"}, true) && !isSupport(p.path) && allowed[name+" "+c] == "" {
						bad = append(bad, name+" calls "+c+": only package durable does")
					}
				}
			}
			return true
		})
	}
	return bad
}

// state checks that no package has state of its own: no init, and no
// variable that anything writes to.
func state(p pkg) []string {
	if isSupport(p.path) {
		return nil
	}
	vars := map[string]*ast.ValueSpec{}
	var bad []string
	for name, f := range p.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				bad = append(bad, name+": func init")
			}
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, s := range gen.Specs {
				v := s.(*ast.ValueSpec)
				for _, id := range v.Names {
					if id.Name == "_" {
						continue
					}
					if text := typeText(v); strings.HasPrefix(text, "sync.") || strings.HasPrefix(text, "atomic.") {
						bad = append(bad, name+": var "+id.Name+" is made to be changed")
					}
					vars[id.Name] = v
				}
			}
		}
	}
	for name, f := range p.files {
		written := func(e ast.Expr) {
			for {
				switch x := e.(type) {
				case *ast.IndexExpr:
					e = x.X
				case *ast.SelectorExpr:
					e = x.X
				case *ast.ParenExpr:
					e = x.X
				case *ast.StarExpr:
					e = x.X
				case *ast.Ident:
					// a name that the file resolves to something else is a local one
					if v := vars[x.Name]; v != nil && (x.Obj == nil || x.Obj.Decl == v) {
						bad = append(bad, name+": the package's var "+x.Name+" is changed")
					}
					return
				default:
					return
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.AssignStmt:
				for _, l := range x.Lhs {
					if x.Tok != token.DEFINE {
						written(l)
					}
				}
			case *ast.IncDecStmt:
				written(x.X)
			case *ast.UnaryExpr:
				if x.Op == token.AND {
					written(x.X)
				}
			case *ast.CallExpr:
				if id, ok := x.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") {
					written(x.Args[0])
				}
			}
			return true
		})
	}
	return bad
}

// typeText is the head of a variable's type, or of the call that makes it.
func typeText(v *ast.ValueSpec) string {
	e := v.Type
	if e == nil && len(v.Values) == 1 {
		e = v.Values[0]
	}
	for {
		switch x := e.(type) {
		case *ast.UnaryExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.CompositeLit:
			e = x.Type
		case *ast.CallExpr:
			e = x.Fun
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				return id.Name + "." + x.Sel.Name
			}
			return ""
		default:
			return ""
		}
	}
}

// docs checks that a package says what it is for, and the length of files.
func docs(p pkg) []string {
	var bad []string
	said := len(p.files) == 0
	for _, f := range p.files {
		said = said || f.Doc != nil && (strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name) || f.Name.Name == "main")
	}
	if !said {
		bad = append(bad, p.path+": no comment says what the package is for")
	}
	for name, n := range p.lines {
		if n > 600 {
			bad = append(bad, fmt.Sprintf("%s has %d lines, more than 600", name, n))
		}
	}
	return bad
}

// load reads all packages of the module.
func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list the packages: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var l struct {
			ImportPath, Dir                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		p := pkg{path: strings.TrimPrefix(l.ImportPath, "upkeep/"), files: map[string]*ast.File{}, lines: map[string]int{}}
		for _, name := range slices.Concat(l.GoFiles, l.CgoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			short := p.path + "/" + name
			p.lines[short] = fset.File(f.Pos()).LineCount()
			if !strings.HasSuffix(name, "_test.go") {
				p.files[short] = f
			}
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages were found: the rules would show nothing", len(all))
	}
	return all
}

func TestShape(t *testing.T) {
	var lines []int
	for _, p := range load(t) {
		for _, n := range p.lines {
			lines = append(lines, n)
		}
		for _, rule := range []func(pkg) []string{imports, calls, state, docs} {
			for _, bad := range rule(p) {
				t.Error(bad)
			}
		}
	}
	slices.Sort(lines)
	t.Logf("%d files: median %d lines, longest %d", len(lines), lines[len(lines)/2], lines[len(lines)-1])
}

// TestRules shows that every rule can fail.
func TestRules(t *testing.T) {
	for _, tt := range []struct{ path, src, want string }{
		{"internal/plan", `import "os"`, "pure part"},
		{"internal/plan", `import "upkeep/internal/engine"`, "the model imports"},
		{"internal/document", `import "github.com/goccy/go-yaml"`, "the model imports"},
		{"internal/plan", `import "time"; var _ = time.Second; func f() { g() }`, ""},
		{"internal/plan", `import "time"; func f() { time.Now() }`, "no clock"},
		{"internal/run", `import "time"; var now = time.Now; func f() {}`, "no clock"},
		{"internal/run", `func f() { go f() }`, "goroutine"},
		{"internal/engine", `func f() { go f() }`, ""},
		{"internal/engine", `import ("io"; "context"; "upkeep/internal/run"; "upkeep/internal/step")`, ""},
		{"internal/engine", `import "upkeep/internal/durable"`, "its own interfaces"},
		{"internal/engine", `import "net/http"`, "its own interfaces"},
		{"internal/journal", `import "upkeep/internal/journal/sqlite"`, "its own interfaces"},
		{"internal/step/backup", `import ("upkeep/internal/durable"; "upkeep/internal/step")`, ""},
		{"internal/step/backup", `import "upkeep/internal/engine"`, "neither engine nor faces"},
		{"internal/files", `import "upkeep/internal/cli/show"`, "neither engine nor faces"},
		{"internal/demo", `import "upkeep/internal/cli/show"`, "nothing but cmd"},
		{"internal/adopt", `import ("upkeep/internal/engine"; "upkeep/internal/gate")`, "only cmd and manage wire"},
		{"internal/manage", `import ("upkeep/internal/engine"; "upkeep/internal/gate")`, ""},
		{"cmd/upkeep", `import ("upkeep/internal/engine"; "upkeep/internal/gate"; "upkeep/internal/cli")`, ""},
		{"internal/cli/show", `import "upkeep/internal/step/backup"`, "through manage"},
		{"internal/cli", `import "upkeep/internal/database/postgres"`, "through manage"},
		{"internal/cli", `import ("upkeep/internal/manage"; "upkeep/internal/plan"; "upkeep/internal/step")`, ""},
		{"internal/console", `import ("net/http"; "upkeep/internal/hub/ask"; "upkeep/internal/console/texts")`, ""},
		{"internal/console", `import "upkeep/internal/manage"`, "may only ask"},
		{"internal/console", `import "upkeep/internal/plan"`, "may only ask"},
		{"internal/hub/ask", `import "upkeep/internal/plan"`, "nothing of Upkeep"},
		{"internal/hub/local", `import ("upkeep/internal/manage"; "upkeep/internal/hub/ask")`, ""},
		{"internal/plan", `import "upkeep/internal/lab"`, "support for tests"},
		{"internal/step/steptest", `import ("upkeep/internal/lab"; "upkeep/internal/engine"; "upkeep/internal/files")`, ""},
		{"internal/files", `import "os"; func f() { os.Rename("a", "b") }`, "only package durable"},
		{"internal/files", `import "os"; func f(x *os.File) error { return x.Sync() }`, "only package durable"},
		{"internal/gate", `import "golang.org/x/sys/unix"; var move = unix.Renameat2`, "only package durable"},
		{"internal/durable", `import "os"; func f() { os.Rename("a", "b") }`, ""},
		{"internal/files", `func init() {}`, "func init"},
		{"internal/files", `var n int; func f() { n++ }`, "var n is changed"},
		{"internal/files", `var m = map[int]int{}; func f() { m[1] = 2 }`, "var m is changed"},
		{"internal/files", `var m = map[int]int{}; func f() { delete(m, 1) }`, "var m is changed"},
		{"internal/files", `var s struct{ n int }; func f() { s.n = 1 }`, "var s is changed"},
		{"internal/files", `var n int; func f() *int { return &n }`, "var n is changed"},
		{"internal/files", `import "sync"; var mu sync.Mutex`, "made to be changed"},
		{"internal/files", `import "sync"; var once = sync.OnceValue(f); func f() int { return 1 }`, "made to be changed"},
		{"internal/files", `import "errors"; var errX = errors.New("x"); func f() { errX := 1; errX = 2; _ = errX }`, ""},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "// Package x is one.\npackage x\n"+tt.src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		p := pkg{path: tt.path, files: map[string]*ast.File{tt.path + "/x.go": f}}
		got := strings.Join(slices.Concat(imports(p), calls(p), state(p), docs(p)), "\n")
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: %s\ngot %q, want %q", tt.path, tt.src, got, tt.want)
		}
	}
	silent, _ := parser.ParseFile(token.NewFileSet(), "x.go", "package x", parser.ParseComments)
	long := pkg{path: "internal/x", files: map[string]*ast.File{"x.go": silent}, lines: map[string]int{"x.go": 601}}
	if got := docs(long); len(got) != 2 {
		t.Errorf("a long file without a comment gives %q", got)
	}
}
