package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/sites"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/host"
	"upkeep/internal/step/steptest"
)

// survives says why nothing notices a mutant, and need not.
var survives = map[string]string{
	"unsynced internal/step/packages/fetch.go:Do MkdirAll":      volume,
	"unsynced internal/step/packages/fetch.go:Do RemoveAll":     volume,
	"unsynced internal/step/packages/fetch.go:Do WriteFile":     volume,
	"unsynced internal/step/packages/fetch.go:fill Mkdir":       volume,
	"unsynced internal/step/packages/fetch.go:Undo RemoveAll 1": "the Rename after it syncs the same folder",
}

const volume = "the SyncTree after it syncs all of the volume, before the folder gets its name"

// suite is where the calls below one folder are tried.
type suite struct {
	pkg string
	// tests are what is run, by their pattern: each reaches some of the calls, and a
	// mutant goes through all that reach it, until one fails.
	tests []string
	// run starts the test binary with an environment, and says what it printed.
	run func(env string, args ...string) (out string, ok bool)
	// reached reads the file that the suite has noted its sites in.
	reached func(file string) string
}

func TestPackages(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("this machine has no apt-get")
	}
	pkg := "internal/step/packages"
	bin, dir := compiled(t, pkg)
	suite{
		pkg:   pkg,
		tests: []string{"^TestGuardContract$", "^TestFetch(Far)?Contract$/^(do|undo|mixed)$"},
		run: func(env string, args ...string) (string, bool) {
			cmd := exec.CommandContext(t.Context(), bin, args...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
			out, err := cmd.CombinedOutput()
			return string(out), err == nil
		},
		reached: func(file string) string {
			defer os.Remove(file)
			text, _ := os.ReadFile(file) // there is none where nothing was reached
			return string(text)
		},
	}.mutants(t)
}

// TestSystemd runs the tests that are made for the inside of a host.
func TestSystemd(t *testing.T) {
	host.Need(t)
	pkg := "internal/service/systemd"
	bin, _ := compiled(t, pkg)
	h := host.New(t, host.Options{Name: "mutants"})
	h.Boot(t)
	h.Put(t, bin, "/opt/systemd.test")
	suite{
		pkg:   pkg,
		tests: []string{"^TestInsideRestartAlways$", "^TestInsideStartType$"},
		run: func(env string, args ...string) (string, bool) {
			out, code, err := h.Run(append([]string{"env", "UPKEEP_TEST_INSIDE_HOST=1", env, "/opt/systemd.test"}, args...)...)
			return out, err == nil && code == 0
		},
		reached: func(file string) string {
			out, _, _ := h.Run("cat", file)
			return out
		},
	}.mutants(t)
}

// compiled builds the tests of a package, and gives the package's folder too.
func compiled(t *testing.T, pkg string) (bin, dir string) {
	t.Helper()
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir = filepath.Join(t.TempDir(), "contract.test"), filepath.Join(root, pkg)
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin, dir
}

// mutant is one call with something wrong.
type mutant struct{ kind, site, name string }

func (m mutant) String() string { return m.kind + " " + m.name }

func (s suite) mutants(t *testing.T) {
	calls, err := sites.All()
	if err != nil {
		t.Fatal(err)
	}
	reach := make([]string, len(s.tests)) // by each of the tests
	for i, pattern := range s.tests {
		file := fmt.Sprintf("/tmp/upkeep-reached-%d-%d", os.Getpid(), i)
		began := time.Now()
		if out, ok := s.try(pattern, "reach "+file); !ok {
			t.Fatalf("%s fails without a mutant:\n%s", pattern, out)
		}
		reach[i] = "\n" + s.reached(file)
		t.Logf("%s takes %v", pattern, time.Since(began).Round(time.Millisecond))
	}
	var all []mutant
	for _, c := range calls {
		if filepath.Dir(c.Site) != s.pkg {
			continue
		}
		name, among := named(t, c, calls), strings.Join(reach, "")
		if !strings.Contains(among, "\n"+c.Site+"\n") && !strings.Contains(among, "\n"+c.Site+" ") {
			t.Errorf("%s (%s) is reached by none of %q", c.Site, name, s.tests)
			continue
		}
		all = append(all, mutant{"omit", c.Site, name})
		if strings.Contains(among, "\n"+c.Site+" unsynced\n") {
			all = append(all, mutant{"unsynced", c.Site, name})
		}
	}
	for key := range survives {
		if strings.Contains(key, " "+s.pkg+"/") && !slices.ContainsFunc(all, func(m mutant) bool { return m.String() == key }) {
			t.Errorf("the table says why %s survives, and there is no such mutant", key)
		}
	}
	n := scale.Seed(t)
	// one in five: each try is seconds
	all = scale.Sample(all, (len(all)+4)/5, rand.New(rand.NewPCG(n, 1)))
	caught, explained := 0, 0
	for _, m := range all {
		how, why := "", survives[m.String()]
		for i, pattern := range s.tests {
			if how != "" || !strings.Contains(reach[i], "\n"+m.site) {
				continue
			}
			if out, ok := s.try(pattern, m.kind+" "+m.site); !ok {
				how = complaintOf(out)
			}
		}
		switch {
		case how != "" && why != "":
			t.Errorf("%s is caught (%s), and the table says that it survives", m, how)
		case how != "":
			caught++
			t.Logf("%s (%s): %s", m, m.site, how)
		case why != "":
			explained++
			t.Logf("%s (%s) survives: %s", m, m.site, why)
		default:
			t.Errorf("%s (%s) survives", m, m.site)
		}
	}
	for _, pattern := range s.tests { // what one has left behind must not have failed the next
		if out, ok := s.run("LC_ALL=C.UTF-8", "-test.run", pattern); !ok {
			t.Errorf("%s fails without a mutant after them:\n%s", pattern, out)
		}
	}
	tally.Seeded(t, "mutants", "mutants", len(all)-explained, int64(n))
	tally.Seeded(t, "mutants", "caught", caught, int64(n))
	tally.Seeded(t, "mutants", "survive, and the table says why", explained, int64(n))
}

// try runs one of the tests with a mutant, until it fails.
func (s suite) try(pattern, mutant string) (out string, ok bool) {
	return s.run(steptest.MutantEnv+"="+mutant, "-test.run", pattern, "-test.failfast", "-test.timeout", "2m")
}

var complaint = regexp.MustCompile(`(?m)^ +\w+\.go:\d+: (.*)$|^panic: (.*)$`)

func complaintOf(out string) string {
	if all := complaint.FindAllString(out, -1); len(all) > 0 {
		return strings.TrimSpace(all[len(all)-1]) // before it there may be what the test only logs
	}
	return "fails: " + out
}

// named is what the table calls a call: the file, its function, the method, and
// which of them where the function has several. Lines move too often.
func named(t *testing.T, c sites.Call, calls []sites.Call) string {
	t.Helper()
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	file, at := cut(c.Site)
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		from, to := fset.Position(d.Pos()).Line, fset.Position(d.End()).Line
		f, ok := d.(*ast.FuncDecl)
		if !ok || at < from || to < at {
			continue
		}
		lines := map[int]bool{}
		for _, o := range calls {
			if in, line := cut(o.Site); in == file && o.Method == c.Method && from <= line && line <= to {
				lines[line] = true
			}
		}
		name := file + ":" + f.Name.Name + " " + c.Method
		if len(lines) > 1 {
			name += " " + strconv.Itoa(1+slices.Index(slices.Sorted(maps.Keys(lines)), at))
		}
		return name
	}
	t.Fatalf("%s is in no function", c.Site)
	return ""
}

func cut(site string) (file string, line int) {
	file, text, _ := strings.Cut(site, ":")
	line, _ = strconv.Atoi(text)
	return file, line
}
