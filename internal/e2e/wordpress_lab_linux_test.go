package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/lab"
	"upkeep/internal/run"
)

// wordLab is what every test with WordPress shares, as miniLab is for Miniflux.
// It lives as long as the test process.
type wordLab struct {
	*lab.WordPress
	server *lab.MariaDB
	kept   *lab.WordPressKept // of the old release, with data
	want   []lab.Post
	reaper *lab.Reaper // held: were it collected, its watcher would act
}

// wordOnce is the one lab of a test process; it is never replaced.
var wordOnce = sync.OnceValues(startWord)

func wordpress(t testing.TB) *wordLab {
	t.Helper()
	lab.Slow(t)
	lab.Root(t)
	w, err := wordOnce()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func startWord() (_ *wordLab, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	w := &wordLab{}
	var dir string
	if dir, w.reaper, err = miniDir(); err != nil {
		return nil, err
	}
	bin, err := lab.Binary()
	if err != nil {
		return nil, err
	}
	if w.WordPress, err = lab.GetWordPress(ctx, bin); err != nil {
		return nil, err
	}
	if w.server, err = lab.StartMariaDB(ctx); err != nil {
		return nil, err
	}
	s, err := lab.InstallWordPress(ctx, w.server, w.Old, nil, lab.Memory(wordRoom))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Seed(ctx, 12); err != nil {
		return nil, err
	}
	if w.want, err = s.Posts(ctx); err != nil {
		return nil, err
	}
	w.kept, err = s.Keep(ctx, dir)
	return w, err
}

// wordRoom is what a site takes in the middle of an upgrade, and more.
const wordRoom = 2 << 30

// wordSite is a running WordPress with data, and its installation document.
type wordSite struct {
	*lab.WordPressSite
	upkeep
	w    *wordLab
	id   string
	want []lab.Post
}

// site installs the old version with the lab's data, in memory where there is
// room: trees of thousands of files come and go.
func (w *wordLab) site(t testing.TB) *wordSite {
	t.Helper()
	inner, err := lab.InstallWordPress(t.Context(), w.server, w.Old, w.kept, lab.Memory(wordRoom))
	if err != nil {
		t.Fatal(err)
	}
	s := &wordSite{WordPressSite: inner, w: w, id: "wordpress-" + strconv.Itoa(inner.Port), want: w.want,
		upkeep: upkeep{t: t, bin: lab.Build(t), state: inner.Path("upkeep"), cache: t.TempDir(), temp: t.TempDir(), limit: 5 * time.Minute}}
	t.Cleanup(func() {
		s.endEngine()
		if err := inner.Close(); err != nil {
			t.Errorf("cannot clear WordPress away: %v", err)
		}
	})
	if s.document, err = inner.Document(); err != nil {
		t.Fatal(err)
	}
	return s
}

// upgrade is the ordinary upgrade.
func (s *wordSite) upgrade(more ...string) []string {
	return append([]string{"upgrade", "--yes", "--from", s.w.NewBundle}, more...)
}

// visitor reads a page all the time, which says a text when all is well.
func (s *wordSite) visitor(path, text string) *visitor {
	return newPatientVisitor(s.t, s.URL+path, 100*time.Millisecond, func(body string) bool { return strings.Contains(body, text) })
}

// is fails the test unless the product runs in that release, with all that
// users and the site have put in.
func (s *wordSite) is(r *lab.WordPressRelease) {
	s.t.Helper()
	ctx := context.Background()
	if got, err := s.Installed(); err != nil || got != r.Version {
		s.t.Errorf("the files are those of %q, %v; want %s", got, err, r.Version)
	}
	if got, err := s.DBVersion(ctx); err != nil || got != r.Schema {
		s.t.Errorf("the database is that of %q, %v; want %s", got, err, r.Schema)
	}
	// the running program, not only its files
	front, err := s.Get(ctx, "/")
	if err != nil || !strings.Contains(front, `content="WordPress `+r.Version+`"`) || !strings.Contains(front, "Post 11: Ünïcode") {
		s.t.Errorf("the front page is not that of %s with its posts: %v\n%.2000s", r.Version, err, front)
	}
	got, err := s.Posts(ctx)
	if diff := cmp.Diff(s.want, got); err != nil || diff != "" {
		s.t.Errorf("posts: %v (-before +after):\n%.3000s", err, diff)
	}
	if got, err := s.Plugin(ctx); err != nil || got != "kept, Ünïcode" {
		s.t.Errorf("the site's plugin says %q, %v", got, err)
	}
	for _, name := range []string{"themes/lab/style.css", "mu-plugins/lab-must.php", "plugins/akismet/akismet.php"} {
		if _, err := os.Stat(s.Path("htdocs/wp-content/" + name)); err != nil {
			s.t.Error(err)
		}
	}
	// PHP's master with three, nginx's with one
	if pids, err := s.Running(); err != nil || len(pids) != 6 {
		s.t.Errorf("processes of the product: %v, %v; want six", pids, err)
	}
}

// nothingLeft fails the test when a closed run has left behind what nobody
// wants: rules, engines, markers, temporary files, inhibits, tables.
func (s *wordSite) nothingLeft() {
	s.t.Helper()
	if got, err := rulesOf(s.id); err != nil || len(got) > 0 {
		s.t.Errorf("rules of the gate are left: %v, %v", got, err)
	}
	if pid := s.enginePID(); pid != 0 {
		s.t.Errorf("an engine is left: process %d", pid)
	}
	if list, err := os.ReadDir(s.temp); err != nil || len(list) > 0 {
		s.t.Errorf("temporary files are left: %v, %v", list, err)
	}
	if _, err := os.Stat(s.Path("htdocs/.maintenance")); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("WordPress is still in maintenance: %v", err)
	}
	if got, err := s.Server.SQL(context.Background(), s.DB, "SHOW TABLES LIKE '\\_upkeep\\_%'"); err != nil || got != "" {
		s.t.Errorf("tables of Upkeep's are left: %s, %v", got, err)
	}
	err := filepath.WalkDir(s.state, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.Contains(d.Name(), "inhibit") || slices.Contains([]string{".new", ".tmp", ".part"}, filepath.Ext(d.Name()))) {
			s.t.Errorf("it is left: %s", path)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// wordPrint is "exactly as it was": all files of the site, all data.
type wordPrint struct {
	Files map[string]string
	Data  []string
	Pids  int
}

// counters are part of the content, but for the table of options: WordPress
// itself adds and removes rows of short life there at any question.
var counter = regexp.MustCompile(` AUTO_INCREMENT=[0-9]+`)

func (s *wordSite) print() wordPrint {
	s.t.Helper()
	f := wordPrint{Files: map[string]string{}}
	err := filepath.WalkDir(s.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.Root, path)
		if err != nil {
			return err
		}
		switch {
		case name == "upkeep", name == "run":
			return filepath.SkipDir
		case name == "installation.yaml":
			return nil
		}
		f.Files[name], err = describe(path)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	dump, err := s.Dump(context.Background(), "--ignore-table="+s.DB+"."+s.Prefix+"options")
	if err != nil {
		s.t.Fatal(err)
	}
	options, err := s.Server.SQL(context.Background(), s.DB, fmt.Sprintf("SHOW CREATE TABLE %[1]soptions; SELECT option_name, option_value, autoload FROM %[1]soptions WHERE option_name NOT LIKE '%%\\_transient\\_%%' ORDER BY option_name", s.Prefix))
	if err != nil {
		s.t.Fatal(err)
	}
	f.Data = strings.Split(dump+counter.ReplaceAllString(options, ""), "\n")
	pids, err := s.Running()
	if err != nil {
		s.t.Fatal(err)
	}
	f.Pids = len(pids)
	return f
}

func (s *wordSite) same(before wordPrint) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.print()); diff != "" {
		s.t.Errorf("not exactly as it was (-before +after):\n%.6000s", diff)
	}
}

// morning is same after upkeep back, which keeps the tree of the newer version
// beside the one in use for as long as its restore point.
func (s *wordSite) morning(before wordPrint) {
	s.t.Helper()
	after := s.print()
	maps.DeleteFunc(after.Files, func(name, _ string) bool { return strings.HasPrefix(name, ".htdocs.upkeep") })
	if diff := cmp.Diff(before, after); diff != "" {
		s.t.Errorf("not exactly as it was (-before +after):\n%.6000s", diff)
	}
	s.nothingLeft()
}

// back fails the test unless all is exactly as it was, and runs.
func (s *wordSite) back(before wordPrint) {
	s.t.Helper()
	s.same(before)
	s.is(s.w.Old)
	s.nothingLeft()
	s.journalIsSound(run.ResultOld)
}
