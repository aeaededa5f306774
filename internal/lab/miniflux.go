package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// MinifluxRelease is a Miniflux as a Debian suite brings it, unpacked.
type MinifluxRelease struct {
	Package *Package
	Dir     string // the package's files; the program is Dir/usr/bin/miniflux
	Version string // what the program says of itself
}

// Binary gives the program.
func (r *MinifluxRelease) Binary() string { return filepath.Join(r.Dir, "usr/bin/miniflux") }

// UnpackMiniflux gets the Miniflux of a suite and unpacks it into a new folder.
func UnpackMiniflux(ctx context.Context, suite, dir string) (*MinifluxRelease, error) {
	p, err := FetchPackage(ctx, suite, "miniflux")
	if err != nil {
		return nil, err
	}
	if err := p.Unpack(ctx, dir); err != nil {
		return nil, err
	}
	r := &MinifluxRelease{Package: p, Dir: dir}
	out, err := exec.CommandContext(ctx, r.Binary(), "-version").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot ask the Miniflux of %s for its version: %w%s", suite, err, stderr(err))
	}
	if r.Version = strings.TrimSpace(string(out)); r.Version == "" {
		return nil, fmt.Errorf("cannot ask the Miniflux of %s for its version: it says nothing", suite)
	}
	return r, nil
}

// Schema tells which schema the release works on, by having it set up a
// database of its own, which is removed again.
func (r *MinifluxRelease) Schema(ctx context.Context, pg *PG) (_ int, err error) {
	db := "scratch_" + strings.Map(wordOnly, r.Version)
	if err := pg.CreateDB(ctx, db); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, pg.DropDB(ctx, db)) }()
	cmd := exec.CommandContext(ctx, r.Binary(), "-migrate")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+pg.DSN(db))
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("cannot set a database up with Miniflux %s: %w\n%s", r.Version, err, out)
	}
	return schemaVersion(ctx, pg, db)
}

func wordOnly(c rune) rune {
	if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
		return c
	}
	return '_'
}

func schemaVersion(ctx context.Context, pg *PG, db string) (int, error) {
	text, err := pg.Psql(ctx, db, "SELECT version FROM schema_version")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read the schema version of %s: %q is no number", db, text)
	}
	return n, nil
}

// The suites between which Miniflux is upgraded.
const (
	OldSuite = "trixie"
	NewSuite = "sid"
)

// MinifluxPair gets both releases, and fails when the suites have met.
func MinifluxPair(ctx context.Context, dir string) (from, to *MinifluxRelease, err error) {
	if from, err = UnpackMiniflux(ctx, OldSuite, filepath.Join(dir, OldSuite)); err != nil {
		return nil, nil, err
	}
	if to, err = UnpackMiniflux(ctx, NewSuite, filepath.Join(dir, NewSuite)); err != nil {
		return nil, nil, err
	}
	if from.Version == to.Version {
		return nil, nil, fmt.Errorf("cannot try an upgrade of Miniflux: Debian %s and %s both have %s by now; name an older and a newer suite in internal/lab/miniflux.go", OldSuite, NewSuite, from.Version)
	}
	return from, to, nil
}

// Miniflux gets the Miniflux of a suite for a test, which must be a slow one. A
// download that is impossible fails the test: it is never left out silently.
func Miniflux(t testing.TB, suite string) *MinifluxRelease {
	t.Helper()
	Slow(t)
	r, err := UnpackMiniflux(t.Context(), suite, filepath.Join(Dir(t), suite))
	if err != nil {
		t.Fatal(err)
	}
	note(t, r)
	return r
}

// MinifluxReleases gets both releases for a test.
func MinifluxReleases(t testing.TB) (from, to *MinifluxRelease) {
	t.Helper()
	Slow(t)
	from, to, err := MinifluxPair(t.Context(), Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	note(t, from)
	note(t, to)
	return from, to
}

func note(t testing.TB, r *MinifluxRelease) {
	t.Helper()
	t.Logf("Miniflux %s (Debian %s, %s)", r.Version, r.Package.Suite, r.Package.Version)
	if r.Package.Note != "" {
		t.Log(r.Package.Note)
	}
}
