// Package packagestest is for tests of what installs packages: Debian packages
// made on the spot, a dpkg of their own in a folder, and the contract suite of
// packages.Manager. It may be imported by tests only.
package packagestest

import (
	"context"
	"fmt"
	"io"
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
	top := t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: for tests\n", d.Name, d.Version)
	if d.Depends != "" {
		control += "Depends: " + d.Depends + "\n"
	}
	put(t, filepath.Join(top, "DEBIAN/control"), control, 0o644)
	var list []string
	for path, content := range d.Conffiles {
		put(t, filepath.Join(top, path), content, 0o644)
		list = append(list, path)
	}
	if slices.Sort(list); len(list) > 0 {
		put(t, filepath.Join(top, "DEBIAN/conffiles"), strings.Join(list, "\n")+"\n", 0o644)
	}
	for path, content := range d.Files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		put(t, filepath.Join(top, path), content, mode)
	}
	for name, text := range d.Scripts {
		put(t, filepath.Join(top, "DEBIAN", name), "#!/bin/sh\n"+text+"\n", 0o755)
	}
	out := filepath.Join(dir, fmt.Sprintf("%s_%s_all.deb", d.Name, d.Version))
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", top, out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", out, err, text)
	}
	return out
}

func put(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
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
