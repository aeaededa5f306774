package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Package is a Debian package as it came from a suite.
type Package struct {
	Name    string
	Suite   string
	Version string // Debian's version, as the package itself says
	Deb     string // the file
	Note    string // what a reader of a test's log should know; may be empty
}

// What has been fetched is good for a week: suites move.
const packageAge = 7 * 24 * time.Hour

// CacheDir is where downloads are kept: UPKEEP_CACHE, or upkeep-lab in the
// user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("UPKEEP_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a place for downloads: %w; set UPKEEP_CACHE", err)
	}
	return filepath.Join(dir, "upkeep-lab"), nil
}

// FetchPackage gets the newest version of a package in a Debian suite. A copy
// in the cache serves for a week, and beyond that while the mirror cannot be
// reached (then Note says so).
func FetchPackage(ctx context.Context, suite, name string) (*Package, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "debian-"+suite+"-"+runtime.GOARCH, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a place for downloads: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	kept, age, keptErr := cached(dir, name)
	if keptErr == nil && age < packageAge {
		return describe(ctx, suite, name, kept, "")
	}
	deb, err := fetch(ctx, suite, name, dir)
	if err == nil {
		return describe(ctx, suite, name, deb, "")
	}
	if keptErr == nil {
		note := fmt.Sprintf("%s of %s is a copy of %v ago: %v", name, suite, age.Round(time.Hour), err)
		return describe(ctx, suite, name, kept, note)
	}
	return nil, err
}

// lock keeps test processes that run side by side from fetching the same.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the downloads: %w", err)
	}
	if err := lockFile(f.Fd()); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock the downloads: %w", err), f.Close())
	}
	return func() { f.Close() }, nil
}

var errNotCached = errors.New("not in the cache")

// cached gives the package in the folder if it still has the sum that it came
// with, and how old it is.
func cached(dir, name string) (deb string, age time.Duration, err error) {
	found, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil || len(found) != 1 {
		return "", 0, errNotCached
	}
	want, err := os.ReadFile(found[0] + ".sha256")
	if err != nil {
		return "", 0, errNotCached
	}
	got, err := sum(found[0])
	if err != nil || got != string(want) {
		return "", 0, errNotCached
	}
	info, err := os.Stat(found[0] + ".sha256")
	if err != nil {
		return "", 0, errNotCached
	}
	return found[0], time.Since(info.ModTime()), nil
}

func sum(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:]), nil
}

// fetch puts the suite's package into the folder in place of what is there.
// Its sum is written last: a download that was cut off is not used.
func fetch(ctx context.Context, suite, name, dir string) (string, error) {
	release, err := codename("/etc/os-release")
	if err != nil {
		return "", err
	}
	mirror, err := mirrorOf(ctx, release)
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return "", fmt.Errorf("cannot make a place for downloads: %w", err)
	}
	defer os.RemoveAll(tmp)
	view := aptView{dir: tmp, suite: suite, mirror: mirror}
	if err := view.update(ctx); err != nil {
		return "", err
	}
	deb, err := view.download(ctx, name, tmp)
	if err != nil {
		return "", err
	}
	h, err := sum(deb)
	if err != nil {
		return "", fmt.Errorf("cannot read what was fetched: %w", err)
	}
	old, _ := filepath.Glob(filepath.Join(dir, name+"_*.deb*")) // the pattern is sound
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return "", fmt.Errorf("cannot replace the older download: %w", err)
		}
	}
	kept := filepath.Join(dir, filepath.Base(deb))
	if err := os.Rename(deb, kept); err != nil {
		return "", fmt.Errorf("cannot keep what was fetched: %w", err)
	}
	if err := os.WriteFile(kept+".sha256", []byte(h), 0o644); err != nil {
		return "", fmt.Errorf("cannot keep what was fetched: %w", err)
	}
	return kept, nil
}

func describe(ctx context.Context, suite, name, deb, note string) (*Package, error) {
	out, err := exec.CommandContext(ctx, "dpkg-deb", "--field", deb, "Version").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot read the version of %s: dpkg-deb: %w%s", filepath.Base(deb), err, stderr(err))
	}
	return &Package{Name: name, Suite: suite, Version: strings.TrimSpace(string(out)), Deb: deb, Note: note}, nil
}

// Unpack lays the package's files into a folder, without its scripts.
func (p *Package) Unpack(ctx context.Context, dir string) error {
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", p.Deb, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot unpack %s: dpkg-deb: %w\n%s", filepath.Base(p.Deb), err, out)
	}
	return nil
}
