package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
)

// unleashLab is what every test with Unleash shares, as miniLab is for
// Miniflux. It lives as long as the test process.
type unleashLab struct {
	*lab.Unleash
	pg     *lab.PG
	want   []lab.Flag
	middle string // database of the release between, that was upgraded there by the product itself
	full   string // database of the old release
	reaper *lab.Reaper
}

// unleashOnce is the one lab of a test process; it is never replaced.
var unleashOnce = sync.OnceValues(startUnleash)

func unleash(t testing.TB) *unleashLab {
	t.Helper()
	lab.Slow(t)
	lab.Root(t)
	u, err := unleashOnce()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func startUnleash() (_ *unleashLab, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	u := &unleashLab{full: "unleash_full", middle: "unleash_middle"}
	var dir string
	if dir, u.reaper, err = miniDir(); err != nil {
		return nil, err
	}
	bin, err := lab.Binary()
	if err != nil {
		return nil, err
	}
	if u.Unleash, err = lab.GetUnleash(ctx, bin, dir); err != nil {
		return nil, err
	}
	if u.pg, err = lab.StartPG(ctx, lab.PGOptions{}); err != nil {
		return nil, err
	}
	if err := u.fill(ctx, u.Old, "", u.full); err != nil {
		return nil, err
	}
	return u, u.fill(ctx, u.Stop, u.full, u.middle)
}

// fill keeps the database of a site of the release; an empty one is filled
// through the API.
func (u *unleashLab) fill(ctx context.Context, r *lab.UnleashRelease, from, keep string) (err error) {
	s, err := lab.InstallUnleash(ctx, u.pg, r, from, lab.Memory(unleashRoom))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if from == "" {
		if u.want, err = s.Seed(ctx, 12); err != nil {
			return err
		}
	}
	if err := s.Stop(); err != nil {
		return err
	}
	return u.pg.CopyDB(ctx, s.DB, keep)
}

// unleashSite is a running Unleash with data, and its installation document.
type unleashSite struct {
	*lab.UnleashSite
	upkeep
	u  *unleashLab
	id string
}

// unleashRoom is what a site takes in the middle of an upgrade, and more.
const unleashRoom = 4 << 30

// site installs the old version with the lab's data, on a disk.
func (u *unleashLab) site(t testing.TB) *unleashSite { return u.siteOf(t, u.Old, u.full, "") }

// quick is a site in memory: trees of tens of thousands of files come and go.
func (u *unleashLab) quick(t testing.TB) *unleashSite {
	return u.siteOf(t, u.Old, u.full, lab.Memory(unleashRoom))
}

// siteOf installs a release with a copy of a database.
func (u *unleashLab) siteOf(t testing.TB, r *lab.UnleashRelease, db, base string) *unleashSite {
	t.Helper()
	inner, err := lab.InstallUnleash(t.Context(), u.pg, r, db, base)
	if err != nil {
		t.Fatal(err)
	}
	s := &unleashSite{UnleashSite: inner, u: u, id: "unleash-" + strconv.Itoa(inner.Port),
		upkeep: upkeep{t: t, bin: lab.Build(t), state: inner.Path("upkeep"), cache: t.TempDir(), temp: t.TempDir(), limit: 5 * time.Minute}}
	t.Cleanup(func() {
		s.endEngine()
		if err := inner.Close(); err != nil {
			t.Errorf("cannot clear Unleash away: %v", err)
		}
	})
	if s.document, err = inner.Document(); err != nil {
		t.Fatal(err)
	}
	return s
}

// upgrade is the ordinary upgrade, over all releases at hand.
func (s *unleashSite) upgrade(more ...string) []string {
	return append([]string{"upgrade", "--yes", "--from", s.u.Bundles}, more...)
}

func (s *unleashSite) visitor() *visitor {
	url, match := s.Health()
	return newVisitor(s.t, url, func(body string) bool { return strings.Contains(body, match) })
}

// is fails the test unless the product runs in that release, with all data.
func (s *unleashSite) is(r *lab.UnleashRelease) {
	s.t.Helper()
	ctx := context.Background()
	if got, err := s.Installed(); err != nil || got != r.Version {
		s.t.Errorf("the files are those of %q, %v; want %s", got, err, r.Version)
	}
	if got, err := s.Migrations(ctx); err != nil || got != r.Schema {
		s.t.Errorf("%q migrations, %v; want %s", got, err, r.Schema)
	}
	if got, err := s.Version(ctx); err != nil || got != r.Version {
		s.t.Errorf("the running product says it is %q, %v; want %s", got, err, r.Version)
	}
	if pids, err := s.Running(); err != nil || len(pids) != 1 {
		s.t.Errorf("processes of the product: %v, %v; want one", pids, err)
	}
	got, err := s.ReadBack(ctx)
	if err != nil {
		s.t.Error(err)
		return
	}
	if diff := cmp.Diff(s.u.want, got); diff != "" {
		s.t.Errorf("features (-before +after):\n%.3000s", diff)
	}
}

// nothingLeft fails the test when a closed run has left behind what nobody
// wants: rules, engines, temporary files, inhibits.
func (s *unleashSite) nothingLeft() {
	s.t.Helper()
	if got, err := rulesOf(s.id); err != nil || len(got) > 0 {
		s.t.Errorf("rules of the gate are left: %v, %v", got, err)
	}
	if pid := s.enginePID(); pid != 0 {
		s.t.Errorf("an engine is left: process %d", pid)
	}
	if list, err := os.ReadDir(s.temp); err != nil || len(list) > 0 {
		s.t.Errorf("temporary files are left: %v, %v", list, err)
	}
	err := filepath.WalkDir(s.state, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.Contains(d.Name(), "inhibit") || slices.Contains([]string{".new", ".tmp", ".part"}, filepath.Ext(d.Name()))) {
			s.t.Errorf("it is left: %s", path)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// unleashPrint is "exactly as it was": all files of the site, all data.
type unleashPrint struct {
	Files map[string]string
	Data  []string
	Pids  int
}

// byNature are tables that Unleash writes to by itself while it runs: when it
// was last asked, what it counted. Their structure is compared.
var byNature = []string{"--exclude-table-data=client_metrics*", "--exclude-table-data=stat_*"}

func (s *unleashSite) print() unleashPrint {
	s.t.Helper()
	f := unleashPrint{Files: map[string]string{}}
	err := filepath.WalkDir(s.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.Root, path)
		if err != nil {
			return err
		}
		switch {
		case name == "upkeep":
			return filepath.SkipDir
		case name == "unleash.log", name == "unleash.pid", name == "installation.yaml":
			return nil
		}
		f.Files[name], err = describe(path)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if f.Data, err = dumpOf(s.PG, s.DB, byNature...); err != nil {
		s.t.Fatal(err)
	}
	pids, err := s.Running()
	if err != nil {
		s.t.Fatal(err)
	}
	f.Pids = len(pids)
	return f
}

func samePrint(t testing.TB, before, after unleashPrint) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("not exactly as it was (-before +after):\n%.6000s", diff)
	}
}

// swap puts the files of another release in place, as by hand.
func (s *unleashSite) swap(r *lab.UnleashRelease) {
	s.t.Helper()
	if err := os.RemoveAll(s.Path("app")); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", r.Dir, s.Path("app")).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}
