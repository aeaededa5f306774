package lab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The key ring that Debian's own package debian-archive-keyring brings.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// aptView is a private view of one Debian suite: apt's own programs with
// lists, cache and status of the lab's, so that the machine's packages and
// lists stay as they are.
type aptView struct {
	dir, suite, mirror string
}

// mirrorOf reads from the machine's own apt configuration where it gets the
// Debian release that it runs. apt itself reads its sources, in both of their
// forms; opts are further apt options.
func mirrorOf(ctx context.Context, codename string, opts ...string) (string, error) {
	// Without release information apt answers from the sources alone, also
	// before any list has been fetched.
	args := append(opts, "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
	out, err := exec.CommandContext(ctx, "apt-get", args...).Output()
	if err != nil {
		return "", fmt.Errorf("cannot read apt's configuration: %w%s", err, stderr(err))
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[1] == codename && f[2] == "main" {
			return f[0], nil
		}
	}
	return "", fmt.Errorf("cannot find a Debian mirror: apt's configuration has no source for %s main; add one to /etc/apt/sources.list", codename)
}

// codename reads which Debian release the machine runs.
func codename(osRelease string) (string, error) {
	text, err := os.ReadFile(osRelease)
	if err != nil {
		return "", fmt.Errorf("cannot tell the machine's Debian release: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(value, `"'`), nil
		}
	}
	return "", fmt.Errorf("cannot tell the machine's Debian release: %s has no VERSION_CODENAME", osRelease)
}

// config gives the view's apt configuration, which apt reads after the
// machine's own: its proxies and options stay, its triggers after an update do
// not, since they are for its own lists (a list can only be cleared in a file).
func (v aptView) config() string {
	var b strings.Builder
	for _, list := range []string{"APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success", "DPkg::Post-Invoke"} {
		fmt.Fprintf(&b, "#clear %s;\n", list)
	}
	for _, o := range [][2]string{
		{"Dir::State::Lists", filepath.Join(v.dir, "lists")},
		{"Dir::State::status", filepath.Join(v.dir, "status")},
		{"Dir::Cache", filepath.Join(v.dir, "cache")},
		{"Dir::Etc::SourceList", filepath.Join(v.dir, "etc/sources.list")},
		{"Dir::Etc::SourceParts", "/dev/null"},
		{"Acquire::Languages", "none"},
		{"Acquire::Retries", "1"},
		{"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false"},
		{"Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled", "false"},
		{"APT::Update::Error-Mode", "any"},
		{"APT::Sandbox::User", aptUser()},
	} {
		fmt.Fprintf(&b, "%s %q;\n", o[0], o[1])
	}
	return b.String()
}

// aptUser: apt drops root's rights for downloads, to an account that could not
// write in the view.
func aptUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return ""
}

// update sets the view up and fetches the suite's list, signed by Debian.
func (v aptView) update(ctx context.Context) error {
	for _, dir := range []string{"lists/partial", "cache/archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(v.dir, dir), 0o755); err != nil {
			return fmt.Errorf("cannot set the apt view up: %w", err)
		}
	}
	if _, err := os.Stat(debianKeyring); err != nil {
		return fmt.Errorf("cannot check what %s offers: %w (package debian-archive-keyring)", v.suite, err)
	}
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", debianKeyring, v.mirror, v.suite)
	for name, text := range map[string]string{"status": "", "etc/sources.list": source, "etc/apt.conf": v.config()} {
		if err := os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot set the apt view up: %w", err)
		}
	}
	return v.apt(ctx, v.dir, "update")
}

// download fetches the newest version of a package into the folder and gives
// the file.
func (v aptView) download(ctx context.Context, name, into string) (string, error) {
	if err := v.apt(ctx, into, "download", name); err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(into, name+"_*.deb"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("cannot find what apt-get download %s of %s brought: %d files (%v)", name, v.suite, len(found), err)
	}
	return found[0], nil
}

func (v aptView) apt(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-c", filepath.Join(v.dir, "etc/apt.conf"), "-q"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot get Debian %s from %s: apt-get %s: %w\n%s", v.suite, redact(v.mirror), strings.Join(args, " "), err, out)
	}
	return nil
}

// redact takes a password out of an address.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the mirror"
	}
	return u.Redacted()
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
