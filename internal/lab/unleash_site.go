package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// UnleashSite is an installed Unleash with a database of its own: program
// files in Root/app, settings and secrets beside them, run under an account
// without rights.
type UnleashSite struct {
	Root    string
	PG      *PG
	DB      string
	Port    int
	URL     string
	Node    string
	Account Account

	reaper *Reaper
}

// How long an Unleash may take, on a machine with other work.
const (
	unleashReady = 90 * time.Second
	unleashGone  = 30 * time.Second
)

// InstallUnleash installs a release and starts it: with an empty database,
// which it fills, or with a copy of another to which nobody is connected. Its
// folder is made below base; empty: where temporary files go.
func InstallUnleash(ctx context.Context, pg *PG, r *UnleashRelease, db, base string) (_ *UnleashSite, err error) {
	root, err := openDirIn(base)
	if err != nil {
		return nil, err
	}
	s := &UnleashSite{Root: root, PG: pg}
	if s.reaper, err = ReapWorkers(root); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Node, err = Node(); err != nil {
		return nil, err
	}
	if s.Account, err = Unprivileged(); err != nil {
		return nil, err
	}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	s.URL, s.DB = "http://127.0.0.1:"+strconv.Itoa(s.Port), "unleash_"+strconv.Itoa(s.Port)
	if err := copyTree(ctx, r.Dir, s.Path("app")); err != nil {
		return nil, err
	}
	conf, err := json.Marshal(map[string]any{"databaseUrl": pg.DSN(s.DB), "host": "127.0.0.1", "port": s.Port})
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"unleash.json": string(conf), "database-url": pg.DSN(s.DB)} {
		if err := os.WriteFile(s.Path(name), []byte(text+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("cannot write Unleash's settings: %w", err)
		}
	}
	if err := s.Account.Own(s.Path("unleash.json")); err != nil {
		return nil, err
	}
	if db != "" {
		err = pg.CopyDB(ctx, db, s.DB)
	} else {
		err = pg.CreateDB(ctx, s.DB)
	}
	if err != nil {
		return nil, err
	}
	return s, s.Start(ctx)
}

// Path gives a file of the site.
func (s *UnleashSite) Path(name string) string { return filepath.Join(s.Root, name) }

// Start starts the installed program, writes its pid file, and waits until it
// answers well.
func (s *UnleashSite) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.Path("unleash.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open Unleash's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(s.Node, s.Path("app/run.js"), s.Path("unleash.json"))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Root, []string{"PATH=/usr/bin:/bin"}, log, log
	s.Account.apply(cmd, true)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start Unleash: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // lest it stays as a zombie
	if err := os.WriteFile(s.Path("unleash.pid"), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		return fmt.Errorf("cannot write Unleash's pid file: %w", err)
	}
	ready, cancel := context.WithTimeout(ctx, unleashReady)
	defer cancel()
	poll := Poll(s.Health())
	defer poll.Stop()
	good := make(chan error, 1)
	go func() { good <- poll.AwaitGood(ready) }()
	select {
	case err := <-ended:
		text, _ := os.ReadFile(s.Path("unleash.log")) // only to say more
		return fmt.Errorf("cannot start Unleash: it ended before it answered (%v):\n%s", err, text[max(0, len(text)-4000):])
	case err := <-good:
		return err
	}
}

// Health gives the page that a user's poller asks for, and what it must show.
func (s *UnleashSite) Health() (url, match string) { return s.URL + "/health", "GOOD" }

// Running lists the processes that work for the site.
func (s *UnleashSite) Running() ([]int, error) { return s.reaper.Processes() }

// Stop ends the program with SIGTERM, whoever started it, and waits for it.
func (s *UnleashSite) Stop() error {
	pids, err := s.Running()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := terminate(pid); err != nil && alive(pid) {
			return fmt.Errorf("cannot stop Unleash (pid %d): %w", pid, err)
		}
	}
	for end := time.Now().Add(unleashGone); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if pids, err = s.Running(); err != nil || len(pids) == 0 {
			return err
		}
	}
	return fmt.Errorf("cannot stop Unleash: %v are still there %v after SIGTERM", pids, unleashGone)
}

// Close ends what works for the site and removes it, its database included.
func (s *UnleashSite) Close() error {
	err := s.reaper.Close()
	ctx, cancel := timeout(20 * time.Second)
	defer cancel()
	return errors.Join(err, s.PG.DropDB(ctx, s.DB))
}

// Migrations counts the migrations of the site's database.
func (s *UnleashSite) Migrations(ctx context.Context) (string, error) {
	return s.PG.Psql(ctx, s.DB, "SELECT count(*) FROM migrations")
}

// Installed gives the version of the files.
func (s *UnleashSite) Installed() (string, error) {
	text, err := os.ReadFile(s.Path("app/node_modules/unleash-server/package.json"))
	if err != nil {
		return "", fmt.Errorf("cannot tell which Unleash is installed: %w", err)
	}
	var p struct{ Version string }
	if err := json.Unmarshal(text, &p); err != nil {
		return "", fmt.Errorf("cannot tell which Unleash is installed: %w", err)
	}
	return p.Version, nil
}

// The tables that make a migration of each hop fail half way: it wants to
// create them itself.
const (
	UnleashClash1 = "login_history"  // 4.19.5 to 5.12.8
	UnleashClash2 = "used_passwords" // 5.12.8 to 6.10.1
)

// Sabotage makes a later migration fail: 5.12.8 then ends with 164 of 276 of
// them done, or 6.10.1 with 282 of 332.
func (s *UnleashSite) Sabotage(ctx context.Context, table string) error {
	_, err := s.PG.Psql(ctx, s.DB, "CREATE TABLE "+table+" (id int)")
	return err
}

// Repair takes the sabotage away.
func (s *UnleashSite) Repair(ctx context.Context, table string) error {
	_, err := s.PG.Psql(ctx, s.DB, "DROP TABLE "+table)
	return err
}

// Document writes the installation document of the site, which is the one of
// examples/unleash with the site's own values, and gives its path.
func (s *UnleashSite) Document() (string, error) {
	dir, err := exampleDir("unleash")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, "installation.yaml"))
	if err != nil {
		return "", fmt.Errorf("cannot read the example: %w", err)
	}
	doc := string(text)
	for _, pair := range [][2]string{{"/srv/unleash", s.Root}, {"http://127.0.0.1:4242", s.URL}, {"account: nobody", "account: " + s.Account.Name},
		{"node: /usr/bin/node", "node: " + s.Node}, {"id: unleash,", "id: unleash-" + strconv.Itoa(s.Port) + ","}} {
		if !strings.Contains(doc, pair[0]) {
			return "", fmt.Errorf("cannot use the example of Unleash: it no longer says %s", pair[0])
		}
		doc = strings.ReplaceAll(doc, pair[0], pair[1])
	}
	path := s.Path("installation.yaml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the installation document: %w", err)
	}
	return path, nil
}
