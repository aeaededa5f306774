// Package packagestest is for tests of what installs packages: Debian packages
// made on the spot, a dpkg of their own in a folder, and the contract suite of
// packages.Manager. It may be imported by tests only.
package packagestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/packages"
)

// Deb is a package to be built.
type Deb struct {
	Name, Version string
	Depends       string
	Files         map[string]string // absolute path to content; one that begins with #! may be executed
	Conffiles     map[string]string // likewise
	Scripts       map[string]string // preinst, postinst, prerm, postrm: what comes after #!/bin/sh
}

// Build makes the .deb in dir and returns its path. The machine needs
// dpkg-deb.
func (d Deb) Build(t testing.TB, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("this machine has no dpkg-deb")
	}
	out, err := d.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Make is Build outside of a test.
func (d Deb) Make(dir string) (string, error) {
	top, err := os.MkdirTemp("", "upkeep-deb-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(top)
	if err := os.Chmod(top, 0o755); err != nil {
		return "", err
	}
	content := map[string]string{"/DEBIAN/control": fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: for tests\n", d.Name, d.Version)}
	if d.Depends != "" {
		content["/DEBIAN/control"] += "Depends: " + d.Depends + "\n"
	}
	var list []string
	for path := range d.Conffiles {
		list = append(list, path)
	}
	if slices.Sort(list); len(list) > 0 {
		content["/DEBIAN/conffiles"] = strings.Join(list, "\n") + "\n"
	}
	for name, text := range d.Scripts {
		content["/DEBIAN/"+name] = "#!/bin/sh\n" + text + "\n"
	}
	maps.Copy(content, d.Conffiles)
	maps.Copy(content, d.Files)
	for path, text := range content {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := write(filepath.Join(top, path), text, mode); err != nil {
			return "", err
		}
	}
	out := filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", d.Name, d.Version))
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", top, out)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000") // the same package is the same file
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", out, err, text)
	}
	return out, nil
}

func write(path, content string, mode os.FileMode) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode))
}

func put(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := write(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

// Root makes an empty machine for dpkg and apt-get below dir.
func Root(t testing.TB, dir string) string {
	t.Helper()
	for _, program := range []string{"dpkg", "apt-get"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("this machine has no " + program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("dpkg gives its files to root: this test needs root")
	}
	for _, d := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
		"var/log/apt", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "usr/sbin", "usr/lib/systemd/system", "run/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/lib", filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	arch, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"status": "", "available": "", "arch": string(arch)} {
		put(t, filepath.Join(dir, "var/lib/dpkg", name), content, 0o644)
	}
	return dir
}

// Exec runs commands for a manager; what is not read goes to log.
func Exec(log io.Writer) packages.Exec {
	return func(ctx context.Context, c packages.Command) error {
		cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
		cmd.Env, cmd.Dir, cmd.WaitDelay = c.Env, c.Dir, 5*time.Second
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = c.Stdout, &stderr
		if c.Stdout == nil {
			cmd.Stdout, cmd.Stderr = log, io.MultiWriter(log, &stderr)
		}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w: %s", c.Args[0], err, strings.TrimSpace(stderr.String()))
		}
		return nil
	}
}
