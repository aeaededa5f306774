package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// sql gives statements to the site's database, as its administrator.
func (s *wordSite) sql(text string) string {
	s.t.Helper()
	out, err := s.Server.SQL(context.Background(), s.DB, strings.NewReplacer("blog_", s.Prefix, "OWNER", s.DB+"@'%'").Replace(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// refuseNumber lets every change of the migration through but the last.
const refuseNumber = "DELIMITER $$\nCREATE DEFINER=OWNER TRIGGER refuse BEFORE UPDATE ON blog_options FOR EACH ROW IF NEW.option_name = 'db_version' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this number'; END IF$$"

// TestWordPressFailed: WordPress passes over statements that fail, and says that
// it is done. The run believes what it reads back, and goes back exactly; what
// an author has uploaded while it was under way is there.
func TestWordPressFailed(t *testing.T) {
	w := wordpress(t)
	for _, c := range []struct {
		name, why string
		sabotage  func(t *testing.T, s *wordSite)
	}{
		{"the number cannot be written", "not this number", func(t *testing.T, s *wordSite) { s.sql(refuseNumber) }},
		{"its account may not change tables", "ALTER command denied", func(t *testing.T, s *wordSite) {
			// an index that is missing is added with the next upgrade
			s.sql("ALTER TABLE blog_posts DROP INDEX post_name")
			s.sql("CREATE USER IF NOT EXISTS less@'%' IDENTIFIED BY 'pw-less'; GRANT SELECT, INSERT, UPDATE, DELETE ON `" + s.DB + "`.* TO less@'%'")
			if err := s.Configure("less", "pw-less"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := w.site(t)
			c.sabotage(t, s)
			before, v := s.print(), s.visitor("/", "Post 11: Ünïcode")
			r := s.must(6, s.upgrade()...)
			time.Sleep(300 * time.Millisecond)
			has(t, flat(r.out), "h1.migrate.database", c.why, "is back on "+w.Old.Version+", exactly as it was")
			outageOf(t, v.seen())
			s.back(before)
		})
	}
}

// TestWordPressLateUpload: a picture and a post that come when the files are copied
// and the database is dumped already are there after the upgrade, and after the
// way back.
func TestWordPressLateUpload(t *testing.T) {
	w := wordpress(t)
	for _, fails := range []bool{true, false} {
		s := w.site(t)
		if fails {
			s.sql(refuseNumber)
		}
		// a hook of the site's is the last that happens while users work
		if err := os.Mkdir(s.Path("hooks"), 0o755); err != nil {
			t.Fatal(err)
		}
		hook := "#!/bin/sh\ntouch " + s.Path("run/now") + "\nuntil [ -e " + s.Path("run/go") + " ]; do sleep 0.05; done\n"
		if err := os.WriteFile(s.Path("hooks/start-of-run.sh"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		s.edit("params:", "hooks: [{dir: "+s.Path("hooks")+", name: start-of-run.sh, phase: start-of-run}]\nparams:")
		cmd := s.command(s.upgrade()...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		picture, id, err := s.late()
		done := os.WriteFile(s.Path("run/go"), nil, 0o644)
		r := s.wait(cmd, &out, &errs)
		if err := errors.Join(err, done); err != nil {
			t.Fatalf("%v\n%v", err, r)
		}
		if want := map[bool]int{true: 6, false: 0}[fails]; r.code != want {
			t.Fatalf("want exit %d, got %v\n%s", want, r, s.runLog())
		}
		s.want = append(slices.Clone(s.want), lab.Post{ID: id, Title: "Late", Content: "<p>Just in time.</p>"})
		s.is(map[bool]*lab.WordPressRelease{true: w.Old, false: w.New}[fails])
		if got, err := s.Get(t.Context(), picture); err != nil || got != "late" {
			t.Errorf("the picture %s is %q, %v", picture, got, err)
		}
		s.nothingLeft()
	}
}

// late uploads a picture and writes a post once the hook waits.
func (s *wordSite) late() (picture string, id int, err error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(s.Path("run/now")); err == nil {
			break
		}
		if time.Now().After(end) {
			return "", 0, errors.New("the hook was never reached")
		}
	}
	if picture, err = s.Upload(s.t.Context(), "late.png", []byte("late")); err != nil {
		return "", 0, err
	}
	text, err := s.Write(s.t.Context(), "Late", "<p>Just in time.</p>")
	if err != nil {
		return "", 0, err
	}
	id, err = strconv.Atoi(text)
	return strings.TrimPrefix(picture, s.URL), id, err
}

// TestWordPressCancelled: somebody has second thoughts in the middle of the outage.
func TestWordPressCancelled(t *testing.T) {
	w := wordpress(t)
	s := w.site(t)
	before, v := s.print(), s.visitor("/", "Post 11: Ünïcode")
	old := s.runs()
	cmd := s.command(s.upgrade()...)
	politely(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := s.follow(old, 2*time.Minute, func(e event) bool {
		return e.Step == "h1.migrate.database" && e.Kind == "began" && e.Dir == run.Do
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, s.runLog())
	}
	s.up("cancel")
	if r := s.wait(cmd, &out, &errs); r.code != 6 {
		t.Fatalf("cancelled, it ends with %v\n%s", r, s.runLog())
	}
	time.Sleep(300 * time.Millisecond)
	outageOf(t, v.seen())
	s.back(before)
}
