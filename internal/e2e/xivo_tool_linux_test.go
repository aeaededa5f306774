package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/host"
	"upkeep/internal/lab/xivo"
)

// toolRepository puts the product's own tool of a release, with one script more
// than in its bundle, into a folder that apt can take packages from.
func toolRepository(t *testing.T, m *xivo.Machine, version string) {
	t.Helper()
	example, err := xivo.Example()
	debs, tree := t.TempDir(), filepath.Join(t.TempDir(), "tool")
	if err == nil {
		err = xivo.Debs(example, version, debs)
	}
	found, gerr := filepath.Glob(filepath.Join(debs, "xivo-upgrade_*.deb"))
	if err = errors.Join(err, gerr); err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	script := filepath.Join(tree, "usr/share/xivo-upgrade/pre-upgrade.d/25-tool")
	const text = "#!/bin/sh\necho 25-tool >>/var/log/xivo-upgrade.log\n"
	if out, err := exec.Command("dpkg-deb", "-R", found[0], tree).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(t.TempDir(), "xivo-upgrade.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", tree, deb).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.Put(t, deb, "/srv/apt/xivo-upgrade.deb")
	m.Sh(t, `cd /srv/apt && { dpkg-deb -f xivo-upgrade.deb; echo "Filename: ./xivo-upgrade.deb"; echo "Size: $(stat -c %s xivo-upgrade.deb)"
echo "SHA256: $(sha256sum xivo-upgrade.deb | cut -d' ' -f1)"; } >Packages`)
}

// sources has apt take packages from that folder, by how it believes them.
func sources(t *testing.T, m *xivo.Machine, how string) {
	t.Helper()
	m.Write(t, "/etc/apt/sources.list.d/xivo.list", "deb ["+how+"] file:/srv/apt ./\n", 0o644)
	m.Sh(t, "apt-get update -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/etc/apt/sources.list.d >/dev/null 2>&1")
}

// Before anything is planned Upkeep upgrades itself, and then the vendor's own
// tool: the plan is what the new ones say.
func TestXivoTool_S1(t *testing.T) {
	host.Need(t)
	m := xivo.New(t, xivo.Options{Releases: []xivo.Release{}})
	edit := func(path, text string) string { // the tool is released apart from the product
		switch filepath.Base(path) {
		case "product.yaml":
			text = regexp.MustCompile(`(?m)^  xivo-upgrade: .*\n`).ReplaceAllString(text, "")
			return strings.Replace(text, "params:\n", "self-upgrade: {run: [apt-get, install, -y, xivo-upgrade], as: root}\nparams:\n", 1)
		case "release.yaml":
			text = regexp.MustCompile(`(?m)^  xivo-upgrade: .*\n|\{install: xivo-upgrade\}, `).ReplaceAllString(text, "")
			return strings.Replace(text, "routes:", "requires: {upkeep: \"1.4.0\"}\nroutes:", 1)
		}
		return text
	}
	file, err := xivo.Bundle(lab.BuildAs(t, "1.4.0"), t.TempDir(), xivo.Release{Version: "1.2.3", Edit: edit})
	if err != nil {
		t.Fatal(err)
	}
	m.Put(t, file, xivo.Releases+"/xivo-1.2.3.tar.zst")
	m.Put(t, lab.BuildAs(t, "1.3.0"), "/srv/upkeep-1.3.0")
	m.Sh(t, "cp /srv/upkeep-1.3.0 "+xivo.Program+".x && mv "+xivo.Program+".x "+xivo.Program)
	ownFeed(t, m, "1.4.0")
	toolRepository(t, m, "1.2.3")
	installed := func(name string) string { return m.Must(t, "dpkg-query", "-W", "-f", "${Version}", name) }

	before := m.Fingerprint(t)
	t.Run("S1_1_the_lowest_version_of_the_tool", func(t *testing.T) {
		for _, command := range [][]string{{"check"}, {"plan"}, {"upgrade", "--yes"}} {
			r := m.Upkeep(t, 3, append(command, "--from", xivo.Releases)...)
			wants(t, flat(r.Err), `release 1\.2\.3 of xivo needs Upkeep 1\.4\.0 or later, and this is 1\.3\.0: upgrade Upkeep first: upkeep self-upgrade`)
		}
		if d := xivo.Diff(before, m.Fingerprint(t)); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
	})

	t.Run("S1_11_a_release_that_was_changed_on_the_way", func(t *testing.T) {
		m.Sh(t, "cp -r /srv/feed /srv/bad; for f in /srv/bad/targets/upkeep/1.4.0/*linux-amd64.tar.zst; do printf x | dd of=$f bs=1 seek=1000 conv=notrunc status=none; done")
		m.Write(t, "/etc/upkeep/upkeep.yaml", ownDocument("/srv/bad"), 0o644)
		r := m.Upkeep(t, 3, "upgrade", "--yes", "--from", xivo.Releases)
		wants(t, flat(r.Out), `Upkeep was not upgraded first: .*; it goes on as 1\.3\.0`)
		wants(t, flat(r.Err), `needs Upkeep 1\.4\.0`)
		wants(t, m.Must(t, xivo.Program, "version"), `^upkeep 1\.3\.0\n$`)
	})

	// Upkeep comes first; apt does not believe the tool's package
	m.Write(t, "/etc/upkeep/upkeep.yaml", ownDocument("/srv/feed"), 0o644)
	sources(t, m, "allow-insecure=yes")
	before = m.Fingerprint(t)
	first := m.Answer(t, "", "upgrade", "--yes", "--from", xivo.Releases)
	t.Run("S1_11_a_tool_that_nobody_has_signed", func(t *testing.T) {
		if first.Code != 1 {
			t.Errorf("%v", first)
		}
		wants(t, first.Out, `unauthenticated`)
		wants(t, flat(first.Err), `cannot upgrade the product's own tool, without which its vendor has nothing upgraded: .*; the product is as it was`)
		if d := xivo.Diff(before, m.Fingerprint(t)); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
	})
	t.Run("S1_20_the_updater_and_then_the_real_one", func(t *testing.T) {
		wants(t, first.Out, `^✓ Upkeep is 1\.4\.0; it goes on\n`)
		for path, want := range map[string]string{xivo.Program: "upkeep 1.4.0", xivo.Program + ".old": "upkeep 1.3.0"} {
			if got := strings.TrimSpace(m.Must(t, path, "version")); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
		}
	})

	sources(t, m, "trusted=yes")
	before = m.Fingerprint(t)
	plan := m.Upkeep(t, 0, "plan", "--from", xivo.Releases).Out
	no := m.Answer(t, "n\n", "upgrade", "--from", xivo.Releases)
	changed := xivo.Diff(before, m.Fingerprint(t))
	r := m.Answer(t, "y\ny\n", "upgrade", "--from", xivo.Releases)
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, m.Log(t))
	}
	t.Run("S1_12_the_tool_first_then_the_plan", func(t *testing.T) {
		wants(t, flat(plan), `upgrade has the product's own tool upgraded before it plans, outside of the run: apt-get install -y xivo-upgrade, as root`)
		if no.Code != 5 || changed != "" {
			t.Errorf("after a no: exit code %d, changed:\n%s", no.Code, changed)
		}
		if strings.Contains(plan, "25-tool") {
			t.Errorf("the plan knows a script that nobody has installed:\n%s", plan)
		}
		tool, rest, asked := strings.Cut(r.Out, "[y/N]")
		wants(t, flat(tool), `own tool is upgraded before the upgrade is planned command apt-get install -y xivo-upgrade account root`)
		if !asked || strings.Contains(tool, "25-tool") {
			t.Errorf("it was not asked about first:\n%s", r.Out)
		}
		question, _, _ := strings.Cut(rest, "[y/N]")
		wants(t, question, `25-tool`) // what the new tool brings
		wants(t, question, `pf-xivo +1\.2\.2 → 1\.2\.3 `)
		wants(t, m.Read(t, "/var/log/xivo-upgrade.log"), `(?m)^25-tool$`)
		wants(t, m.Read(t, xivo.State+"/tool.log"), `apt-get install -y xivo-upgrade: done`)
		if got := installed("pf-xivo"); got != "1.2.3" {
			t.Errorf("pf-xivo is %s", got)
		}
		wants(t, m.Upkeep(t, 0, "runs", "show", "--format", "json").Out, `"upkeep": "1\.4\.0"`)
	})
}

// ownDocument has Upkeep upgraded from a feed.
func ownDocument(feed string) string {
	return "self: {feed: {url: " + feed + ", root: {file: /etc/upkeep/root.json}}, automatic: true}\n"
}

// ownFeed publishes a release of Upkeep in a feed, and puts that inside, with its
// root.
func ownFeed(t *testing.T, m *xivo.Machine, version string) {
	t.Helper()
	program, dir := lab.BuildAs(t, version), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("pass"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"build", ownSource(t, version, program), "-o", at("upkeep.tar.zst")},
		{"keys", "create", at("keys")},
		{"feed", "create", at("feed"), "--key", at("keys")},
		{"feed", "add-product", at("feed"), "upkeep", "--key", at("keys"), "--release-key", at("keys/release.key")},
		{"publish", at("upkeep.tar.zst"), "--feed", at("feed"), "--channel", "stable", "--key", at("keys")},
	} {
		if args[0] != "build" {
			args = append(args, "--passphrase-file", at("pass"))
		}
		if out, err := exec.Command(program, append([]string{"vendor"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if err := m.Copy(at("feed"), "/srv/feed"); err != nil {
		t.Fatal(err)
	}
	m.Put(t, at("feed/metadata/1.root.json"), "/etc/upkeep/root.json")
}
