package sitetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/demo"
	"upkeep/internal/lab"
)

// versions are the releases of an example, in order.
func (s *Site) versions() []string {
	s.t.Helper()
	list, err := os.ReadDir(filepath.Join(s.example(), "releases"))
	s.must(err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// example is the folder of the product: an example, or one of the tests' own.
func (s *Site) example() string {
	s.t.Helper()
	dir, err := s.folder()
	s.must(err)
	return dir
}

func (s *Site) folder() (string, error) {
	examples, err := Examples()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(examples, s.Example)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	root, err := lab.ModuleRoot()
	return filepath.Join(root, "internal/e2e/testdata/products", s.Example), err
}

// Source writes the source folder of a release's bundle, as a vendor has it,
// and gives its path.
func (s *Site) Source(version string) string {
	s.t.Helper()
	dir := filepath.Join(s.Dir, "sources", version)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	from := s.example()
	all := s.versions()
	i := slices.Index(all, version)
	if i < 0 {
		s.t.Fatalf("%s has no release %s", s.Example, version)
	}
	if s.Example == "notes" {
		s.must(demo.WriteBundleSources(context.Background(), s.files(), filepath.Join(s.Dir, "sources")))
	} else {
		s.must(os.MkdirAll(filepath.Join(dir, "components"), 0o755))
		s.release(from, version, dir)
	}
	product, err := os.ReadFile(filepath.Join(from, "product.yaml"))
	s.must(err)
	release, err := os.ReadFile(filepath.Join(from, "releases", version, "release.yaml"))
	s.must(err)
	text := s.edited("product.yaml", string(product))
	s.must(os.WriteFile(filepath.Join(dir, "upkeep.yaml"), []byte(text+"---\n"+s.edited("releases/"+version+"/release.yaml", string(release))), 0o644))
	for _, older := range all[:i] {
		before := filepath.Join(dir, "from", older)
		if _, err := os.Stat(before); s.Example == "notes" && err != nil {
			continue // the sample product knows only the release before
		}
		s.must(os.MkdirAll(before, 0o755))
		s.must(os.WriteFile(filepath.Join(before, "product.yaml"), []byte(text), 0o644))
		if s.Example != "notes" {
			s.sums(from, older, before)
		}
	}
	return dir
}

// release copies the trees and migrations of a release.
func (s *Site) release(from, version, dir string) {
	list, err := os.ReadDir(filepath.Join(from, "releases", version))
	s.must(err)
	for _, e := range list {
		to := filepath.Join(dir, "components", e.Name())
		if beside(e.Name()) {
			to = filepath.Join(dir, e.Name())
		}
		if e.IsDir() {
			s.must(s.copy(from, filepath.Join("releases", version, e.Name()), to))
		}
	}
}

// beside says that a folder of a release is no tree of the product.
func beside(name string) bool { return name == "migrations" || name == "hooks" || name == "standard" }

// sums writes what the trees of an older release held, as sha256sum does.
func (s *Site) sums(from, version, to string) {
	list, err := os.ReadDir(filepath.Join(from, "releases", version))
	s.must(err)
	for _, e := range list {
		if e.Name() == "standard" {
			s.must(s.copy(from, filepath.Join("releases", version, "standard"), filepath.Join(to, "standard")))
		}
		if !e.IsDir() || beside(e.Name()) {
			continue
		}
		tree := filepath.Join(s.Dir, "sources", "was-"+version, e.Name())
		s.must(s.copy(from, filepath.Join("releases", version, e.Name()), tree))
		cmd := exec.Command("sh", "-c", `find . -type f -printf '%P\0' | xargs -0 -r sha256sum`)
		cmd.Dir = tree
		out, err := cmd.Output()
		s.must(err)
		s.must(os.WriteFile(filepath.Join(to, e.Name()+".sums"), out, 0o644))
	}
}

// Bundle builds the bundle of a release into the folder of releases, and
// gives its path.
func (s *Site) Bundle(version string) string {
	s.t.Helper()
	return s.Build(s.Source(version), filepath.Join(s.Releases, s.Example+"-"+version+".tar.zst"))
}

// Push builds the bundle of what the example has in pushes/NAME, which adds to
// a release, and gives its path.
func (s *Site) Push(name string) string {
	s.t.Helper()
	dir, from := filepath.Join(s.Dir, "sources", "push-"+name), s.example()
	pushed := filepath.Join("pushes", name)
	s.must(os.MkdirAll(dir, 0o755))
	s.must(s.copy(from, pushed, filepath.Join(dir, "components")))
	s.must(os.Remove(filepath.Join(dir, "components", "release.yaml")))
	product, err := os.ReadFile(filepath.Join(from, "product.yaml"))
	s.must(err)
	release, err := os.ReadFile(filepath.Join(from, pushed, "release.yaml"))
	s.must(err)
	text := s.edited("product.yaml", string(product)) + "---\n" + s.edited(pushed+"/release.yaml", string(release))
	s.must(os.WriteFile(filepath.Join(dir, "upkeep.yaml"), []byte(text), 0o644))
	return s.Build(dir, filepath.Join(s.Dir, "push-"+name+".tar.zst"))
}

// Trusts has the installation accept pushes by a trigger only where one of the
// keys has signed them; the keys are made where they are not there yet.
func (s *Site) Trusts(trigger string, keys ...string) {
	s.t.Helper()
	doc, err := os.ReadFile(s.Document)
	s.must(err)
	var list []string
	for _, k := range keys {
		list = append(list, "{file: "+strings.TrimSuffix(s.key(k), ".key")+".pub}")
	}
	text := string(doc)
	if !strings.Contains(text, "\ntrust:\n") {
		text += "trust:\n"
	}
	s.must(os.WriteFile(s.Document, []byte(strings.Replace(text, "\ntrust:\n", "\ntrust:\n  "+trigger+": ["+strings.Join(list, ", ")+"]\n", 1)), 0o644))
}

// Sign gives a copy of a bundle that a key has signed for a push.
func (s *Site) Sign(bundle, key, trigger string) string {
	s.t.Helper()
	to := filepath.Join(s.Dir, key+"-"+trigger+"-"+filepath.Base(bundle))
	text, err := os.ReadFile(bundle)
	s.must(err)
	s.must(os.WriteFile(to, text, 0o644))
	cmd := exec.Command(s.Bin, "vendor", "sign", to, "--key", s.key(key), "--trigger", trigger)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	s.must(s.caller.Own(to))
	return to
}

// key is the file of a key without a passphrase.
func (s *Site) key(name string) string {
	dir := filepath.Join(s.Dir, "keys")
	path := filepath.Join(dir, name+".key")
	if _, err := os.Lstat(path); err == nil {
		return path
	}
	cmd := exec.Command(s.Bin, "vendor", "keys", "create", dir, name, "--no-passphrase", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	s.must(os.Chmod(dir, 0o755))
	return path
}

// Build builds a bundle of a source folder with the binary.
func (s *Site) Build(source, to string) string {
	s.t.Helper()
	if _, err := os.Lstat(to); err == nil {
		return to
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	cmd := exec.Command(s.Bin, "vendor", "build", source, "-o", to)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	s.must(s.caller.Own(to))
	return to
}

// Copy copies a source folder under a new name, for a release that is changed
// by hand.
func (s *Site) Copy(source, name string) string {
	s.t.Helper()
	to := filepath.Join(s.Dir, "sources", name)
	s.must(os.CopyFS(to, os.DirFS(source)))
	return to
}
