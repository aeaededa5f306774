package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/lab"
)

// miniLab is what every test with Miniflux shares: both releases, a PostgreSQL,
// a database full of data to copy, and the bundle. It lives as long as the
// test process: the lab's watchers clear it away when that ends.
type miniLab struct {
	pg                   *lab.PG
	from, to             *lab.MinifluxRelease
	oldSchema, newSchema int
	dir, bundle          string
	full                 string      // database with data of the old version; nobody is connected
	want                 lab.Content // what is in it
	reaper               *lab.Reaper // held: were it collected, its watcher would act
}

// miniOnce is the one lab of a test process; it is never replaced.
var miniOnce = sync.OnceValues(startMini)

// miniflux gives the shared lab. Its tests are slow ones, and need root for
// the gate and for services under an account of their own.
func miniflux(t testing.TB) *miniLab {
	t.Helper()
	lab.Slow(t)
	lab.Root(t)
	m, err := miniOnce()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func startMini() (_ *miniLab, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	m := &miniLab{}
	if m.dir, m.reaper, err = miniDir(); err != nil {
		return nil, err
	}
	if m.from, m.to, err = lab.MinifluxPair(ctx, m.dir); err != nil {
		return nil, err
	}
	if m.pg, err = lab.StartPG(ctx, lab.PGOptions{}); err != nil {
		return nil, err
	}
	if m.oldSchema, err = m.from.Schema(ctx, m.pg); err != nil {
		return nil, err
	}
	if m.newSchema, err = m.to.Schema(ctx, m.pg); err != nil {
		return nil, err
	}
	if err := lab.MinifluxSource(ctx, filepath.Join(m.dir, "src"), m.from, m.to, m.newSchema); err != nil {
		return nil, err
	}
	return m, m.fill(ctx)
}

// miniDir makes a folder that goes with the test process, and that every
// account may enter.
func miniDir() (string, *lab.Reaper, error) {
	dir, err := os.MkdirTemp("", "upkeep-lab-e2e-")
	if err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, err
	}
	r, err := lab.Reap(dir)
	return dir, r, err
}

// fill makes the database that the sites are copies of.
func (m *miniLab) fill(ctx context.Context) (err error) {
	s, err := lab.InstallMiniflux(ctx, m.pg, m.from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if m.want, err = s.Seed(ctx, 3, 40); err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return err
	}
	m.full = "full"
	return m.pg.CopyDB(ctx, s.DB, m.full)
}

// built builds the bundle with the binary under test, once.
func (m *miniLab) built(t testing.TB) string {
	t.Helper()
	if m.bundle == "" {
		dest := filepath.Join(m.dir, "miniflux-"+m.to.Version+".tar.zst")
		if out, err := exec.Command(lab.Build(t), "vendor", "build", filepath.Join(m.dir, "src"), "-o", dest).CombinedOutput(); err != nil {
			t.Fatalf("vendor build: %v\n%s", err, out)
		}
		m.bundle = dest
	}
	return m.bundle
}

// miniSite is an old Miniflux that runs with data, and its installation
// document.
type miniSite struct {
	*lab.MinifluxSite
	upkeep
	m      *miniLab
	bundle string
	id     string // of the installation; it names the gate too
	want   lab.Content
}

// upkeep is the binary under test with an installation document and what the
// caller keeps.
type upkeep struct {
	t        testing.TB
	bin      string
	document string
	state    string              // Upkeep's folder
	cache    string              // the caller's caches: plans that were shown
	temp     string              // the caller's temporary files
	user     *syscall.Credential // under whom commands run; nil: the test's own
	env      []string            // further environment of the commands
	limit    time.Duration       // how long any one command may take; 0: miniLimit
	shows    *atomic.Int64       // pid of the command under way, for whoever wants to know
}

// site installs the old version with the lab's data; it goes with the test.
func (m *miniLab) site(t testing.TB) *miniSite {
	t.Helper()
	inner, err := lab.CopyOf(t.Context(), m.pg, m.from, m.full)
	if err != nil {
		t.Fatal(err)
	}
	s := &miniSite{MinifluxSite: inner, upkeep: upkeep{t: t, bin: lab.Build(t), state: inner.Path("upkeep"), cache: t.TempDir(), temp: t.TempDir()},
		m: m, bundle: m.built(t), want: m.want}
	t.Cleanup(func() {
		s.endEngine()
		if err := inner.Close(); err != nil {
			t.Errorf("cannot clear Miniflux away: %v", err)
		}
	})
	s.id = "miniflux-" + strconv.Itoa(inner.Port)
	if s.document, err = inner.Document(); err != nil {
		t.Fatal(err)
	}
	// Gates are named by installations, and tests may run side by side.
	s.edit("id: miniflux,", "id: "+s.id+",")
	return s
}

// edit changes the installation document.
func (s *upkeep) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.document)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("the installation document does not say %q:\n%s", old, text)
	}
	if err := os.WriteFile(s.document, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\n%s%s", r.code, r.out, r.err)
}

// command is the binary, called for the site.
func (s *upkeep) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, append(args, "--installation", s.document)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.cache, "XDG_CACHE_HOME=" + s.cache, "TMPDIR=" + s.temp, "LANG=C.UTF-8"}
	cmd.Env = append(cmd.Env, s.env...)
	cmd.Dir = "/"
	if s.user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	}
	return cmd
}

// limit is how long any one command may take.
const miniLimit = 2 * time.Minute

// up gives a command of Upkeep and waits for its end.
func (s *upkeep) up(args ...string) result {
	s.t.Helper()
	return s.answer("", args...)
}

// answer is up with something typed in.
func (s *upkeep) answer(typed string, args ...string) result {
	s.t.Helper()
	cmd := s.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(typed), &out, &errs
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	if s.shows != nil {
		s.shows.Store(int64(cmd.Process.Pid))
	}
	return s.wait(cmd, &out, &errs)
}

// wait waits for a command that was started, and ends it after the limit.
func (s *upkeep) wait(cmd *exec.Cmd, out, errs *bytes.Buffer) result {
	s.t.Helper()
	limit := cmp.Or(s.limit, miniLimit)
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		s.t.Fatalf("%s did not end within %v\n%s%s\n%s", strings.Join(cmd.Args[1:], " "), limit, out, errs, s.runLog())
	}
	var code *exec.ExitError
	if err != nil && !errors.As(err, &code) {
		s.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must is up, and the test ends when the code is another one.
func (s *upkeep) must(code int, args ...string) result {
	s.t.Helper()
	r := s.up(args...)
	if r.code != code {
		s.t.Fatalf("upkeep %s: want exit %d, got %v\n%s", strings.Join(args, " "), code, r, s.runLog())
	}
	return r
}

// upgrade is the ordinary upgrade.
func (s *miniSite) upgrade() []string { return []string{"upgrade", "--yes", "--from", s.bundle} }
