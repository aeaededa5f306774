package e2e

import (
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// bare is a computer with what iTop runs on, and no iTop; and the command that
// installs it, without a yes.
func bare(t *testing.T, edit func(path, text string) string) (*sitetest.Site, []string) {
	s := sitetest.New(t, sitetest.Options{Example: "itop", Version: "3.1.0", Stopped: true, Edit: edit})
	s.Bundle("3.2.0")
	for _, name := range []string{"app", "conf", "data", "extensions", "model", "modules", "trace", "installation.yaml", "upkeep"} {
		if err := os.RemoveAll(filepath.Join(s.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s, []string{"install", "--from", s.Releases, "--state", s.State, "--name", "itop-" + strings.ToLower(rand.Text()[:12]),
		"--set", "root=" + s.Root, "--set", "runtime=" + s.Bin, "--set", "account=" + s.Service().Name, "--set", "port=" + strconv.Itoa(s.Port)}
}

// made is what lies in the product's folder without Upkeep's own.
func lying(t *testing.T, s *sitetest.Site) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(s.Root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(s.Root, path)
		if rel == "upkeep" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if rel != "installation.yaml" {
			out = append(out, rel+" "+info.Mode().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// The procedure of the upgrade installs too: the same screens, checks, plan and
// question, with a few steps that are for one of them.
func TestItopInstall_S0_3(t *testing.T) {
	s, args := bare(t, nil)
	before := lying(t, s)
	r := s.Must(2, "install", "--from", s.Releases, "--yes")
	wants(t, flat(r.Err), `root \(path\): Folder of the installation.*type: upkeep install --from .* --set root=PATH .* --set port=NUMBER`)
	r = s.Answer("n\n", args...)
	if r.Code != 5 {
		t.Fatalf("%v", r)
	}
	r = s.Answer("http://tickets.example/\nn\n", args...)
	if r.Code != 5 || lying(t, s) != before || s.Exists("installation.yaml") || s.Exists("upkeep") {
		t.Fatalf("something was done without a yes: %v\n%s", r, lying(t, s))
	}
	for _, want := range []string{`Application URL \[http://127\.0\.0\.1/itop/\]:`, `itop +install 3\.2\.0`, `app +3\.2\.0 \(new\)`, `make the folders`, `run .*/bin/setup .* http://tickets\.example/`, `run .*/bin/compile`, `all that was made is taken away again`} {
		wants(t, r.Out, want)
	}
	r = s.Answer("\ny\n", args...)
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	wants(t, r.Out, `✓ itop is on 3\.2\.0, verified`)
	wants(t, s.Read("conf/config-itop.php"), `http://127\.0\.0\.1/itop/`)
	wants(t, s.Read("installation.yaml"), `# Folder of the installation\n  root: "`)
	if got := s.Query("data/notes.db", "SELECT version FROM schema_version"); strings.Join(got, "") != "2" {
		t.Errorf("the schema is %v", got)
	}
	if strings.Contains(s.Log(), "read-only") || strings.Contains(s.Log(), "stop.web") {
		t.Errorf("a first install has nothing to stop:\n%s", s.Log())
	}
	wants(t, s.Must(0, "status").Out, `app +3\.2\.0.*install 3\.2\.0`)
	wants(t, s.Must(0, args...).Out, `up to date: 3\.2\.0`)
	wants(t, s.Must(1, "back", "--yes").Err, `nothing was there before`)
}

// What is in the way is said before anything is asked or done.
func TestItopInstallRefused_S0_3(t *testing.T) {
	s, args := bare(t, nil)
	args = append(args, "--yes")
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	s.Write("app/index.php", "<?php // somebody's own\n", 0o644)
	r := untouched(t, s, 3, args...)
	wants(t, flat(r.Err), `app: .*/app is not empty \(index\.php, …\).*port `+strconv.Itoa(s.Port)+` is taken`)
	l.Close()
	s.Remove("app/index.php")
	s.Must(0, args...) // an empty folder is no harm
}

// A first install that fails leaves nothing behind.
func TestItopInstallFails_S0_3(t *testing.T) {
	s, args := bare(t, func(path, text string) string {
		if path == "releases/3.2.0/release.yaml" {
			text = strings.Replace(text, `  database: "2"`, `  database: "3"`, 1)
		}
		return text
	})
	before := lying(t, s)
	r := s.Must(6, append(args, "--yes")...)
	wants(t, flat(r.Out), `the installation failed at step .*itop is not installed: all that was made is taken away again`)
	if after := lying(t, s); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	wants(t, s.Must(0, "runs", "list").Out, `install 3\.2\.0 .*taken away again`)
	wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", s.Releases).Err), `nothing is installed here.*upkeep install`)
}

// What may change in an upgrade is asked with its old value, the rest is only
// shown. A new value goes into the product and into the installation document,
// and out of both again when the upgrade is taken back.
func TestItopParameters_S0_10(t *testing.T) {
	s := itop(t)
	doc := s.Read("installation.yaml")
	r := untouched(t, s, 3, "upgrade", "--yes", "--from", s.Releases, "--set", "port=1", "--set", "url=http://x/")
	wants(t, flat(r.Err), `port is not asked in an upgrade: change it in .*installation\.yaml`)
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases, "--set", "url=http://x/").Out), `url: http://127\.0\.0\.1/itop/ → http://x/`)
	s.Hook("hooks/POSTINSTALL.sh", "exit 1")
	s.Must(6, "upgrade", "--yes", "--from", s.Releases, "--set", "url=http://x/")
	if now := s.Read("installation.yaml"); now != doc || strings.Contains(s.Read("conf/config-itop.php"), "http://x/") {
		t.Errorf("the new value is still there after the way back:\n%s\n%s", now, s.Read("conf/config-itop.php"))
	}
	s.Hook("hooks/POSTINSTALL.sh", "exit 0")
	r = s.Answer("http://tickets.example/\ny\n", "upgrade", "--from", s.Releases)
	if r.Code != 0 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	question := r.Out[:strings.Index(r.Out, "What changes")]
	wants(t, question, `As it was installed.*Folder of the installation +`+s.Root+`.*What may change now.*Application URL \[http://127\.0\.0\.1/itop/\]:`)
	wants(t, s.Read("conf/config-itop.php"), `'http://tickets\.example/'`)
	wants(t, s.Read("installation.yaml"), `url: "http://tickets\.example/"`)
	if old := strings.Replace(s.Read("installation.yaml"), "  url: \"http://tickets.example/\"\n", "", 1); old != doc {
		t.Errorf("more than the value was changed:\n%s\n%s", old, doc)
	}
}

// A once-only step for upgrades counts as done after a first install: a later
// release that brings it does not undo what the administrator chose since. An
// upgrade does it.
func TestItopInstallOnce_S1_26(t *testing.T) {
	lab.Slow(t)
	once := func(path, text string) string {
		if path == "releases/3.2.0/release.yaml" || path == "pushes/extension/release.yaml" {
			text = strings.Replace(text, "procedure:\n", "procedure:\n  after-install: [{run: [/bin/touch, \"${dir.trace}/english\"], once: default-language, when: {mode: upgrade}, undo: none}]\n", 1)
		}
		return text
	}
	s, args := bare(t, once)
	s.Must(0, append(args, "--yes")...)
	push := func(s *sitetest.Site) {
		s.Must(0, "upgrade", "--yes", "--trigger", "extension-push", "--from", s.Push("extension"))
	}
	push(s)
	if s.Exists("trace/english") {
		t.Errorf("the once-only step was done after a first install:\n%s", s.Log())
	}
	up := sitetest.New(t, sitetest.Options{Example: "itop", Version: "3.1.0", Edit: once})
	up.Bundle("3.2.0")
	up.Must(0, "upgrade", "--yes", "--from", up.Releases)
	if !up.Exists("trace/english") {
		t.Error("an upgrade did not do the once-only step")
	}
	up.Remove("trace/english")
	push(up)
	if up.Exists("trace/english") {
		t.Error("the once-only step was done twice")
	}
}
