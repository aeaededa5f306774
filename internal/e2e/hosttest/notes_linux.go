package hosttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/demo"
	"upkeep/internal/durable"
	"upkeep/internal/lab/host"
)

// What the units of the sample product run, and a second service that needs
// the first and starts again whatever ends it.
const (
	webUnit = `[Unit]
Description=Notes
[Service]
User=nobody
ExecStart=/opt/notes/runtime demo serve --tree /srv/notes/app --data /srv/notes/data --listen 127.0.0.1:8090
[Install]
WantedBy=multi-user.target
`
	workerUnit = `[Unit]
Description=Notes' worker
Requires=notes-web.service
After=notes-web.service
[Service]
User=nobody
ExecStartPre=/bin/sh -c 'test ! -e /etc/notes-worker.broken || ! grep -q ^3 /srv/notes/app/VERSION'
ExecStart=/bin/sh -c 'while :; do sqlite3 -readonly /srv/notes/data/notes.db "SELECT count(*) FROM notes" >/dev/null; sleep 1; done'
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`
)

// services of the sample product, as systemd runs them.
const notesServices = `services:
  - {id: web, names: [notes-web], as: "${param.account}", ports: ["${param.port}"], ready: {http: "http://127.0.0.1:${param.port}/health"}}
  - {id: worker, names: [notes-worker], as: "${param.account}"}
`

// Notes makes a machine with the sample product of Upkeep in version 1.0, its
// two services run by systemd. Its upgrade goes to 3.0 over 2.0.
func Notes(t testing.TB) *Product {
	t.Helper()
	h := host.New(t, host.Options{Name: "notes"})
	dir := t.TempDir()
	bin := host.Upkeep(t)
	must(t, notesBundles(dir, bin))
	h.Put(t, bin, "/usr/local/bin/upkeep")
	h.Put(t, bin, "/opt/notes/runtime")
	h.Put(t, filepath.Join(dir, "releases"), "/srv/releases")
	at := filepath.Join(dir, "notes")
	document, err := demo.Install(context.Background(), durable.OS().Unsynced(), demo.InstallOptions{Dir: at, Runtime: "/opt/notes/runtime", Port: 8090, Account: "nobody"})
	must(t, err)
	text, err := os.ReadFile(document)
	must(t, err)
	h.Put(t, at, "/srv/notes")
	h.Write(t, "/srv/notes/installation.yaml", strings.ReplaceAll(string(text), at, "/srv/notes"), 0o644)
	h.Write(t, "/etc/systemd/system/notes-web.service", webUnit, 0o644)
	h.Write(t, "/etc/systemd/system/notes-worker.service", workerUnit, 0o644)
	h.Boot(t)
	shell(t, h, `chmod 755 /opt/notes /srv/notes
systemctl daemon-reload
systemctl enable --now notes-web notes-worker
upkeep setup-host
sync`)
	visitor(t, h, "http://127.0.0.1:8090/version")
	h.Shutdown(t)
	return &Product{
		Name: "notes", Old: "1.0", New: "3.0", Machine: h, State: "/srv/notes/upkeep",
		Upgrade:  []string{"upkeep", "upgrade", "--yes", "--installation", "/srv/notes/installation.yaml", "--from", "/srv/releases", "--to", "3.0"},
		Sabotage: func(t testing.TB, h *host.Host) { h.Write(t, "/etc/notes-worker.broken", "", 0o644) },
		Describe: func(t testing.TB, h *host.Host) string {
			return notesSettled(t, h) + units(t, h, "notes-web", "notes-worker") + left(t, h) + shell(t, h, "sqlite3 -readonly /srv/notes/data/notes.db .dump; curl -sS http://127.0.0.1:8090/version")
		},
		IsNew: notesAreNew,
		Skip:  func(path string) bool { return strings.HasPrefix(path, "/srv/notes/data/notes.db") },
	}
}

// notesBundles builds the releases that the product is upgraded to.
func notesBundles(dir, bin string) error {
	sources := filepath.Join(dir, "sources")
	if err := demo.WriteBundleSources(context.Background(), durable.OS().Unsynced(), sources); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "releases"), 0o755); err != nil {
		return err
	}
	for _, version := range []string{"2.0", "3.0"} {
		source := filepath.Join(sources, version)
		documents := []string{filepath.Join(source, "upkeep.yaml")}
		older, err := filepath.Glob(filepath.Join(source, "from", "*", "product.yaml"))
		if err != nil {
			return err
		}
		for _, path := range append(documents, older...) {
			if err := runByUnits(path); err != nil {
				return err
			}
		}
		out, err := exec.Command(bin, "vendor", "build", source, "-o", filepath.Join(dir, "releases", "notes-"+version+".tar.zst")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cannot build the bundle of %s: %w\n%s", version, err, out)
		}
	}
	return nil
}

// runByUnits replaces the services of the sample product's document, which
// Upkeep runs itself, by units.
func runByUnits(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), "services:\n")
	_, after, ok2 := strings.Cut(rest, "access:\n")
	if !ok || !ok2 {
		return fmt.Errorf("cannot use %s: it has no services before access", path)
	}
	return os.WriteFile(path, []byte(before+notesServices+"access:\n"+after), 0o644)
}

// notesSettled waits until the product serves.
func notesSettled(t testing.TB, h *host.Host) string {
	t.Helper()
	return shell(t, h, `for i in $(seq 100); do curl -sf -o /dev/null http://127.0.0.1:8090/health && break; sleep 0.1; done; systemctl is-active notes-web notes-worker`)
}

func notesAreNew(t testing.TB, h *host.Host) {
	t.Helper()
	notesSettled(t, h)
	for what, want := range map[string]string{
		"cat /srv/notes/app/VERSION": "3.0",
		"sqlite3 -readonly /srv/notes/data/notes.db 'SELECT version FROM schema_version'":                                "3",
		"sqlite3 -readonly /srv/notes/data/notes.db 'SELECT count(*) FROM notes n JOIN authors a ON a.id = n.author_id'": "480",
		"systemctl is-active notes-web":      "active",
		"systemctl is-active notes-worker":   "active",
		"systemctl is-enabled notes-web":     "enabled",
		"cat /srv/notes/app/local/theme.css": "/* this site's own */\nh1 { font-family: Georgia, serif; }",
	} {
		if got := strings.TrimSpace(shell(t, h, what)); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	if got := shell(t, h, "curl -sS http://127.0.0.1:8090/version"); !strings.Contains(got, "3.0") {
		t.Errorf("it answers as %s", got)
	}
	if got := left(t, h); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
