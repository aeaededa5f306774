package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// releases are the sample product's bundles, which are the same for all sites.
type releases struct{ good, bad string }

func built(t *testing.T) releases {
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Crashing: true, Slim: true, Stopped: true})
	s.Bundle("2.0")
	src := s.Copy(s.Source("3.0"), "bad")
	s.Replace(filepath.Join(src, "migrations/002-split-notes.sql"), "UPDATE schema_version", "UPDATE no_such_table")
	r := releases{s.Releases, filepath.Join(s.Dir, "bad")}
	if err := os.Mkdir(r.bad, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Build(src, s.Dir+"/bad/3.0.tar.zst")
	s.Build(s.Source("2.0"), s.Dir+"/bad/2.0.tar.zst")
	s.Bundle("3.0")
	return r
}

func (r releases) target(name string, code int, to, from string, more ...string) Target {
	return Target{Name: name, Example: "notes", Version: "1.0", Slim: true, Code: code, From: "1.0", To: to, Users: true,
		Prepare: func(*sitetest.Site) []string { return append([]string{"upgrade", "--yes", "--from", from}, more...) }}
}

// An upgrade over two hops, killed before, in and after its operations.
func TestKilledForward(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	Every(t, r.target("forward", 0, "3.0", r.good, "--rehearse", "data"), Choice{Of: telling, OneIn: 40, Most: 42, Twice: 5})
}

// The way back of an upgrade whose second migration fails, over two hops to the
// origin. The way there is that of TestKilledForward: only its commits are tried.
func TestKilledBack(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	Every(t, r.target("back", 6, "1.0", r.bad), Choice{Of: late, OneIn: 40, Most: 32, Twice: 5})
}

// The same with --on-failure stay: the way back ends at the first version on the
// way, which is opened to users.
func TestKilledStay(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	Every(t, r.target("stay", 9, "2.0", r.bad, "--on-failure", "stay"), Choice{Of: late, OneIn: 40, Most: 24, Twice: 5})
}

// The return of the next morning is a run of its own.
func TestKilledReturn(t *testing.T) {
	lab.Slow(t)
	r := built(t)
	x := r.target("return", 0, "1.0", r.good)
	x.From, x.Discards = "2.0", true
	x.Prepare = func(s *sitetest.Site) []string {
		s.Must(0, "upgrade", "--yes", "--from", r.good, "--to", "2.0")
		return []string{"back", "--yes"}
	}
	Every(t, x, Choice{Of: telling, OneIn: 40, Most: 24, Twice: 5})
}

// telling takes what is not one more file of a tree, and no half operation: of
// these one is like the other, and one in some is tried. UPKEEP_CRASH=all tries
// each.
func telling(p Point) bool {
	if p.When == "torn" {
		return false
	}
	switch p.Name {
	case "Create", "fill", "Chown", "Chmod", "Chtimes", "Mkdir":
		return !strings.HasPrefix(p.Site, "internal/files/")
	}
	return true
}

// late takes what is not as in an upgrade that succeeds: the way back.
func late(p Point) bool { return p.Process == "engine" && p.Back && telling(p) }
