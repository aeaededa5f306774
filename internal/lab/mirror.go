package lab

import (
	"context"
	"os/exec"
	"strings"
)

// DebianKeyring is the key ring that Debian's own package
// debian-archive-keyring brings.
const DebianKeyring = debianKeyring

// Mirror reads from the machine's own apt configuration where it gets Debian:
// the mirror of the release that it runs, which has the other suites too.
func Mirror(ctx context.Context, suite string) (string, error) {
	if mirror, err := mirrorOf(ctx, suite); err == nil {
		return mirror, nil
	}
	release, err := codename("/etc/os-release")
	if err != nil {
		return "", err
	}
	return mirrorOf(ctx, release)
}

// AptProxy gives the proxies of the machine's apt as variables of the
// environment, for programs that fetch what apt would.
func AptProxy(ctx context.Context) []string {
	out, err := exec.CommandContext(ctx, "apt-config", "shell", "http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy").Output()
	if err != nil {
		return nil // no apt: the mirror could not be found either
	}
	var env []string
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}
