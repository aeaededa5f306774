package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// What lies in the product's place and is not the product is not adopted.
func TestAdoptRefused(t *testing.T) {
	lab.Slow(t)
	s, args, _ := adopting(t, "2.0")
	t.Run("a version of another product", func(t *testing.T) {
		s.Write("app/VERSION", "wp-6.4.2\n", 0o644)
		wants(t, flat(untouched(t, s, 3, args...).Err), `its version is "wp-6\.4\.2", which is no version of notes.*is it another product\?`)
		s.Write("app/VERSION", "1.0\n", 0o644)
	})
	t.Run("the files of another product", func(t *testing.T) {
		aside := filepath.Join(s.Dir, "aside")
		if err := os.Rename(filepath.Join(s.Root, "app"), aside); err != nil {
			t.Fatal(err)
		}
		s.Write("app/VERSION", "1.0\n", 0o644)
		s.Write("app/index.php", "<?php\n", 0o644)
		wants(t, flat(untouched(t, s, 3, args...).Err), `of the [0-9]+ files of 1\.0, only 1 are in .*/app as its release shipped them: is it another product`)
		if err := os.RemoveAll(filepath.Join(s.Root, "app")); err != nil {
			t.Fatal(err)
		}
		wants(t, flat(untouched(t, s, 2, args...).Err), `app: looked for the folder .*/app \(\$\{param\.root\}/app\), which is not there`)
		if err := os.Rename(aside, filepath.Join(s.Root, "app")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no database", func(t *testing.T) {
		db := filepath.Join(s.Root, "data/notes.db")
		if err := os.Rename(db, db+".aside"); err != nil {
			t.Fatal(err)
		}
		wants(t, flat(untouched(t, s, 2, args...).Err), `database: looked for its database`)
		if err := os.Rename(db+".aside", db); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a document of another product", func(t *testing.T) {
		if err := os.WriteFile(s.Document, []byte("installation: {id: wiki, product: wiki}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		wants(t, flat(untouched(t, s, 3, args...).Err), `is the installation document of wiki, and not of notes`)
		if err := os.Remove(s.Document); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no product", func(t *testing.T) {
		wants(t, untouched(t, s, 2, "adopt").Err, `say which product`)
		untouched(t, s, 1, "adopt", "--product", filepath.Join(s.Dir, "nowhere"))
	})
	s.Must(0, args...)
}

// A file that cannot be read is a reason: half a list of files is none.
func TestAdoptUnreadable(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Account: "nobody"})
	s.Bundle("2.0")
	secret := filepath.Join(s.Root, "app/secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.Must(3, "adopt", "--product", s.Releases)
	wants(t, flat(r.Err), `app: cannot read all of .*/app: .*/app/secret`)
}

// A version that was changed by other means is noticed by the next command,
// and recorded when that is asked for.
func TestChangedOutside_S1_2(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	for _, v := range []string{"2.0", "3.0"} {
		s.Bundle(v)
	}
	s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--to", "2.0")
	s.Write("app/VERSION", "2.0.1\n", 0o644)
	told := `app was 2\.0 when Upkeep left it, and is 2\.0\.1 now: it was changed outside of Upkeep; upkeep adopt`
	wants(t, flat(s.Must(4, "check", "--from", s.Releases).Out), told)
	wants(t, flat(s.Must(0, "plan", "--from", s.Releases).Out), told)
	wants(t, flat(s.Must(0, "adopt", "--product", s.Releases).Out), `notes 2\.0\.1 is adopted`)
	wants(t, s.Must(0, "status").Out, `as upkeep adopt found it.*app +2\.0\.1`)
	if r := s.Must(0, "plan", "--from", s.Releases); strings.Contains(flat(r.Out), "outside of Upkeep") {
		t.Errorf("it is said after it was recorded, too: %v", r)
	}
	s.Must(0, "upgrade", "--yes", "--from", s.Releases)
	wants(t, s.Must(0, "status").Out, `as the last run left it.*app +3\.0`)
}

// Nothing is forgotten while a run is under way, or open.
func TestRemoveDuringRun(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Bundle("2.0")
	s.Hook("hooks/PREINSTALL_app.sh", "while [ ! -e "+s.Marks+"/go-on ]; do sleep 0.01; done; exit 1")
	known := len(s.Runs())
	wait := s.Began("upgrade", "--yes", "--from", s.Releases)
	if err := s.Follow(known, patience, func(e manage.Event) bool {
		return e.Kind == manage.EventBegan && e.Step == "h1.hooks.before-install.app"
	}); err != nil {
		t.Fatal(err)
	}
	wants(t, flat(s.Must(1, "remove", "--yes").Err), `is under way`)
	if err := os.WriteFile(filepath.Join(s.Marks, "go-on"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := wait(); r.Code != 6 {
		t.Fatalf("%v\n%s", r, s.Log())
	}
	r := s.Must(0, "remove", "--yes", "--with-restore-points")
	wants(t, r.Out, `Will be removed`)
	if s.Exists("upkeep/restore-points") || s.Exists("upkeep/journal.db") || !s.Exists("app/VERSION") {
		t.Errorf("what was to go is there, or the product is gone: %v", r)
	}
}

// A secret that is typed goes into a file of mode 0600, and nowhere else.
func TestAdoptNewSecret(t *testing.T) {
	lab.Slow(t)
	s, args, _ := adopting(t, "2.0")
	path := filepath.Join(s.Dir, "home/secrets/private")
	args = args[:len(args)-2] // without --set private=…
	there := filepath.Join(s.Root, "data/private-token")
	if r := s.Answer("new\n"+there+"\nhunter2\n", args...); r.Code != 1 || !strings.Contains(flat(r.Err), "is there already") {
		t.Errorf("a file that is there was written over: %v", r)
	}
	r := s.Answer("new\n"+path+"\nhunter2\n", args...)
	if r.Code != 0 || strings.Contains(r.Out+r.Err, "hunter2") {
		t.Fatalf("%v", r)
	}
	wants(t, r.Out, `Token for private requests \(a secret: .*new writes a file\).*written into `+path+`, mode 0600`)
	text, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(text) != "hunter2\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%s holds %q, %v, %v", path, text, info, err)
	}
	wants(t, s.Read("installation.yaml"), `private: \{file: "`+path+`"\}`)
}
