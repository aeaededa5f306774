package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// ownSource is the source of a release of Upkeep, whose program is the file.
func ownSource(t *testing.T, version, program string) string {
	t.Helper()
	src := t.TempDir()
	for _, platform := range []string{"linux-amd64", "linux-arm64"} {
		copyProgram(t, program, filepath.Join(src, "components", platform, "upkeep"))
	}
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "scripts/own-release.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(src, "upkeep.yaml"), []byte(strings.ReplaceAll(string(text), "@VERSION@", version)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// ownRelease builds the bundle of a release of Upkeep.
func ownRelease(t *testing.T, s *sitetest.Site, version, program string) string {
	t.Helper()
	src := ownSource(t, version, program)
	to := filepath.Join(s.Dir, "own", "upkeep-"+version+".tar.zst")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Build(src, to)
	return to
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	r, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// upkeeps is an installed example on a computer whose Upkeep is 1.3.0, in a
// folder of its own, beside the release 1.4.0.
func upkeeps(t *testing.T) (s *sitetest.Site, bin, release string) {
	t.Helper()
	s = sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Slim: true})
	s.Bundle("2.0")
	release = ownRelease(t, s, "1.4.0", lab.BuildAs(t, "1.4.0"))
	bin = filepath.Join(s.Dir, "bin/upkeep")
	copyProgram(t, lab.BuildAs(t, "1.3.0"), bin)
	s.Bin = bin
	// the computer's own documents: the installation is one of them
	etc := filepath.Join(s.Dir, "home/.config/upkeep")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Replace(s.Document, "state: upkeep", "state: "+s.State)
	text, err := os.ReadFile(s.Document)
	if err == nil {
		s.Document = filepath.Join(etc, "notes.yaml")
		err = os.WriteFile(s.Document, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, bin, release
}

func says(t *testing.T, s *sitetest.Site, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, "home/.config/upkeep/upkeep.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func isVersion(t *testing.T, s *sitetest.Site, want string) {
	t.Helper()
	if r := s.Upkeep("version"); r.Code != 0 || strings.TrimSpace(r.Out) != "upkeep "+want {
		t.Errorf("want %s: %v", want, r)
	}
}

// Upkeep by the command, there and back, with what keeps it from it.
func TestSelfUpgrade(t *testing.T) {
	lab.Slow(t)
	s, bin, release := upkeeps(t)
	wants(t, s.Must(1, "self-upgrade").Err, `no release of Upkeep is at hand`)
	wants(t, s.Must(0, "self-upgrade", "--check", "--from", release).Out, `Upkeep 1\.3\.0 → 1\.4\.0`)
	s.Must(5, "self-upgrade", "--from", release)
	isVersion(t, s, "1.3.0")

	// not during a run, nor while an interrupted one is open
	began := s.Began("upgrade", "--yes", "--from", s.Releases)
	if err := s.Follow(0, time.Minute, func(manage.Event) bool { return true }); err != nil {
		t.Fatal(err)
	}
	s.KillTerminal()
	s.KillEngine()
	began()
	r := s.Upkeep("self-upgrade", "--yes", "--from", release)
	if r.Code != 3 {
		t.Errorf("a run is open: %v", r)
	}
	wants(t, r.Err, `run [0-9a-f-]+ is open`)
	isVersion(t, s, "1.3.0")
	s.Must(0, "resume")

	wants(t, s.Must(0, "self-upgrade", "--yes", "--from", release).Out, `Upkeep is 1\.4\.0; upkeep self-upgrade --back puts 1\.3\.0 in place again`)
	isVersion(t, s, "1.4.0")
	wants(t, s.Must(0, "self-upgrade", "--yes", "--from", release).Out, `up to date: 1\.4\.0`)
	wants(t, s.Must(0, "status").Out, `2\.0`) // what the one before has written
	if got := fmt.Sprint(names(t, filepath.Dir(bin))); got != "[upkeep upkeep.old]" {
		t.Errorf("beside it lie %s", got)
	}
	older := ownRelease(t, s, "1.2.0", lab.BuildAs(t, "1.3.0"))
	wants(t, s.Must(3, "self-upgrade", "--yes", "--from", older).Err, `1\.4\.0 is not replaced by the older 1\.2\.0`)
	wants(t, s.Must(0, "self-upgrade", "--back", "--yes").Out, `Upkeep is 1\.3\.0 again`)
	isVersion(t, s, "1.3.0")
	s.Must(3, "self-upgrade", "--back", "--yes")

	// a program that is not what its release says, and one that cannot be run
	wrong := ownRelease(t, s, "1.5.0", lab.BuildAs(t, "1.4.0"))
	wants(t, s.Must(1, "self-upgrade", "--yes", "--from", wrong).Err, `its release is 1\.5\.0, and it says that it is 1\.4\.0`)
	text := filepath.Join(s.Dir, "text")
	if err := os.WriteFile(text, []byte("this is no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	broken := ownRelease(t, s, "1.6.0", text)
	wants(t, s.Must(1, "self-upgrade", "--yes", "--from", broken).Err, `the new program is not used: .*exec format error`)
	isVersion(t, s, "1.3.0")
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// An upgrade of the product begins with one of Upkeep, and the new one carries
// it out: by itself where the computer's document says so, else after a question.
func TestSelfUpgradeFirst(t *testing.T) {
	lab.Slow(t)
	s, _, release := upkeeps(t)
	says(t, s, "self: {from: "+filepath.Dir(release)+"}\n")
	plan := s.Must(0, "plan", "--from", s.Releases).Out
	if strings.Contains(plan, "1.4.0") {
		t.Errorf("a plan upgrades Upkeep, or says so:\n%s", plan)
	}
	r := s.Answer("n\nn\n", "upgrade", "--from", s.Releases)
	if r.Code != 5 || strings.Count(r.Out, "[y/N]") != 2 {
		t.Errorf("twice no: %v", r)
	}
	isVersion(t, s, "1.3.0")
	r = s.Answer("y\nn\n", "upgrade", "--from", s.Releases) // the second answer is the new one's
	if r.Code != 5 {
		t.Errorf("%v", r)
	}
	wants(t, r.Out, `(?s)Upkeep 1\.4\.0 is at hand, and this is 1\.3\.0\. Upgrade Upkeep first\?.*Upkeep is 1\.4\.0; it goes on.*Upgrade notes from 1\.0 to 2\.0`)
	isVersion(t, s, "1.4.0")
	s.Must(0, "self-upgrade", "--back", "--yes")

	s.Must(5, "upgrade", "--from", s.Releases) // nobody is there
	isVersion(t, s, "1.3.0")
	says(t, s, "self: {from: "+filepath.Dir(release)+", automatic: true}\n")
	r = s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	wants(t, r.Out, `(?s)^✓ Upkeep is 1\.4\.0; it goes on\n.*is on 2\.0, verified`)
	if n := strings.Count(r.Out, "Upkeep is 1.4.0"); n != 1 {
		t.Errorf("Upkeep was upgraded %d times:\n%s", n, r.Out)
	}
	isVersion(t, s, "1.4.0")
	wants(t, s.Must(0, "runs", "show", "--format", "json").Out, `"upkeep": "1\.4\.0"`) // which began the run
}

// What keeps Upkeep from being upgraded does not keep the product.
func TestSelfUpgradeFirstFails(t *testing.T) {
	lab.Slow(t)
	s, _, _ := upkeeps(t)
	says(t, s, "self: {from: /nowhere, automatic: true}\n")
	r := s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	wants(t, r.Out, `Upkeep was not upgraded first: .*/nowhere.*; it goes on as 1\.3\.0`)
	says(t, s, "self: {form: /nowhere}\n")
	wants(t, s.Must(1, "upgrade", "--yes", "--from", s.Releases).Err, `upkeep\.yaml:1`)
}

// Killed at any moment, an Upkeep that works lies in its place, and the next call
// makes an end of it. The moments at every single operation, and power cuts, are
// tried in package selfupgrade.
func TestSelfUpgradeKilled(t *testing.T) {
	lab.Slow(t)
	s, bin, release := upkeeps(t)
	chance := notesSeed(t)
	begin := time.Now()
	s.Must(0, "self-upgrade", "--yes", "--from", release)
	took := time.Since(begin)
	s.Must(0, "self-upgrade", "--back", "--yes")
	counts := map[string]int{}
	for i := range 15 {
		ctx, stop := context.WithCancel(t.Context())
		cmd := s.Command(ctx, "self-upgrade", "--yes", "--from", release)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			time.Sleep(time.Duration(chance.Int64N(int64(took))))
		} else { // right after the exchange
			old, err := os.Stat(bin)
			for now := old; err == nil && os.SameFile(old, now); now, err = os.Stat(bin) {
				time.Sleep(100 * time.Microsecond)
			}
			time.Sleep(time.Duration(chance.Int64N(int64(took / 4))))
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		stop()
		r := s.Upkeep("version")
		if r.Code != 0 {
			t.Fatalf("kill %d: %v", i, r)
		}
		counts[strings.TrimSpace(r.Out)]++
		s.Must(0, "self-upgrade", "--yes", "--from", release)
		isVersion(t, s, "1.4.0")
		if got := fmt.Sprint(names(t, filepath.Dir(bin))); got != "[upkeep upkeep.old]" {
			t.Errorf("kill %d: beside it lie %s", i, got)
		}
		if err := os.Remove(bin); err != nil { // as before, whatever is kept
			t.Fatal(err)
		}
		copyProgram(t, lab.BuildAs(t, "1.3.0"), bin)
	}
	if len(counts) != 2 {
		t.Errorf("the kills came on one side of the exchange: %v", counts)
	}
	t.Logf("after the kills: %v, in %v each", counts, took)
}
