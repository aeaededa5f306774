package xivo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"upkeep/internal/lab"
)

// Names are the packages of the product, as Upkeep's manifest lists them: the
// tool first, then what all depend on.
func Names(example string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(example, "packages"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out, nil
}

// Fault is what a package of a release does wrong when it is configured.
type Fault struct {
	Package  string
	Postinst string // shell text that runs first in its postinst
}

// Debs builds the packages of a release with dpkg-deb into a folder. example
// is the folder of the example; a fault is built in.
func Debs(example, version, out string, faults ...Fault) error {
	program, err := program(example)
	if err != nil {
		return err
	}
	names, err := Names(example)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := deb(example, version, name, program, out, faults); err != nil {
			return fmt.Errorf("cannot build %s %s: %w", name, version, err)
		}
	}
	return nil
}

// program builds xivod once for every state of its sources: go build decides.
func program(example string) (string, error) {
	cache, err := lab.CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, "xivod-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	root, err := lab.ModuleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, "xivod"), filepath.Join(root, "examples", "xivo", "xivod"))
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build xivod: %w\n%s", err, text)
	}
	to := filepath.Join(cache, "xivod")
	return to, os.Rename(filepath.Join(dir, "xivod"), to) // whoever builds beside has the same
}

func deb(example, version, name, program, out string, faults []Fault) error {
	dir, err := os.MkdirTemp("", "upkeep-lab-deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	from := filepath.Join(example, "packages", name)
	fill := strings.NewReplacer("@VERSION@", version, "@ARCH@", runtime.GOARCH).Replace
	for _, tree := range []string{filepath.Join(from, "root"), filepath.Join(example, "releases", version, "packages", name)} {
		if err := lay(tree, dir, fill); err != nil {
			return err
		}
	}
	if name == "libxivo" {
		text, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		at := filepath.Join(dir, "usr/lib/xivo/xivod")
		if err := errors.Join(os.WriteFile(at, text, 0o755), os.Chmod(at, 0o755)); err != nil {
			return err
		}
	}
	control, err := os.ReadFile(filepath.Join(from, "control"))
	if err != nil {
		return err
	}
	own, err := os.ReadFile(filepath.Join(from, "postinst"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	units, conffiles, err := contents(dir)
	if err != nil {
		return err
	}
	files := map[string]string{"control": fill(string(control)), "conffiles": strings.Join(conffiles, "")}
	post := string(own)
	for _, f := range faults {
		if f.Package == name {
			post = "if [ \"$1\" = configure ]; then\n" + f.Postinst + "\nfi\n" + post
		}
	}
	maintainer(files, post, units)
	if err := os.Mkdir(filepath.Join(dir, "DEBIAN"), 0o755); err != nil {
		return err
	}
	for file, text := range files {
		if text == "" {
			continue
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		at := filepath.Join(dir, "DEBIAN", file)
		if err := os.WriteFile(at, []byte(text), mode); err != nil {
			return err
		}
		if err := os.Chmod(at, mode); err != nil {
			return err
		}
	}
	to := filepath.Join(out, name+"_"+version+"_"+runtime.GOARCH+".deb")
	if text, err := exec.Command("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", dir, to).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb: %w\n%s", err, text)
	}
	return nil
}

// lay copies a tree of texts, filled in; a tree that is not there is empty.
func lay(tree, to string, fill func(string) string) error {
	if _, err := os.Stat(tree); os.IsNotExist(err) {
		return nil
	}
	return filepath.WalkDir(tree, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tree, at)
		if err != nil {
			return err
		}
		place := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(place, 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755
		}
		if err := os.WriteFile(place, []byte(fill(string(text))), mode); err != nil {
			return err
		}
		return os.Chmod(place, mode)
	})
}

// contents finds the units and the configuration files of a package.
func contents(dir string) (units, conffiles []string, err error) {
	err = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		if strings.HasPrefix(rel, "etc/") {
			conffiles = append(conffiles, "/"+rel+"\n")
		}
		if path.Dir(rel) == "lib/systemd/system" {
			units = append(units, path.Base(rel))
		}
		return err
	})
	slices.Sort(conffiles)
	return units, conffiles, err
}
