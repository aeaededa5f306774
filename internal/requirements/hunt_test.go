package requirements

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/document/yaml"
	"upkeep/internal/lab"
)

// examples makes a folder of examples.
func examples(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// wants is a test that reads a document and wants some text in it.
func wants(file, text string) func(dir string) Verdict {
	return func(dir string) Verdict {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return Failed
		}
		if _, err := yaml.Parse(file, raw); err != nil || !strings.Contains(string(raw), text) {
			return Failed
		}
		return Passed
	}
}

func TestHunt(t *testing.T) {
	tests := map[string]func(string) Verdict{
		"TestOne_S1_1":    wants("a/upkeep.yaml", "one: 1"),
		"TestTwo_S1_2":    wants("a/upkeep.yaml", ""), // reads it, and notices nothing
		"TestBlind_S1_3":  func(string) Verdict { return Passed },
		"TestFlawed_S1_4": func(string) Verdict { return Failed },
		"TestSkip_S1_5":   func(string) Verdict { return Skipped },
		"TestTable_S1":    wants("a/upkeep.yaml", "two: 2"),
		"TestC_S1_8":      wants("c/upkeep.yaml", "x: 1"),
		"TestD_S1_9":      wants("c/upkeep.yaml", "x: 1"),
	}
	rows := map[string][]string{"TestTable_S1/S1_6": {"S1-6"}, "TestTable_S1/S1_7": {"S1-7"}}
	for name := range tests {
		if ids, _ := Named(name); len(ids) > 0 {
			rows[name] = ids
		}
	}
	dir := examples(t, map[string]string{"a/upkeep.yaml": "one: 1\ntwo: 2\n", "b/upkeep.yaml": "x: 1\nw: 2\n",
		"c/upkeep.yaml": "x: 1\nw: 2\n", "a/other.txt": "z"})
	h := &Hunt{Examples: dir, Work: t.TempDir(), Parallel: 2, Log: t.Logf,
		Test: func(_ context.Context, top, examples string) (map[string]Verdict, bool) {
			v := tests[top](examples)
			if top == "TestTable_S1" {
				if v == Failed { // it dies before its second case
					return map[string]Verdict{top: v, "TestTable_S1/S1_6": Passed}, true
				}
				return map[string]Verdict{top: v, "TestTable_S1/S1_6": Passed, "TestTable_S1/S1_7": Passed}, false
			}
			return map[string]Verdict{top: v}, v == Failed
		}}
	c, err := h.Run(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `a/upkeep.yaml:1: one: 1
    S1-1
a/upkeep.yaml:2: two: 2
    S1-7
c/upkeep.yaml:1: x: 1
    every test that reads it
c/upkeep.yaml:2: w: 2
    nothing noticed
documents that no test reads: b/upkeep.yaml
tests that were skipped: TestSkip_S1_5
tests that fail on the unchanged examples: TestFlawed_S1_4
rows whose tests read no document of the examples: S1-3 S1-6
rows that were red only when every test was: S1-8 S1-9
rows that no removed line turned red: S1-2
4 lines taken away, 0 left untried; 3 rows noticed none
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "a/upkeep.yaml"))
	if err != nil || string(raw) != "one: 1\ntwo: 2\n" {
		t.Errorf("the examples were changed: %q %v", raw, err)
	}
}

func TestHuntIsBounded(t *testing.T) {
	dir := examples(t, map[string]string{"a/upkeep.yaml": "one: 1\ntwo: 2\n", "b/upkeep.yaml": "one: 1\ntwo: 2\n"})
	rows := map[string][]string{"TestA_S1_1": {"S1-1"}, "TestB_S1_2": {"S1-2"}}
	ran := map[string]int{}
	hunt := func() *Hunt {
		clear(ran)
		return &Hunt{Examples: dir, Work: t.TempDir(), Parallel: 1, Log: t.Logf, Test: func(_ context.Context, name, examples string) (map[string]Verdict, bool) {
			ran[name]++
			file := map[string]string{"TestA_S1_1": "a/upkeep.yaml", "TestB_S1_2": "b/upkeep.yaml"}[name]
			v := wants(file, "one")(examples)
			return map[string]Verdict{name: v}, v == Failed
		}}
	}
	h := hunt()
	h.Example = "a"
	c, err := h.Run(t.Context(), rows)
	if err != nil || c.Tried != 2 || len(c.Unread) != 0 {
		t.Errorf("one example: %+v, %v", c, err)
	}
	h = hunt()
	h.Rows = []string{"S1-2"}
	c, err = h.Run(t.Context(), rows)
	if err != nil || ran["TestA_S1_1"] != 0 || c.Tried != 2 {
		t.Errorf("one row: %+v, %v", c, err)
	}
	h = hunt()
	h.Budget = time.Nanosecond
	c, err = h.Run(t.Context(), rows)
	if err != nil || c.Tried != 0 || c.Left != 4 {
		t.Errorf("no time: %+v, %v", c, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	h = hunt()
	h.Log = func(string, ...any) { cancel(stopped) }
	if _, err = h.Run(ctx, rows); !errors.Is(err, stopped) {
		t.Errorf("stopped: %v", err)
	}
}

// TestBinary_S runs tests of this very package, compiled: this one again, with
// a case that ends as it is told.
func TestBinary_S(t *testing.T) {
	if word := os.Getenv("UPKEEP_EXAMPLES"); word != "" || os.Getenv("UPKEEP_BIN") != "" {
		t.Run("case (one)_S1_1_S1_2", func(t *testing.T) {
			switch word {
			case "fail":
				t.Fatal("as asked")
			case "skip":
				t.Skip("as asked")
			}
		})
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &Binary{Path: exe, Dir: ".", Upkeep: "none", Limit: 20 * time.Second}
	rows, err := b.List(t.Context(), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	name := "TestBinary_S/case_(one)_S1_1_S1_2"
	if diff := cmp.Diff(map[string][]string{name: {"S1-1", "S1-2"}}, rows); diff != "" {
		t.Error(diff)
	}
	for examples, want := range map[string]Verdict{"fail": Failed, "skip": Skipped, "pass": Passed} {
		ended, failed := b.Test(t.Context(), "TestBinary_S", examples)
		if ended[name] != want || failed != (want == Failed) {
			t.Errorf("%s: %v, failed %v", examples, ended, failed)
		}
	}
	if ended, failed := b.Test(t.Context(), "TestNone_S1_3", "pass"); len(ended) > 0 || failed {
		t.Errorf("a test that is not there: %v, failed %v", ended, failed)
	}
	b.Path = filepath.Join(t.TempDir(), "none")
	if ended, failed := b.Test(t.Context(), "TestBinary_S", "pass"); len(ended) > 0 || !failed {
		t.Errorf("a binary that is not there: %v, failed %v", ended, failed)
	}
}

// TestSuite compiles and runs the tests of a module of its own: those that name
// rows, then all, beside another command; then where that fails.
func TestSuite(t *testing.T) {
	lab.Slow(t)
	dir := examples(t, map[string]string{"go.mod": "module x\n\ngo 1.26\n", "cmd/upkeep/main.go": "package main\n\nfunc main() {}\n", "tests/x_test.go": `package x

import ("os"; "testing")

func TestA_S1_1(t *testing.T) { if os.Getenv("UPKEEP_SLOW") != "1" { t.Fatal("the slow tests are left out") } }
func TestB(t *testing.T) {}
func TestC(t *testing.T) {}
func TestD(t *testing.T) {}
func TestTable_S1(t *testing.T) { t.Run("S1_2", func(t *testing.T) { t.Skip("no") }) }
func TestOther(t *testing.T) { t.Fatal("it names no row") }
`})
	bin, err := Compile(t.Context(), dir, "tests", t.TempDir(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	run := func(pattern string, beside ...string) *Tests {
		t.Helper()
		ended := 0
		tests, err := (&Suite{Binary: bin, Pattern: pattern, Beside: beside, Log: &said, Ended: func(*Test) { ended++ }}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ended != len(tests.All) {
			t.Errorf("%d tests, and %d were said to have ended", len(tests.All), ended)
		}
		return tests
	}
	tests := run(Pattern)
	rep := Judge([]Row{{"S1-1", "a"}, {"S1-2", "b"}}, tests)
	if !rep.OK() || rep.Lines[0].State != Proven || rep.Lines[1].State != Open {
		t.Errorf("%+v", rep)
	}
	if f := tests.Failed(); len(f) > 0 {
		t.Errorf("failed: %v, though those that name no row were left out", f)
	}
	tests = run("", "echo", "beside")
	if f := tests.Failed(); len(f) != 1 || f[0].Name != "TestOther" || len(tests.All) != 7 || len(tests.Broken) > 0 || said.String() != "beside\n" {
		t.Errorf("failed: %v of %d, want TestOther of 7; broken: %v; said: %q", f, len(tests.All), tests.Broken, said.String())
	}
	if rep := Judge([]Row{{"S1-1", "a"}}, run(Pattern, "false")); rep.OK() || rep.Lines[0].State != Proven {
		t.Errorf("what ran beside failed: %+v", rep)
	}
	if err := os.WriteFile(filepath.Join(dir, "tests", "y_test.go"), []byte("package x\nvar y int = nil\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(t.Context(), dir, "tests", t.TempDir(), time.Minute); err == nil || !strings.Contains(err.Error(), "y_test.go") {
		t.Errorf("tests that do not build: %v", err)
	}
}
