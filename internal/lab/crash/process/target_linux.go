package process

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab/crash/fault"
)

// Target is a command that carries out a run, and how it ends when nobody
// disturbs it.
type Target struct {
	Name             string // of the harness's part: forward, back
	Example, Version string
	Slim             bool
	Code             int    // 0 new, 6 old, 9 at a milestone
	From, To         string // versions before, and after the undisturbed run
	// Prepare brings the site to where the run begins, and gives the command.
	Prepare func(*sitetest.Site) []string
	// Settled takes out of a snapshot what nothing takes back, as the plan says.
	Settled func(string) string
	// Users says that users write while it happens: example notes.
	Users bool
	// Discards says that the run takes users' work back, as its plan names.
	Discards bool
	// Document of the example is changed by it, as in sitetest.Options.
	Edit func(path, text string) string
	In   string // the folder in which everything is made; empty: the system's
	// Notes says that the data of the sample product are compared row by row.
	Notes bool
	// Mutant is wrong with the binary in all its commands but those of Prepare.
	Mutant Mutant
}

// World is one installed product with its target.
type World struct {
	*sitetest.Site
	Target
	T           testing.TB
	Args        []string // the command
	Temp        string   // temporary files of Upkeep
	plain       []string // the environment without a fault
	users       *users
	trace, idle string // where the operations of the commands are noted; empty: nowhere
	still       bool   // no more
}

// New installs the target's product.
func New(t testing.TB, x Target) *World {
	t.Helper()
	s := sitetest.New(t, sitetest.Options{Example: x.Example, Version: x.Version, Crashing: true, Slim: x.Slim, Edit: x.Edit, In: x.In})
	w := &World{Site: s, Target: x, T: t, Temp: filepath.Join(s.Dir, "temp")}
	if err := os.Mkdir(w.Temp, 0o1777); err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "TMPDIR="+w.Temp)
	w.plain = s.Env
	w.Args = x.Prepare(s)
	if x.Users {
		w.users = serve(w)
	}
	return w
}

// With sets the fault of the commands that follow; nil: none.
func (w *World) With(f *fault.Spec) {
	w.Env = w.plain
	noted := w.trace != "" && !w.still
	if w.Mutant.Do != "" || noted {
		var m fault.Spec
		if f != nil {
			m = *f
		}
		m.Mutate, m.Mutated = w.Mutant.Do, w.Mutant.Site
		if noted {
			m.Trace, m.Idle = w.trace, w.idle
		}
		f = &m
	}
	if f != nil {
		w.Env = append(append([]string{}, w.plain...), f.String())
	}
}

func (w *World) settled(snapshot string) string {
	if w.Settled == nil {
		return snapshot
	}
	return w.Settled(snapshot)
}

// Seed gives the source of what is left to chance: UPKEEP_SEED, or the time.
func Seed(t testing.TB) (*rand.Rand, int64) {
	t.Helper()
	n := time.Now().UnixNano() % 1_000_000_007
	if text := os.Getenv("UPKEEP_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatalf("UPKEEP_SEED: %v", err)
		}
	}
	t.Logf("UPKEEP_SEED=%d", n)
	return rand.New(rand.NewPCG(uint64(n), 1)), n
}
