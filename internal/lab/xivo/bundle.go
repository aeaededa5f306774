package xivo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"upkeep/internal/lab"
)

// Example is the folder of the example: examples/xivo, or the same in
// UPKEEP_EXAMPLES.
func Example() (string, error) {
	if dir := os.Getenv("UPKEEP_EXAMPLES"); dir != "" {
		return filepath.Join(dir, "xivo"), nil
	}
	root, err := lab.ModuleRoot()
	return filepath.Join(root, "examples", "xivo"), err
}

// older are the releases before one, which its bundle knows.
var older = map[string][]string{"1.2.2": nil, "1.2.3": {"1.2.2"}, "1.2.4": {"1.2.2", "1.2.3"}}

// Release is a release that is built into a bundle.
type Release struct {
	Version string
	Faults  []Fault
	// Edit changes a document or a migration by its path below the example;
	// nil leaves all as they are.
	Edit func(path, text string) string
}

// Bundle builds the bundle of a release with the binary and gives its
// archive. work is an empty folder.
func Bundle(bin, work string, r Release) (string, error) {
	example, err := Example()
	if err != nil {
		return "", err
	}
	read := func(path string) ([]byte, error) {
		text, err := os.ReadFile(filepath.Join(example, path))
		if err == nil && r.Edit != nil {
			text = []byte(r.Edit(path, string(text)))
		}
		return text, err
	}
	src := filepath.Join(work, "source")
	product, err1 := read("product.yaml")
	release, err2 := read(filepath.Join("releases", r.Version, "release.yaml"))
	if err := errors.Join(err1, err2, os.MkdirAll(src, 0o755)); err != nil {
		return "", err
	}
	text := append(append(product, "---\n"...), release...)
	if err := os.WriteFile(filepath.Join(src, "upkeep.yaml"), text, 0o644); err != nil {
		return "", err
	}
	for _, v := range older[r.Version] {
		dir := filepath.Join(src, "from", v)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "product.yaml"), product, 0o644)); err != nil {
			return "", err
		}
	}
	scripts := filepath.Join("releases", r.Version, "migrations")
	list, err := os.ReadDir(filepath.Join(example, scripts))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range list {
		text, err := read(filepath.Join(scripts, e.Name()))
		if err := errors.Join(err, os.MkdirAll(filepath.Join(src, "migrations"), 0o755)); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(src, "migrations", e.Name()), text, 0o644); err != nil {
			return "", err
		}
	}
	all := filepath.Join(src, "components", "pf-xivo")
	if err := Debs(example, r.Version, all, r.Faults...); err != nil {
		return "", err
	}
	// the tool is a component of its own
	tools, err := filepath.Glob(filepath.Join(all, "xivo-upgrade_*.deb"))
	if err != nil || len(tools) != 1 {
		return "", fmt.Errorf("the release has %d packages xivo-upgrade", len(tools))
	}
	tool := filepath.Join(src, "components", "xivo-upgrade", filepath.Base(tools[0]))
	if err := errors.Join(os.MkdirAll(filepath.Dir(tool), 0o755), os.Rename(tools[0], tool)); err != nil {
		return "", err
	}
	to := filepath.Join(work, "xivo-"+r.Version+".tar.zst")
	if out, err := exec.Command(bin, "vendor", "build", src, "-o", to).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the bundle of %s: %w\n%s", r.Version, err, out)
	}
	return to, nil
}
