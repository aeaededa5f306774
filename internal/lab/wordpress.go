package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// WordPressRelease is a WordPress as a Debian suite brings it: one tree, with
// what the package only links to.
type WordPressRelease struct {
	Version string
	Schema  string // the db_version that its files are made for
	Dir     string // in the cache: read it, never change it
	key     string // the digest of all that it was made of
}

// The suites between which WordPress is upgraded, and which packages make a
// whole tree of each.
const (
	WordPressOld = "bookworm"
	WordPressNew = "trixie"
)

func wordPressPackages(suite string) []string {
	names := []string{"wordpress", "wordpress-theme-twentytwentythree", "php-getid3", "libjs-cropper", "libjs-underscore"}
	if suite == WordPressNew {
		names = append(names, "wordpress-theme-twentytwentyfive", "libjs-lodash")
	}
	return names
}

// What examples/wordpress says of its releases. Where the suites have moved on,
// the documents that the lab writes name what came instead.
func wordPressExample(suite string) (version, schema string) {
	if suite == WordPressOld {
		return "6.1.9", "53496"
	}
	return "6.8.12", "60421"
}

// FetchWordPress gets the WordPress of a suite. The tree is kept in the cache
// for as long as the packages are the same.
func FetchWordPress(ctx context.Context, suite string) (*WordPressRelease, error) {
	var packages []*Package
	all := sha256.New()
	for _, name := range wordPressPackages(suite) {
		p, err := FetchPackage(ctx, suite, name)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
		fmt.Fprintln(all, p.Name, p.Version)
	}
	dir, unlock, err := productCache("wordpress")
	if err != nil {
		return nil, err
	}
	defer unlock()
	key := hex.EncodeToString(all.Sum(nil))
	r := &WordPressRelease{Dir: filepath.Join(dir, suite+"-"+key[:12]), key: key}
	if _, err := os.Stat(r.Dir); err == nil {
		return r, r.read()
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a place for WordPress: %w", err)
	}
	defer os.RemoveAll(tmp)
	for _, p := range packages {
		if err := p.Unpack(ctx, tmp); err != nil {
			return nil, err
		}
	}
	// Debian's own configuration, which every site has its own of
	tree := filepath.Join(tmp, "usr/share/wordpress")
	for _, name := range []string{"wp-config.php", ".htaccess"} {
		if err := os.Remove(filepath.Join(tree, name)); err != nil {
			return nil, fmt.Errorf("cannot make the tree of WordPress: %w", err)
		}
	}
	whole := filepath.Join(tmp, "whole")
	for _, args := range [][]string{{"cp", "-aL", tree, whole}, {"chmod", "-R", "u=rwX,go=rX", whole}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot make the tree of WordPress: %w\n%s", err, out)
		}
	}
	if err := os.Rename(whole, r.Dir); err != nil {
		return nil, fmt.Errorf("cannot keep the tree of WordPress: %w", err)
	}
	return r, r.read()
}

func (r *WordPressRelease) read() (err error) {
	r.Version, r.Schema, err = wordPressVersion(r.Dir)
	return err
}

// wordPressVersion reads the version of a tree, and the number of the database
// that it is made for, without running anything.
func wordPressVersion(tree string) (version, schema string, err error) {
	text, err := os.ReadFile(filepath.Join(tree, "wp-includes/version.php"))
	if err != nil {
		return "", "", fmt.Errorf("cannot tell which WordPress it is: %w", err)
	}
	of := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
			return string(m[1])
		}
		return ""
	}
	version, schema = of(`(?m)^\$wp_version = '([0-9.]+)'`), of(`(?m)^\$wp_db_version = ([0-9]+)`)
	if version == "" || schema == "" {
		return "", "", fmt.Errorf("cannot tell which WordPress it is: %s does not say", tree)
	}
	return version, schema, nil
}

func (r *WordPressRelease) documents(suite string) (labRelease, error) {
	out := labRelease{name: "WordPress", version: r.Version, tree: r.Dir, key: r.key}
	version, schema := wordPressExample(suite)
	example, err := exampleDir("wordpress")
	if err != nil {
		return out, err
	}
	for path, to := range map[string]*string{"product.yaml": &out.product, filepath.Join("releases", version, "release.yaml"): &out.release} {
		text, err := os.ReadFile(filepath.Join(example, path))
		if err != nil {
			return out, fmt.Errorf("cannot read the documents of WordPress: %w", err)
		}
		*to = string(text)
	}
	out.release, err = replaceAll(out.release, map[string]string{version: r.Version, `"` + schema + `"`: `"` + r.Schema + `"`})
	return out, err
}

// WordPress is both releases, with their bundles.
type WordPress struct {
	Old, New             *WordPressRelease
	OldBundle, NewBundle string
}

// GetWordPress gets the releases and builds the bundles.
func GetWordPress(ctx context.Context, upkeep string) (*WordPress, error) {
	w := &WordPress{}
	var err error
	if w.Old, err = FetchWordPress(ctx, WordPressOld); err != nil {
		return nil, err
	}
	if w.New, err = FetchWordPress(ctx, WordPressNew); err != nil {
		return nil, err
	}
	if w.Old.Schema == w.New.Schema {
		return nil, fmt.Errorf("cannot try an upgrade of WordPress: Debian %s and %s both have %s by now; name other suites in internal/lab/wordpress.go", WordPressOld, WordPressNew, w.Old.Version)
	}
	from, err := w.Old.documents(WordPressOld)
	if err != nil {
		return nil, err
	}
	to, err := w.New.documents(WordPressNew)
	if err != nil {
		return nil, err
	}
	dir, unlock, err := productCache("wordpress")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if w.NewBundle, err = to.bundle(ctx, upkeep, dir, from); err != nil {
		return nil, err
	}
	w.OldBundle, err = from.bundle(ctx, upkeep, dir, labRelease{})
	return w, err
}
