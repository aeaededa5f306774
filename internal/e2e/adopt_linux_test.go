package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// notesParams are the parameters of the sample product at a site.
func notesParams(s *sitetest.Site) []string {
	return []string{"--set", "root=" + s.Root, "--set", "runtime=" + s.Bin, "--set", "account=" + s.Service().Name, "--set", "port=" + strconv.Itoa(s.Port),
		"--set", "private=file:" + filepath.Join(s.Root, "data/private-token")}
}

// adopting is a product that was there before Upkeep, with what it takes to
// adopt it. The id is the one that its service was started under.
func adopting(t *testing.T, releases ...string) (s *sitetest.Site, args []string, product func() string) {
	s = sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	for _, v := range releases {
		s.Bundle(v)
	}
	id := s.ID()
	text, err := os.ReadFile(s.Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Document); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"adopt", "--product", s.Releases, "--state", s.State, "--name", id}, notesParams(s)...)
	// product describes it by its old document, for as long as that takes
	product = func() string {
		t.Helper()
		now, err := os.ReadFile(s.Document)
		there := err == nil
		if err := os.WriteFile(s.Document, text, 0o644); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(s.Snapshot()) {
			if !strings.Contains(line, "installation.yaml") {
				lines = append(lines, line)
			}
		}
		if !there {
			err = os.Remove(s.Document)
		} else {
			err = os.WriteFile(s.Document, now, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "")
	}
	return s, args, product
}

// A product that was there before Upkeep is taken over, upgraded, let go, and
// taken over again. It runs all the time, and nothing of it is touched.
func TestAdopt_S0_8(t *testing.T) {
	lab.Slow(t)
	s, args, product := adopting(t, "2.0", "3.0")
	before := product()
	same := func(what, want string) {
		t.Helper()
		if d := sitetest.Diff(want, product()); d != "" {
			t.Fatalf("%s touched the product:\n%s", what, d)
		}
	}
	// what is not where it is said to be is said, before anything is written
	r := untouched(t, s, 2, append(args[:len(args):len(args)], "--set", "root=/nowhere/notes")...)
	wants(t, flat(r.Err), `--set says root twice`)
	wrong := slices.Clone(args)
	wrong[slices.Index(wrong, "root="+s.Root)] = "root=/nowhere/notes"
	wants(t, flat(untouched(t, s, 2, wrong...).Err), `root \(path\): Folder of the installation; app: looked for the folder /nowhere/notes/app`)
	wrong[slices.Index(wrong, "root=/nowhere/notes")] = "root=" + s.Root
	wrong[len(wrong)-1] = "private=hunter2"
	r = untouched(t, s, 2, wrong...)
	wants(t, flat(r.Err), `private \(secret\).*never the secret itself`)
	if strings.Contains(r.Err+r.Out, "hunter2") {
		t.Errorf("the secret is shown: %v", r)
	}
	r = untouched(t, s, 0, append(args, "--dry-run")...)
	wants(t, r.Out, `notes 1\.0 would be adopted`)
	r = s.Must(0, args...)
	wants(t, r.Out, `notes 1\.0 is adopted as .*; it was not touched.*app +1\.0 .* [0-9]+ files, as its release shipped them.*database +1 .*service web +runs.*Assumed`)
	same("adopt", before)
	doc := s.Read("installation.yaml")
	wants(t, doc, `# Folder of the installation\n  root: "`+s.Root+`".*private: \{file: "`)
	wants(t, s.Must(0, "status").Out, `as upkeep adopt found it.*app +1\.0`)

	// again: nothing changes, and what somebody changed meanwhile is said
	record, _ := os.ReadFile(filepath.Join(s.State, "adopted/record.json"))
	wants(t, s.Must(0, "adopt", "--product", s.Releases).Out, `is adopted already, and is as it was then`)
	if again, _ := os.ReadFile(filepath.Join(s.State, "adopted/record.json")); string(again) != string(record) {
		t.Errorf("the record changed:\n%s\n%s", record, again)
	}
	if s.Read("installation.yaml") != doc {
		t.Error("the installation document was written again")
	}
	s.Write("app/VERSION", "1.0.1\n", 0o644)
	wants(t, flat(s.Must(0, "adopt", "--product", s.Releases).Out), `app was 1\.0, is 1\.0\.1.*what its release shipped is not known`)
	s.Write("app/VERSION", "1.0\n", 0o644)
	wants(t, s.Must(0, "adopt", "--product", s.Releases).Out, `app was 1\.0\.1, is 1\.0`)
	same("adopt", before)

	wants(t, s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out, `✓ notes is on 3\.0, verified`)
	wants(t, s.Must(0, "status").Out, `as the last run left it.*app +3\.0`)
	upgraded := product()

	// let go, and taken over again
	r = s.Must(5, "remove")
	wants(t, r.Out, `Will be removed.*installation\.yaml.*Stays.*2 restore points in .*the product itself.*Nothing was changed`)
	same("a no", upgraded)
	s.Must(0, "remove", "--yes")
	same("remove", upgraded)
	for name, want := range map[string]bool{"installation.yaml": false, "installation.yaml.removed": true, "upkeep/journal.db": false, "upkeep/runs": false, "upkeep/adopted": false, "upkeep/restore-points": true} {
		if s.Exists(name) != want {
			t.Errorf("%s is there: %v, want %v", name, s.Exists(name), want)
		}
	}
	wants(t, s.Must(0, args...).Out, `notes 3\.0 is adopted as .*service web +runs`)
	same("adopt", upgraded)
	wants(t, s.Must(0, "upgrade", "--yes", "--from", s.Releases).Out, `up to date: 3\.0`)
}
