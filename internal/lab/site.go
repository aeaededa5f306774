package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// MinifluxSite is an installed Miniflux with a database of its own, as a plain
// administrator would have set it up: program files in Root/app, settings and
// secrets beside them, run under an account without rights.
type MinifluxSite struct {
	Root    string
	PG      *PG
	DB      string
	Port    int
	URL     string
	Account Account
	// The product's administrator, for its API.
	Admin, Password string

	reaper *Reaper
}

// The files of a site, in its Root.
const (
	SiteApp         = "app"                // what an upgrade replaces
	SiteConf        = "miniflux.conf"      // the product's settings, with the database's address
	SiteDatabaseURL = "database-url"       // the database's address, for the one who backs it up
	SiteAPIKey      = "api-key"            // for the product's API, what its settings page makes
	SitePIDFile     = "miniflux.pid"       // written by Start
	SiteLog         = "miniflux.log"       // of the service that Start started
	adminName       = "admin"              // must not be changed once the database is filled
	pageText        = "OK"                 // what the health page shows
	healthPage      = "/healthcheck"       // the only one that 2.2 and 2.3 share
	siteReady       = 60 * time.Second     // from start to the first good answer, at most
	siteGone        = 30 * time.Second     // from SIGTERM to the end, at most
	adminPassword   = "lab-admin-password" // long enough for the product's own rule
	apiKey          = "lab-api-key-0001"   // in the database, so the same for all copies of one
)

// InstallMiniflux installs a release from nothing: files, settings, database
// and the product's administrator. Afterwards it runs.
func InstallMiniflux(ctx context.Context, pg *PG, r *MinifluxRelease) (*MinifluxSite, error) {
	return installMiniflux(ctx, pg, r, "")
}

// CopyOf installs the release with a copy of a database that another site of
// the same release has filled, to which nobody may be connected.
func CopyOf(ctx context.Context, pg *PG, r *MinifluxRelease, db string) (*MinifluxSite, error) {
	return installMiniflux(ctx, pg, r, db)
}

func installMiniflux(ctx context.Context, pg *PG, r *MinifluxRelease, db string) (_ *MinifluxSite, err error) {
	root, err := openDir()
	if err != nil {
		return nil, err
	}
	s := &MinifluxSite{Root: root, PG: pg, Admin: adminName, Password: adminPassword}
	if s.reaper, err = Reap(root); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Account, err = Unprivileged(); err != nil {
		return nil, err
	}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	s.URL = "http://127.0.0.1:" + strconv.Itoa(s.Port)
	s.DB = "miniflux_" + strconv.Itoa(s.Port)
	if err := s.lay(ctx, r); err != nil {
		return nil, err
	}
	if db != "" {
		if err := pg.CopyDB(ctx, db, s.DB); err != nil {
			return nil, err
		}
		return s, s.start(ctx)
	}
	if err := pg.CreateDB(ctx, s.DB); err != nil {
		return nil, err
	}
	if out, err := s.command("-migrate").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot set the database of Miniflux %s up: %w\n%s", r.Version, err, out)
	}
	if err := s.start(ctx, "CREATE_ADMIN=1", "ADMIN_USERNAME="+s.Admin, "ADMIN_PASSWORD="+s.Password); err != nil {
		return s, err
	}
	_, err = pg.Psql(ctx, s.DB, fmt.Sprintf("INSERT INTO api_keys (user_id, token, description) SELECT id, '%s', 'upgrades' FROM users WHERE username = '%s'", apiKey, s.Admin))
	return s, err
}

func (s *MinifluxSite) lay(ctx context.Context, r *MinifluxRelease) error {
	if err := copyTree(ctx, r.Dir, s.Path(SiteApp)); err != nil {
		return err
	}
	// Feeds of the lab come from loopback, which 2.3 refuses unless told so; 2.2
	// does not know the option and passes over it.
	conf := fmt.Sprintf("DATABASE_URL=%s\nLISTEN_ADDR=127.0.0.1:%d\nFETCHER_ALLOW_PRIVATE_NETWORKS=1\n", s.PG.DSN(s.DB), s.Port)
	if err := os.WriteFile(s.Path(SiteConf), []byte(conf), 0o600); err != nil {
		return fmt.Errorf("cannot write Miniflux's settings: %w", err)
	}
	if err := s.Account.Own(s.Path(SiteConf)); err != nil {
		return err
	}
	for name, secret := range map[string]string{SiteDatabaseURL: s.PG.DSN(s.DB), SiteAPIKey: apiKey} {
		if err := os.WriteFile(s.Path(name), []byte(secret+"\n"), 0o600); err != nil {
			return fmt.Errorf("cannot write a secret for the site: %w", err)
		}
	}
	return nil
}

func copyTree(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot copy %s: %w\n%s", from, err, out)
	}
	return nil
}

// Path gives a file of the site.
func (s *MinifluxSite) Path(name string) string { return filepath.Join(s.Root, name) }

// command runs the installed program with the site's settings and account.
func (s *MinifluxSite) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.Path("app/usr/bin/miniflux"), append([]string{"-c", s.Path(SiteConf)}, args...)...)
	cmd.Dir = s.Root
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	s.Account.apply(cmd, true)
	return cmd
}

// Start starts the installed program, writes its pid file, and waits until it
// answers well.
func (s *MinifluxSite) Start(ctx context.Context) error { return s.start(ctx) }

func (s *MinifluxSite) start(ctx context.Context, env ...string) error {
	log, err := os.OpenFile(s.Path(SiteLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open Miniflux's log: %w", err)
	}
	defer log.Close()
	cmd := s.command()
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start Miniflux: %w", err)
	}
	ended := make(chan error, 1)
	// Waited for, lest it stays as a zombie when somebody else ends it.
	go func() { ended <- cmd.Wait() }()
	pid := strconv.Itoa(cmd.Process.Pid) + "\n"
	if err := os.WriteFile(s.Path(SitePIDFile), []byte(pid), 0o644); err != nil {
		return fmt.Errorf("cannot write Miniflux's pid file: %w", err)
	}
	ready, cancel := context.WithTimeout(ctx, siteReady)
	defer cancel()
	poll := Poll(s.Health())
	defer poll.Stop()
	good := make(chan error, 1)
	go func() { good <- poll.AwaitGood(ready) }()
	select {
	case err := <-ended:
		text, _ := os.ReadFile(s.Path(SiteLog)) // only to say more
		return fmt.Errorf("cannot start Miniflux: it ended at once (%v):\n%s", err, text)
	case err := <-good:
		return err
	}
}

// Health gives the page that a user's poller asks for, and what it must show.
func (s *MinifluxSite) Health() (url, match string) { return s.URL + healthPage, pageText }

// Running lists the processes that run the site's program.
func (s *MinifluxSite) Running() ([]int, error) { return s.reaper.Processes() }

// Stop ends the program with SIGTERM, whoever started it, and waits for it.
func (s *MinifluxSite) Stop() error {
	pids, err := s.Running()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := terminate(pid); err != nil && alive(pid) {
			return fmt.Errorf("cannot stop Miniflux (pid %d): %w", pid, err)
		}
	}
	for end := time.Now().Add(siteGone); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if pids, err = s.Running(); err != nil || len(pids) == 0 {
			return err
		}
	}
	return fmt.Errorf("cannot stop Miniflux: %v are still there %v after SIGTERM", pids, siteGone)
}

// Close ends what runs from the site and removes it, its database included.
func (s *MinifluxSite) Close() error {
	err := s.reaper.Close()
	ctx, cancel := timeout(20 * time.Second)
	defer cancel()
	return errors.Join(err, s.PG.DropDB(ctx, s.DB))
}

// SchemaVersion reads the version of the site's database.
func (s *MinifluxSite) SchemaVersion(ctx context.Context) (int, error) {
	return schemaVersion(ctx, s.PG, s.DB)
}

// InstalledVersion asks the installed program, whether or not it runs.
func (s *MinifluxSite) InstalledVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, s.Path("app/usr/bin/miniflux"), "-version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask the installed Miniflux for its version: %w%s", err, stderr(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// Sabotage makes the migration from 2.2 to 2.3 fail half way, by a column that
// its step to schema 115 adds: afterwards steps up to 114 are done, each in a
// transaction of its own, and the program refuses to start.
func (s *MinifluxSite) Sabotage(ctx context.Context) error {
	_, err := s.PG.Psql(ctx, s.DB, "ALTER TABLE integrations ADD COLUMN linktaco_enabled bool")
	return err
}

// Repair takes the sabotage away.
func (s *MinifluxSite) Repair(ctx context.Context) error {
	_, err := s.PG.Psql(ctx, s.DB, "ALTER TABLE integrations DROP COLUMN linktaco_enabled")
	return err
}

// MinifluxAt installs a release for a test; it is cleared away with the test.
func MinifluxAt(t testing.TB, pg *PG, r *MinifluxRelease) *MinifluxSite {
	t.Helper()
	s, err := InstallMiniflux(t.Context(), pg, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("cannot clear Miniflux away: %v", err)
		}
	})
	return s
}
