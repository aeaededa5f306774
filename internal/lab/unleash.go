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
	"strings"
)

// UnleashRelease is an Unleash as npm brings it, with the file that starts it.
type UnleashRelease struct {
	Version string
	Dir     string // run.js and node_modules, in the cache: read it, never change it
	Schema  string // how many migrations its database has then
	key     string // the digest of all that it was made of
}

// The releases of Unleash that tests upgrade over, in order. The way from the
// first to the last must pass through the second.
const (
	UnleashOld  = "4.19.5"
	UnleashStop = "5.12.8"
	UnleashNew  = "6.10.1"
)

// unleashSchema is what the releases' documents say, too.
func unleashSchema(version string) string {
	return map[string]string{UnleashOld: "149", UnleashStop: "276", UnleashNew: "332"}[version]
}

// Node gives the program node, which is never downloaded.
func Node() (string, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("cannot run Unleash without node: %w; run scripts/setup-debian.sh", err)
	}
	return path, nil
}

// FetchUnleash gets a release from npm, by the lock file of the example, and
// without running any script of a package. It is kept in the cache for as long
// as the lock file says the same: nothing in it moves.
func FetchUnleash(ctx context.Context, version string) (*UnleashRelease, error) {
	from, err := exampleDir("unleash", "npm")
	if err != nil {
		return nil, err
	}
	parts := []string{filepath.Join(from, version, "package.json"), filepath.Join(from, version, "package-lock.json"), filepath.Join(from, "run.js")}
	key, err := digestOf(parts...)
	if err != nil {
		return nil, fmt.Errorf("cannot read what Unleash %s is made of: %w", version, err)
	}
	dir, unlock, err := productCache("unleash")
	if err != nil {
		return nil, err
	}
	defer unlock()
	r := &UnleashRelease{Version: version, Dir: filepath.Join(dir, version+"-"+key[:12]), Schema: unleashSchema(version), key: key}
	if _, err := os.Stat(r.Dir); err == nil {
		return r, nil
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a place for Unleash: %w", err)
	}
	defer os.RemoveAll(tmp)
	if out, err := exec.CommandContext(ctx, "cp", append(parts, tmp)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot copy what Unleash is made of: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot get Unleash %s from npm: %w\n%s", version, err, out)
	}
	// Readable by every account, whatever the umask was.
	if out, err := exec.CommandContext(ctx, "chmod", "-R", "u=rwX,go=rX", tmp).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot open Unleash to other accounts: %w\n%s", err, out)
	}
	if err := os.Rename(tmp, r.Dir); err != nil {
		return nil, fmt.Errorf("cannot keep Unleash %s: %w", version, err)
	}
	return r, nil
}

// Bundle gives the release's bundle, built by the program upkeep from the
// documents of the example, as the release that follows on the other one.
func (r *UnleashRelease) Bundle(ctx context.Context, upkeep string, from *UnleashRelease) (string, error) {
	to, err := r.documents()
	if err != nil {
		return "", err
	}
	was, err := from.documents()
	if err != nil {
		return "", err
	}
	dir, unlock, err := productCache("unleash")
	if err != nil {
		return "", err
	}
	defer unlock()
	return to.bundle(ctx, upkeep, dir, was)
}

func (r *UnleashRelease) documents() (labRelease, error) {
	out := labRelease{name: "Unleash", version: r.Version, tree: r.Dir, key: r.key}
	example, err := exampleDir("unleash")
	if err != nil {
		return out, err
	}
	for path, to := range map[string]*string{"product.yaml": &out.product, filepath.Join("releases", r.Version, "release.yaml"): &out.release} {
		text, err := os.ReadFile(filepath.Join(example, path))
		if err != nil {
			return out, fmt.Errorf("cannot read the documents of Unleash: %w", err)
		}
		*to = string(text)
	}
	return out, nil
}

// digestOf is the digest of the contents of files.
func digestOf(files ...string) (string, error) {
	h := sha256.New()
	for _, name := range files {
		s, err := sum(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, s)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// exampleDir gives a folder of the examples, or of the folder of examples that
// UPKEEP_EXAMPLES names.
func exampleDir(parts ...string) (string, error) {
	dir := os.Getenv("UPKEEP_EXAMPLES")
	if dir == "" {
		root, err := ModuleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "examples")
	}
	return filepath.Join(append([]string{dir}, parts...)...), nil
}

// Unleash is the three releases, with the bundles of the second and the third.
type Unleash struct {
	Old, Stop, New *UnleashRelease
	Bundles        string // folder with the bundles of Stop and New
}

// GetUnleash gets the releases and builds the bundles, with the folder for
// them below dir.
func GetUnleash(ctx context.Context, upkeep, dir string) (*Unleash, error) {
	u := &Unleash{Bundles: filepath.Join(dir, "releases")}
	var errs [3]error
	u.Old, errs[0] = FetchUnleash(ctx, UnleashOld)
	u.Stop, errs[1] = FetchUnleash(ctx, UnleashStop)
	u.New, errs[2] = FetchUnleash(ctx, UnleashNew)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(u.Bundles, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a folder of releases: %w", err)
	}
	for _, pair := range [][2]*UnleashRelease{{u.Stop, u.Old}, {u.New, u.Stop}} {
		kept, err := pair[0].Bundle(ctx, upkeep, pair[1])
		if err != nil {
			return nil, err
		}
		if err := os.Symlink(kept, filepath.Join(u.Bundles, strings.ReplaceAll(pair[0].Version, ".", "-")+".tar.zst")); err != nil {
			return nil, fmt.Errorf("cannot lay the bundles out: %w", err)
		}
	}
	return u, nil
}
