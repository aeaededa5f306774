package process

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab/crash/fault"
	"upkeep/internal/lab/tap"
)

// Mutant is the binary with one call of package durable wrong in it: left out
// (fault.Omit), or made without its syncs (fault.Lazy).
type Mutant struct{ Do, Site string }

// Errand is what mutants are tried on: a run, or other commands.
type Errand struct {
	Target
	// Do gives the commands, one after the other, by do; nil: it is the one run of
	// the target.
	Do    func(w *World, do func(args ...string))
	Codes []int // how they end; nil: all as Code says
}

// Came is what came of an errand.
type Came struct {
	Codes []int
	Seen
	Tree string // every file with its mode, and what Upkeep's own small files say
	Left string
}

// carry carries an errand out.
func (e Errand) carry(t testing.TB, tracing bool, m Mutant) (Came, *World) {
	t.Helper()
	x := e.Target
	x.Mutant = m
	w := New(t, x)
	if tracing {
		w.trace, w.idle = filepath.Join(w.Dir, "trace"), filepath.Join(w.Dir, "idle")
	}
	w.With(nil)
	var c Came
	do := func(args ...string) {
		r := w.Upkeep(args...)
		c.Codes = append(c.Codes, r.Code)
		want := x.Code
		if e.Codes != nil {
			want = e.Codes[len(c.Codes)-1]
		}
		if tracing && r.Code != want {
			t.Errorf("%s: %v", e.Name, r)
		}
	}
	if e.Do == nil {
		do(w.Args...)
		c.Left = agrees(w, map[int]string{0: "new", 6: "old", 9: "milestone"}[c.Codes[0]], false)
	} else {
		e.Do(w, do)
	}
	w.still = true
	w.With(nil)
	if w.Exists("installation.yaml") {
		c.Left += Leftovers(w)
		c.Seen = Look(w)
		c.Codes = append(c.Codes, w.Upkeep("status").Code, w.Upkeep("resume").Code, w.Upkeep("backup", "list").Code)
	}
	c.Tree = e.tree(w)
	return c, w
}

// differs says how one end is not like the other; empty: they are alike.
func (c Came) differs(from Came, e Errand) string {
	if !slices.Equal(c.Codes, from.Codes) {
		return fmt.Sprintf("exit codes %v, not %v", c.Codes, from.Codes)
	}
	for _, d := range []string{sitetest.Diff(comparable(from.Snapshot), comparable(c.Snapshot)), sitetest.Diff(from.Data, c.Data),
		sitetest.Diff(names.ReplaceAllString(from.Left, "*"), names.ReplaceAllString(c.Left, "*")), sitetest.Diff(from.Tree, c.Tree)} {
		if d != "" {
			return d
		}
	}
	return ""
}

// passing are files that differ from run to run, or from site to site.
var passing = regexp.MustCompile(`^(trace|idle|marks/|sources/|product/upkeep/journal\.db-|.*\.(db-wal|db-shm|log|pid|units|jsonl|result)$|.*/restore-points/.*/app@(removed|changed\.tar\.zst)$)`)

// names are parts of names that differ.
var names = regexp.MustCompile(`[0-9]{8}-[0-9]{6}(-[0-9a-f]{4}(-[0-9]+)?)?|[0-9a-f]{64}|-[A-Z2-7]{26}`)

func (e Errand) tree(w *World) string {
	w.T.Helper()
	id := idOf(w)
	var out []string
	_ = filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(w.Dir, path)
		if err != nil || passing.MatchString(rel) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		said := rel
		if id != "" {
			said = strings.ReplaceAll(said, id, "ID")
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%s %v %d", names.ReplaceAllString(said, "*"), info.Mode(), st.Uid)
		if n, err := unix.Getxattr(path, "user.comment", nil); err == nil {
			line += fmt.Sprintf(" with a comment of %d", n)
		}
		if e.Example == "notes" && strings.HasPrefix(rel, "product/upkeep/bundles/") && info.Mode().IsRegular() {
			text, _ := os.ReadFile(path)
			sum := sha256.Sum256(text)
			line += " " + hex.EncodeToString(sum[:8])
		}
		out = append(out, line)
		return nil
	})
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// idOf is the installation's name, where there is one.
func idOf(w *World) string {
	text, err := os.ReadFile(w.Document)
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "id: ")
	if i := strings.IndexAny(rest, ",}\n "); i > 0 {
		return strings.Trim(rest[:i], `"`)
	}
	return ""
}

// tracedErrand is an errand with what an undisturbed one did and came to.
type tracedErrand struct {
	Errand
	ops  []tap.Traced
	came Came
}

// reaches says whether a call of the site changes something in the errand.
func (e tracedErrand) reaches(site string) bool {
	return slices.ContainsFunc(e.ops, func(o tap.Traced) bool { return o.Site == site })
}

// lazy says whether the site makes a call that syncs, in the errand.
func (e tracedErrand) lazy(site string) bool {
	return slices.ContainsFunc(e.ops, func(o tap.Traced) bool {
		return o.Site == site && !o.Unsynced && !strings.HasPrefix(o.Name, "Sync") && o.Name != "Create"
	})
}

func (e Errand) trace(t testing.TB) tracedErrand {
	t.Helper()
	came, w := e.carry(t, true, Mutant{})
	ops, err := fault.Effective(w.trace, w.idle)
	if err != nil {
		t.Errorf("%s: %v", e.Name, err)
	}
	if came.Left != "" && e.Do == nil {
		t.Errorf("%s leaves, undisturbed: %s", e.Name, came.Left)
	}
	return tracedErrand{e, ops, came}
}

// unsynced says what a mutant whose syncs are left out leaves undurable when the
// journal speaks of it. It is read off the trace: what is written is the same.
func (e tracedErrand) unsynced(m Mutant) string {
	if m.Do == fault.Omit && !slices.ContainsFunc(e.ops, func(o tap.Traced) bool { return o.Site == m.Site && strings.HasPrefix(o.Name, "Sync") }) {
		return "" // something else happens than was traced
	}
	omit, lazy := "", ""
	if m.Do == fault.Lazy {
		lazy = m.Site
	} else {
		omit = m.Site
	}
	before := tap.Dirty(e.ops, "", "")
	for _, d := range tap.Dirty(e.ops, omit, lazy) {
		if !slices.Contains(before, d) {
			return "not durable: " + d
		}
	}
	return ""
}

// left says what comes of a mutant whose call is left out, when nothing disturbs it.
func (e tracedErrand) left(t testing.TB, m Mutant) string {
	var came Came
	failed := apart(t, func(t testing.TB) { came, _ = e.carry(t, false, m) })
	if failed != "" {
		return failed
	}
	return came.differs(e.came, e.Errand)
}

// killed tries kills at the site and soon after it, at most n.
func (e tracedErrand) killed(t testing.TB, m Mutant, dice *rand.Rand, n int) string {
	if e.Do != nil {
		return ""
	}
	u := &Undisturbed{Ops: e.ops, Seen: e.came.Seen}
	at := slices.IndexFunc(e.ops, func(o tap.Traced) bool { return o.Site == m.Site })
	for i := range n {
		o := e.ops[at]
		p := Plan{Point: Point{Traced: o, When: "after"}}
		if i > 0 {
			p.N += 1 + dice.IntN(4*i*i)
		}
		x, c := e.Target, &Count{Ends: map[string]int{}}
		x.Mutant = m
		failed := apart(t, func(t testing.TB) { Try(t, x, u, p, c) })
		if failed != "" && len(c.Missed) == 0 {
			return fmt.Sprintf("killed after %s %d: %s", p.Process, p.N, failed)
		}
	}
	return ""
}

// probe is a test that may fail without failing the one that it is made in.
type probe struct {
	testing.TB
	said    []string
	cleanup []func()
}

func (p *probe) say(text string)           { p.said = append(p.said, text) }
func (p *probe) Error(args ...any)         { p.say(fmt.Sprintln(args...)) }
func (p *probe) Errorf(f string, a ...any) { p.say(fmt.Sprintf(f, a...)) }
func (p *probe) Fail()                     { p.say("it failed") }
func (p *probe) Failed() bool              { return len(p.said) > 0 }
func (p *probe) FailNow()                  { p.say("it failed"); runtime.Goexit() }
func (p *probe) Fatal(args ...any)         { p.Error(args...); runtime.Goexit() }
func (p *probe) Fatalf(f string, a ...any) { p.Errorf(f, a...); runtime.Goexit() }
func (p *probe) Log(...any)                {}
func (p *probe) Logf(string, ...any)       {}
func (p *probe) Cleanup(f func())          { p.cleanup = append(p.cleanup, f) }

// apart runs f as a test of its own and tells how it failed.
func apart(t testing.TB, f func(testing.TB)) string {
	p := &probe{TB: t}
	run := func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		<-done
	}
	run(func() { f(p) })
	said := strings.Join(p.said, "\n")
	for _, c := range slices.Backward(p.cleanup) {
		run(c)
	}
	return said
}

// where names the function that a site lies in: "internal/manage/upgrade.go:openRun".
func where(root, site string) (string, error) {
	file, text, _ := strings.Cut(site, ":")
	line, err := strconv.Atoi(text)
	if err != nil {
		return "", err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && fset.Position(f.Pos()).Line <= line && line <= fset.Position(f.End()).Line {
			return file + ":" + f.Name.Name, nil
		}
	}
	return file, nil
}

// kills tries them in the first run that comes to the site.
func kills(t testing.TB, reach []tracedErrand, m Mutant, seed uint64) string {
	for _, e := range reach {
		if e.Do == nil {
			if how := e.killed(t, m, rand.New(rand.NewPCG(seed, 1)), 4); how != "" {
				return e.Name + ", " + how
			}
			return ""
		}
	}
	return ""
}
