package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// WordPressSite is an installed WordPress with a database, a web server and a
// PHP of its own, all under an account without rights: files in Root/htdocs,
// settings beside them, what changes by nature in Root/run.
type WordPressSite struct {
	Root    string
	DB      string
	Prefix  string // of its tables
	Port    int
	URL     string
	Account Account
	Server  *MariaDB

	user, password string // of its database
	reaper         *Reaper
}

// WordPressKept is what a site leaves behind for others to be made of: its
// tree, and its database as a dump.
type WordPressKept struct{ Tree, Dump string }

const (
	wordPressReady = 2 * time.Minute
	wordPressGone  = 30 * time.Second
	wordPressAdmin = "lab"
	wordPressPass  = "lab-administrator-0001"
)

// InstallWordPress installs a release with an empty database, through its own
// pages, or as a copy of what another site has kept. Afterwards it runs. Its
// folder is made below base; empty: where temporary files go.
func InstallWordPress(ctx context.Context, m *MariaDB, r *WordPressRelease, kept *WordPressKept, base string) (_ *WordPressSite, err error) {
	root, err := openDirIn(base)
	if err != nil {
		return nil, err
	}
	s := &WordPressSite{Root: root, Server: m, Prefix: "blog_"}
	if s.reaper, err = ReapWorkers(root); err != nil {
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
	var secret [8]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	s.URL, s.DB, s.password = "http://127.0.0.1:"+strconv.Itoa(s.Port), "wordpress_"+strconv.Itoa(s.Port), "pw-"+hex.EncodeToString(secret[:])
	s.user = s.DB
	if _, err := m.SQL(ctx, "", fmt.Sprintf("CREATE DATABASE %[1]s CHARACTER SET utf8mb4; CREATE USER %[1]s@'%%' IDENTIFIED BY '%[2]s'; GRANT ALL ON %[1]s.* TO %[1]s@'%%'", s.DB, s.password)); err != nil {
		return nil, err
	}
	tree := r.Dir
	if kept != nil {
		tree = kept.Tree
		dump, err := os.ReadFile(kept.Dump)
		if err != nil {
			return nil, fmt.Errorf("cannot read what a site has kept: %w", err)
		}
		if _, err := m.SQL(ctx, s.DB, string(dump)); err != nil {
			return nil, err
		}
	}
	if err := s.lay(ctx, tree); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	if kept == nil {
		return s, s.install(ctx)
	}
	return s, s.answers(ctx)
}

// lay puts files and settings in place.
func (s *WordPressSite) lay(ctx context.Context, tree string) error {
	if err := copyTree(ctx, tree, s.Path("htdocs")); err != nil {
		return err
	}
	if err := s.Configure(s.user, s.password); err != nil {
		return err
	}
	texts := map[string]string{"database-url": fmt.Sprintf("mariadb://%s:%s@127.0.0.1:%d/%s\n", s.user, s.password, s.Server.Port, s.DB)}
	for _, name := range []string{"nginx.conf", "php-fpm.conf"} {
		dir, err := exampleDir("wordpress", "server")
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("cannot read the example: %w", err)
		}
		texts[name] = strings.NewReplacer("/srv/wordpress", s.Root, "127.0.0.1:8080", "127.0.0.1:"+strconv.Itoa(s.Port)).Replace(string(text))
	}
	for name, text := range texts {
		if err := os.WriteFile(s.Path(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("cannot write the site's settings: %w", err)
		}
	}
	for _, dir := range []string{"run", "htdocs/wp-content/uploads"} {
		if err := os.MkdirAll(s.Path(dir), 0o755); err != nil {
			return fmt.Errorf("cannot make the site's folders: %w", err)
		}
	}
	for _, name := range []string{"run", "htdocs/wp-content/uploads", "nginx.conf", "php-fpm.conf"} {
		if err := s.Account.Own(s.Path(name)); err != nil {
			return err
		}
	}
	return nil
}

// Configure writes wp-config.php, for that account of the database.
func (s *WordPressSite) Configure(user, password string) error {
	text := fmt.Sprintf(`<?php
define('DB_NAME', '%s');
define('DB_USER', '%s');
define('DB_PASSWORD', '%s');
define('DB_HOST', '127.0.0.1:%d');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', '%s');
define('WP_SITEURL', '%[5]s');
// nothing by itself, and nothing from outside
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
$table_prefix = '%s';
`, s.DB, user, password, s.Server.Port, s.URL, s.Prefix)
	for _, name := range []string{"AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"} {
		text += fmt.Sprintf("define('%s_KEY', 'lab-%[1]s-key');\ndefine('%[1]s_SALT', 'lab-%[1]s-salt');\n", name)
	}
	text += "if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');\nrequire_once ABSPATH . 'wp-settings.php';\n"
	if err := os.WriteFile(s.Path("htdocs/wp-config.php"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot write wp-config.php: %w", err)
	}
	return s.Account.Own(s.Path("htdocs/wp-config.php"))
}

// Path gives a file of the site.
func (s *WordPressSite) Path(name string) string { return filepath.Join(s.Root, name) }

// install fills the database as a person does in the browser.
func (s *WordPressSite) install(ctx context.Context) error {
	form := url.Values{"weblog_title": {"Lab"}, "user_name": {wordPressAdmin}, "admin_password": {wordPressPass}, "admin_password2": {wordPressPass},
		"pw_weak": {"on"}, "admin_email": {"lab@example.org"}, "blog_public": {"0"}, "language": {""}}
	body, err := s.ask(ctx, http.MethodPost, "/wp-admin/install.php?step=2", "application/x-www-form-urlencoded", form.Encode())
	if err != nil {
		return err
	}
	if !strings.Contains(body, "Success!") {
		return fmt.Errorf("cannot install WordPress: it says %.2000s", body)
	}
	return s.answers(ctx)
}

// Start starts PHP and the web server, and waits until they listen.
func (s *WordPressSite) Start(ctx context.Context) error {
	fpm, err := FPM()
	if err != nil {
		return err
	}
	if err := s.start(ctx, "run/php.sock", fpm, "--nodaemonize", "--fpm-config", s.Path("php-fpm.conf")); err != nil {
		return err
	}
	return s.start(ctx, "run/nginx.pid", "/usr/sbin/nginx", "-e", s.Path("run/nginx.log"), "-c", s.Path("nginx.conf"))
}

// FPM gives PHP's program for web servers.
func FPM() (string, error) {
	found, err := filepath.Glob("/usr/sbin/php-fpm[0-9]*")
	if err != nil || len(found) == 0 {
		return "", errors.New("cannot find php-fpm: run scripts/setup-debian.sh")
	}
	return found[len(found)-1], nil
}

// start starts a program and waits until it has made a file.
func (s *WordPressSite) start(ctx context.Context, sign, program string, args ...string) error {
	log, err := os.OpenFile(s.Path("run/start.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open the log of %s: %w", program, err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Root, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, log, log
	s.Account.apply(cmd, true)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", program, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // lest it stays as a zombie
	for end := time.Now().Add(wordPressReady); time.Now().Before(end); {
		if _, err := os.Stat(s.Path(sign)); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(log.Name()) // only to say more
			return fmt.Errorf("cannot start %s: it ended at once (%v):\n%s", program, err, text)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("cannot start %s: no %s after %v", program, sign, wordPressReady)
}

// answers waits until the product answers well, each time as long as it takes on
// a machine with other work.
func (s *WordPressSite) answers(ctx context.Context) error {
	for end := time.Now().Add(wordPressReady); ; {
		body, err := s.ask(ctx, http.MethodGet, "/?rest_route=/wp/v2/types/post", "", "")
		if err == nil && strings.Contains(body, `"slug":"post"`) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("cannot see WordPress answer well within %v (%w): %.500s", wordPressReady, err, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Running lists the processes that work for the site.
func (s *WordPressSite) Running() ([]int, error) { return s.reaper.Processes() }

// Stop ends the programs with SIGTERM, whoever started them, and waits for them.
func (s *WordPressSite) Stop() error {
	for end := time.Now().Add(wordPressGone); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		pids, err := s.Running()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			_ = terminate(pid) // one that ended since it was listed is no failure
		}
	}
	return fmt.Errorf("cannot stop WordPress: something is still there %v after SIGTERM", wordPressGone)
}

// Close ends what works for the site and removes it, its database included.
func (s *WordPressSite) Close() error {
	err := s.reaper.Close()
	ctx, cancel := timeout(20 * time.Second)
	defer cancel()
	_, dropped := s.Server.SQL(ctx, "", fmt.Sprintf("DROP DATABASE IF EXISTS %[1]s; DROP USER IF EXISTS %[1]s@'%%'", s.DB))
	return errors.Join(err, dropped)
}

// Keep stops the site and keeps what it is made of in a folder.
func (s *WordPressSite) Keep(ctx context.Context, dir string) (*WordPressKept, error) {
	if err := s.Stop(); err != nil {
		return nil, err
	}
	k := &WordPressKept{Tree: filepath.Join(dir, "htdocs"), Dump: filepath.Join(dir, "dump.sql")}
	if err := copyTree(ctx, s.Path("htdocs"), k.Tree); err != nil {
		return nil, err
	}
	dump, err := s.Dump(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(k.Dump, []byte(dump), 0o600); err != nil {
		return nil, fmt.Errorf("cannot keep the site's database: %w", err)
	}
	return k, nil
}

// Dump gives the site's database in the words of MariaDB's own program.
func (s *WordPressSite) Dump(ctx context.Context, more ...string) (string, error) {
	args := append([]string{"--no-defaults", "--socket=" + s.Server.Socket, "--user=" + s.Server.User, "--skip-dump-date", "--order-by-primary", "--skip-extended-insert", "--routines", "--triggers"}, more...)
	cmd := exec.CommandContext(ctx, "mariadb-dump", append(args, s.DB)...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+s.Server.Password)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot dump %s: %w%s", s.DB, err, stderr(err))
	}
	return string(out), nil
}

// Document writes the installation document of the site, which is the one of
// examples/wordpress with the site's own values, and gives its path.
func (s *WordPressSite) Document() (string, error) {
	dir, err := exampleDir("wordpress")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, "installation.yaml"))
	if err != nil {
		return "", fmt.Errorf("cannot read the example: %w", err)
	}
	fpm, err := FPM()
	if err != nil {
		return "", err
	}
	doc, err := replaceAll(string(text), map[string]string{"/srv/wordpress": s.Root, "http://127.0.0.1:8080": s.URL, "account: nobody": "account: " + s.Account.Name,
		"/usr/sbin/php-fpm8.2": fpm, "id: wordpress,": "id: wordpress-" + strconv.Itoa(s.Port) + ","})
	if err != nil {
		return "", err
	}
	path := s.Path("installation.yaml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the installation document: %w", err)
	}
	return path, nil
}
