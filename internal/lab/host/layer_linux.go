package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/lab"
)

// installScript installs what lies in /var/lab/debs. Nothing is started: there
// is no systemd, and policy-rc.d says so too.
const installScript = `
set -e
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
dpkg --force-confdef --force-confold --unpack /var/lab/debs/*.deb
dpkg --force-confdef --force-confold --configure -a
rm -rf /usr/sbin/policy-rc.d /var/lab
`

// packageLayer gives the folder with what the packages change in the base. It
// is made once for a base and a list.
func packageLayer(ctx context.Context, base string, packages []string) (string, error) {
	list := slices.Sorted(slices.Values(packages))
	h := sha256.Sum256([]byte(filepath.Base(base) + "\n" + strings.Join(list, "\n") + installScript))
	dir := filepath.Join(filepath.Dir(base), "packages-"+hex.EncodeToString(h[:6]))
	err := once(dir, func(tmp string) error { return makeLayer(ctx, base, tmp, list) })
	return filepath.Join(dir, "upper"), err
}

func makeLayer(ctx context.Context, base, tmp string, packages []string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	if err := mountOverlay(tmp, base); err != nil {
		return err
	}
	root := filepath.Join(tmp, "root")
	defer func() { _ = exec.Command("umount", "-l", root).Run() }() // gone already when all went well
	if err := download(ctx, root, packages); err != nil {
		return err
	}
	if out, err := chroot(ctx, root, nil, "sh", "-c", installScript); err != nil {
		return fmt.Errorf("cannot install %s in a host of the lab: %w\n%s", strings.Join(packages, ", "), err, tail(out, 30))
	}
	if out, err := exec.Command("umount", root).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot keep the packages of a host: %w\n%s", err, out)
	}
	return nil
}

// download fetches the packages and what they need that the root has not, with
// the machine's own apt, into the root's /var/lab/debs.
func download(ctx context.Context, root string, packages []string) error {
	mirror, err := lab.Mirror(ctx, suite)
	if err != nil {
		return err
	}
	view, err := os.MkdirTemp("", "upkeep-lab-apt-")
	if err != nil {
		return fmt.Errorf("cannot fetch packages: %w", err)
	}
	defer os.RemoveAll(view)
	debs := filepath.Join(root, "var/lab/debs")
	for _, dir := range []string{filepath.Join(view, "lists/partial"), filepath.Join(debs, "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot fetch packages: %w", err)
		}
	}
	conf := fmt.Sprintf("#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"+
		"Dir::State::Lists %q;\nDir::State::status %q;\nDir::Cache %q;\nDir::Cache::archives %q;\nDir::Etc::SourceList %q;\nDir::Etc::SourceParts \"/dev/null\";\n"+
		"Dir::Etc::Preferences \"/dev/null\";\nDir::Etc::PreferencesParts \"/dev/null\";\nAcquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n"+
		"APT::Sandbox::User \"root\";\nAPT::Update::Error-Mode \"any\";\nDebug::NoLocking \"true\";\n",
		filepath.Join(view, "lists"), filepath.Join(root, "var/lib/dpkg/status"), view, debs, filepath.Join(view, "sources.list"))
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", lab.DebianKeyring, mirror, suite)
	for name, text := range map[string]string{"apt.conf": conf, "sources.list": source} {
		if err := os.WriteFile(filepath.Join(view, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot fetch packages: %w", err)
		}
	}
	for _, args := range [][]string{{"update"}, append([]string{"install", "--download-only", "--yes"}, packages...)} {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-c", filepath.Join(view, "apt.conf"), "-q"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot fetch %s for a host of the lab: apt-get %s: %w\n%s", strings.Join(packages, ", "), args[0], err, tail(string(out), 20))
		}
	}
	return nil
}
