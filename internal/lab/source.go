package lab

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The versions that examples/miniflux/upkeep.yaml names. Where the suites have
// moved on, the documents that the lab writes name what came instead.
const (
	exampleVersion = "2.3.4"
	exampleSchema  = "135"
	exampleRoute   = ">= 2.2.6"
	exampleRoot    = "/srv/miniflux"
	exampleURL     = "http://127.0.0.1:8080"
	exampleAccount = "account: nobody"
)

// MinifluxSource makes what a vendor has before building a bundle: the
// documents of examples/miniflux for the releases at hand, the new program
// files in components/app, and of the old release its product document and the
// sums of its files in from/VERSION/. The folder must not exist.
func MinifluxSource(ctx context.Context, dir string, from, to *MinifluxRelease, schema int) error {
	text, err := example("upkeep.yaml")
	if err != nil {
		return err
	}
	text, err = replaceAll(text, map[string]string{
		strconv.Quote(exampleVersion): strconv.Quote(to.Version),
		strconv.Quote(exampleSchema):  strconv.Quote(strconv.Itoa(schema)),
		strconv.Quote(exampleRoute):   strconv.Quote(">= " + from.Version),
	})
	if err != nil {
		return err
	}
	product, _, ok := strings.Cut(text, "\n---\n")
	if !ok {
		return fmt.Errorf("cannot read examples/miniflux/upkeep.yaml: it has no two documents")
	}
	sums, err := treeSums(from.Dir)
	if err != nil {
		return err
	}
	old := filepath.Join(dir, "from", from.Version)
	for _, sub := range []string{old, filepath.Join(dir, "components")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return fmt.Errorf("cannot make the bundle's source: %w", err)
		}
	}
	for path, text := range map[string]string{filepath.Join(dir, "upkeep.yaml"): text, filepath.Join(old, "product.yaml"): product + "\n", filepath.Join(old, "app.sums"): sums} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot make the bundle's source: %w", err)
		}
	}
	return copyTree(ctx, to.Dir, filepath.Join(dir, "components", "app"))
}

// treeSums lists the sums of a tree's files as sha256sum does.
func treeSums(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		h, err := sum(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s  %s\n", h, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cannot list the sums of %s: %w", dir, err)
	}
	return b.String(), nil
}

// Document writes the installation document of the site, which is the one of
// examples/miniflux with the site's own values, and gives its path. The state
// of Upkeep goes to the site's folder upkeep.
func (s *MinifluxSite) Document() (string, error) {
	text, err := example("installation.yaml")
	if err != nil {
		return "", err
	}
	text, err = replaceAll(text, map[string]string{exampleRoot: s.Root, exampleURL: s.URL, exampleAccount: "account: " + s.Account.Name})
	if err != nil {
		return "", err
	}
	path := s.Path("installation.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the installation document: %w", err)
	}
	return path, nil
}

// example reads a document of examples/miniflux, or of the folder of examples
// that UPKEEP_EXAMPLES names.
func example(name string) (string, error) {
	dir := os.Getenv("UPKEEP_EXAMPLES")
	if dir == "" {
		root, err := ModuleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "examples")
	}
	text, err := os.ReadFile(filepath.Join(dir, "miniflux", name))
	if err != nil {
		return "", fmt.Errorf("cannot read the example: %w", err)
	}
	return string(text), nil
}

// replaceAll puts the lab's values in, and fails when the example no longer
// has what it replaces: it would be used with the wrong value silently.
func replaceAll(text string, values map[string]string) (string, error) {
	pairs := make([]string, 0, 2*len(values))
	for old, value := range values {
		if !strings.Contains(text, old) {
			return "", fmt.Errorf("cannot use the example: it no longer says %s", old)
		}
		pairs = append(pairs, old, value)
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}
