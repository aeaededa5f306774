// Package sites lists every place of Upkeep's code that asks package durable
// to change something: each is a mutant of the crash harnesses. It is for tests
// and imports the standard library and internal/lab.
package sites

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/lab"
)

// Call is a call of durable.
type Call struct {
	Site   string // as tap.Op has it: "internal/step/stage/stage.go:88"
	Method string
}

// reads are the methods that change nothing, and those that are no operation.
var reads = []string{"Open", "OpenNoFollow", "Lstat", "Stat", "ReadDir", "ReadFile", "Readlink", "Xattrs", "Free", "Mounts", "Unsynced", "Append",
	"Close", "Read", "ReadAt", "Seek"}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Standard                bool
}

// All lists the calls in the packages that ship, for this platform.
func All() ([]Call, error) {
	root, err := lab.ModuleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Standard", "./cmd/upkeep")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the packages: %w", err)
	}
	exports := map[string]string{}
	var own []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var l listed
		if err := dec.Decode(&l); err != nil {
			return nil, err
		}
		exports[l.ImportPath] = l.Export
		if strings.HasPrefix(l.ImportPath, "upkeep/") && l.ImportPath != "upkeep/internal/durable" {
			own = append(own, l)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var calls []Call
	for _, l := range own {
		found, err := in(fset, imports, l)
		if err != nil {
			return nil, err
		}
		calls = append(calls, found...)
	}
	slices.SortFunc(calls, func(a, b Call) int { return strings.Compare(a.Site+a.Method, b.Site+b.Method) })
	return slices.Compact(calls), nil
}

// in lists the calls of one package.
func in(fset *token.FileSet, imports types.Importer, l listed) ([]Call, error) {
	var parsed []*ast.File
	for _, name := range l.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	conf := types.Config{Importer: imports}
	if _, err := conf.Check(l.ImportPath, fset, parsed, info); err != nil {
		return nil, fmt.Errorf("cannot read the types of %s: %w", l.ImportPath, err)
	}
	var calls []Call
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			s := info.Selections[sel]
			if s == nil || s.Kind() != types.MethodVal || s.Obj().Pkg() == nil || s.Obj().Pkg().Path() != "upkeep/internal/durable" ||
				slices.Contains(reads, s.Obj().Name()) || !types.IsInterface(s.Recv()) {
				return true
			}
			at := fset.Position(sel.Sel.Pos())
			calls = append(calls, Call{strings.TrimPrefix(l.ImportPath, "upkeep/") + "/" + filepath.Base(at.Filename) + ":" + strconv.Itoa(at.Line), s.Obj().Name()})
			return true
		})
	}
	return calls, nil
}
