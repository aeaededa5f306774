package contract

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab/crash/scale"
	"upkeep/internal/lab/crash/tally"
	"upkeep/internal/lab/tap"
)

// suite is where some calls are tried.
type suite struct {
	calls []call
	// tests are what is run: each reaches some of the calls, and a mutant goes
	// through all that reach it, until one fails.
	tests []test
}

// test is some tests of a binary, by their pattern.
type test struct {
	program
	pattern string
}

// program is a test binary.
type program struct {
	// run starts it with an environment, and says what it printed.
	run func(env string, args ...string) (out string, ok bool)
	// reached reads the file that it has noted its sites in.
	reached func(file string) string
}

// of gives tests of the program.
func (p program) of(patterns ...string) []test {
	var out []test
	for _, pattern := range patterns {
		out = append(out, test{p, pattern})
	}
	return out
}

// mutant is one call with something wrong.
type mutant struct {
	kind string
	call
}

func (m mutant) String() string { return m.kind + " " + m.name }

// mutants tries them, and says how many it has tried in the tally.
func (s suite) mutants(t *testing.T) {
	if len(s.calls) == 0 {
		t.Fatal("there is no call to try")
	}
	reach := s.reach(t)
	if t.Failed() {
		return
	}
	all := s.all(t, reach)
	n := scale.Seed(t)
	// one in five: each try is seconds
	all = scale.Sample(all, (len(all)+4)/5, rand.New(rand.NewPCG(n, 1)))
	caught, explained := 0, 0
	began := time.Now()
	for _, m := range all {
		how, why := s.attempt(m, reach), survives[m.String()]
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
	t.Logf("%d mutants, %d caught, in %v", len(all), caught, time.Since(began).Round(time.Second))
	for _, x := range s.tests { // what one has left behind must not have failed the next
		if out, ok := x.run("LC_ALL=C.UTF-8", "-test.run", x.pattern); !ok {
			t.Errorf("%s fails without a mutant after them:\n%s", x.pattern, out)
		}
	}
	tally.Seeded(t, "mutants", "mutants", len(all)-explained, int64(n))
	tally.Seeded(t, "mutants", "caught", caught, int64(n))
	tally.Seeded(t, "mutants", "survive, and the table says why", explained, int64(n))
}

// reach says what each of the tests comes to, a site a line.
func (s suite) reach(t *testing.T) []string {
	out := make([]string, len(s.tests))
	for i, x := range s.tests {
		file := fmt.Sprintf("/tmp/upkeep-reached-%d-%d", os.Getpid(), i)
		began := time.Now()
		if out, ok := x.try("reach " + file); !ok {
			t.Errorf("%s fails without a mutant:\n%s", x.pattern, out)
		}
		out[i] = "\n" + x.reached(file)
		t.Logf("%s takes %v", x.pattern, time.Since(began).Round(time.Millisecond))
	}
	return out
}

// all makes the mutants, and holds the table against them.
func (s suite) all(t *testing.T, reach []string) []mutant {
	var all []mutant
	among := strings.Join(reach, "")
	for _, c := range s.calls {
		if !comesTo(among, c.site) {
			t.Errorf("%s (%s) is reached by none of the tests", c.site, c.name)
			continue
		}
		all = append(all, mutant{"omit", c})
		if strings.Contains(among, "\n"+c.site+" unsynced\n") {
			all = append(all, mutant{"unsynced", c})
		}
	}
	for key := range survives {
		_, name, _ := strings.Cut(key, " ")
		of := func(c call) bool { return c.name == name }
		if slices.ContainsFunc(s.calls, of) && !slices.ContainsFunc(all, func(m mutant) bool { return m.String() == key }) {
			t.Errorf("the table says why %s survives, and there is no such mutant", key)
		}
	}
	return all
}

func comesTo(reach, site string) bool {
	return strings.Contains(reach, "\n"+site+"\n") || strings.Contains(reach, "\n"+site+" ")
}

// attempt says how a mutant is noticed: empty when it is not.
func (s suite) attempt(m mutant, reach []string) string {
	for i, x := range s.tests {
		if !comesTo(reach[i], m.site) {
			continue
		}
		if out, ok := x.try(m.kind + " " + m.site); !ok {
			return complaintOf(out)
		}
	}
	return ""
}

// try runs the tests with a mutant, until one fails.
func (x test) try(mutant string) (out string, ok bool) {
	return x.run(tap.MutantEnv+"="+mutant, "-test.run", x.pattern, "-test.failfast", "-test.timeout", "2m")
}

var complaint = regexp.MustCompile(`(?m)^ +\w+\.go:\d+: (.*)$|^panic: (.*)$`)

func complaintOf(out string) string {
	if all := complaint.FindAllString(out, -1); len(all) > 0 {
		return strings.TrimSpace(all[len(all)-1]) // before it there may be what the test only logs
	}
	return "fails: " + out
}
