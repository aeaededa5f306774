package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	screens "upkeep/internal/cli/show"
	"upkeep/internal/demo"
	"upkeep/internal/durable"
	"upkeep/internal/lab/host"
)

// notesHost is a whole machine on which systemd runs the sample product.
type notesHost struct {
	*host.Host
	t *testing.T
}

const notesUnit = `[Unit]
Description=Notes
After=network.target
[Service]
User=notes
ExecStart=/usr/local/bin/upkeep demo serve --tree /srv/notes/app --data /srv/notes/data --listen 127.0.0.1:8090
Restart=always
RestartSec=0
[Install]
WantedBy=multi-user.target
`

const notesDocument = `installation: {id: notes, product: notes}
params: {root: /srv/notes, account: notes, port: "8090", private: {file: /srv/notes/data/private-token}}
backup: {keep: 3}
`

// hostProduct turns the sample product's document into one whose service
// systemd runs.
var hostProduct = regexp.MustCompile(`(?s)    run: \[.*?\]\n`)

// newNotesHost boots a machine with Notes 1.0 under systemd and the bundles of
// later releases in /srv/releases. Release edits the text of a release's
// documents, by version.
func newNotesHost(t *testing.T, setup bool, edit func(version, text string) string) *notesHost {
	t.Helper()
	h := &notesHost{host.New(t, host.Options{Name: "notes"}), t}
	bin := host.Upkeep(t)
	tmp := t.TempDir()
	if _, err := demo.Install(context.Background(), durable.OS().Unsynced(), demo.InstallOptions{Dir: filepath.Join(tmp, "notes"), Runtime: bin, Port: 8090}); err != nil {
		t.Fatal(err)
	}
	sources := filepath.Join(tmp, "sources")
	if err := demo.WriteBundleSources(context.Background(), durable.OS().Unsynced(), sources); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(tmp, "releases"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, v := range demo.Versions()[1:] {
		err := filepath.WalkDir(filepath.Join(sources, v), func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".yaml") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text := hostProduct.ReplaceAllString(string(raw), "    names: [notes-web]\n")
			text = regexp.MustCompile(`(?m)^  runtime:.*\n`).ReplaceAllString(text, "")
			if edit != nil {
				text = edit(v, text)
			}
			return os.WriteFile(path, []byte(text), 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(bin, "vendor", "build", filepath.Join(sources, v), "--output", filepath.Join(tmp, "releases", "notes-"+v+".tar.zst")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	h.Put(t, bin, "/usr/local/bin/upkeep")
	h.Put(t, filepath.Join(tmp, "notes"), "/srv/notes")
	h.Put(t, filepath.Join(tmp, "releases"), "/srv/releases")
	h.Write(t, "/etc/upkeep/notes.yaml", notesDocument, 0o644)
	h.Write(t, "/etc/systemd/system/notes-web.service", notesUnit, 0o644)
	h.Boot(t)
	h.Must(t, "sh", "-c", "rm -f /srv/notes/installation.yaml; useradd --system notes && chown -R root:root /srv/notes && chown -R notes:notes /srv/notes/app /srv/notes/data")
	h.Must(t, "systemctl", "enable", "--now", "notes-web.service")
	if setup {
		h.Must(t, "upkeep", "setup-host")
	}
	return h
}

// status is what upkeep status says.
func (h *notesHost) status() screens.StatusDoc {
	h.t.Helper()
	var s screens.StatusDoc
	out := h.Must(h.t, "upkeep", "status", "--format", "json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// closed waits until no run is open, and gives the result of the last one.
func (h *notesHost) closed() (result, version string) {
	h.t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, code, err := h.Run("upkeep", "status", "--format", "json")
		var s screens.StatusDoc
		if err == nil && code == 0 && json.Unmarshal([]byte(out), &s) == nil && s.Open == nil && s.Last != nil {
			return string(s.Last.Result), s.Last.Version
		}
	}
	h.log()
	h.t.Fatal("the run does not end")
	return "", ""
}

// log shows what the machine says of itself.
func (h *notesHost) log() {
	h.t.Helper()
	for _, c := range []string{"upkeep status", "journalctl --no-pager -b -n 80 -u upkeep-gate -u upkeep-recover -u notes-web", "tail -n 60 /var/lib/upkeep/notes/runs/*/log", "tail -n 20 /var/lib/upkeep/notes/runs/*/engine.log"} {
		out, _, _ := h.Run("sh", "-c", c)
		h.t.Logf("%s:\n%s", c, out)
	}
}

// wants checks that the product is whole: the files, the schema, the service
// as its enabled self, its answer, and nothing left of Upkeep that keeps
// anything from starting.
func (h *notesHost) wants(version string) {
	h.t.Helper()
	schema, _, _ := strings.Cut(version, ".")
	for what, want := range map[string]string{
		"cat /srv/notes/app/VERSION": version,
		"sqlite3 /srv/notes/data/notes.db 'SELECT version FROM schema_version'":                        schema,
		"sqlite3 /srv/notes/data/notes.db 'SELECT count(*) FROM notes'":                                "480",
		"systemctl is-active notes-web":                                                                "active",
		"systemctl is-enabled notes-web":                                                               "enabled",
		"curl -s -m 5 http://127.0.0.1:8090/version | grep -o '\"version\":\"[^\"]*' | cut -d'\"' -f4": version,
		"ls /etc/systemd/system/*.d/*upkeep* 2>/dev/null | wc -l":                                      "0",
		"ls /var/lib/upkeep/notes/services 2>/dev/null | wc -l":                                        "0",
		"nft list tables | grep -c upkeep-notes":                                                       "0",
		"ls /srv/notes/data/maintenance /srv/notes/data/read-only 2>/dev/null | wc -l":                 "0",
	} {
		out, _, err := h.Run("sh", "-c", what)
		if got := strings.TrimSpace(out); got != want || err != nil {
			h.t.Errorf("%s gives %q, want %q (%v)", what, got, want, err)
		}
	}
	if h.t.Failed() {
		h.log()
	}
}

// upgrade gives the command, and wants its exit code.
func (h *notesHost) upgrade(code int, args ...string) string {
	h.t.Helper()
	out, got, err := h.Run(append([]string{"upkeep", "upgrade", "--yes"}, args...)...)
	if err != nil || got != code {
		h.log()
		h.t.Fatalf("upgrade %v: code %d, want %d (%v)\n%s", args, got, code, err, out)
	}
	return out
}

func bundleOf(version string) []string {
	return []string{"--from", fmt.Sprintf("/srv/releases/notes-%s.tar.zst", version)}
}

// during starts an upgrade that nobody watches, and does something as soon as
// the step has begun in that direction.
func (h *notesHost) during(step, dir string, do func(), args ...string) {
	h.t.Helper()
	known, _ := filepath.Glob(h.Path("/var/lib/upkeep/notes/runs/*/events.jsonl"))
	h.Must(h.t, append([]string{"systemd-run", "--quiet", "--collect", "upkeep", "upgrade", "--yes"}, args...)...)
	mark := fmt.Sprintf(`"kind":"began","step":%q,"dir":%q`, step, dir)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob(h.Path("/var/lib/upkeep/notes/runs/*/events.jsonl"))
		for _, f := range files {
			if raw, err := os.ReadFile(f); err == nil && !contains(known, f) && strings.Contains(string(raw), mark) {
				do()
				return
			}
		}
	}
	h.log()
	h.t.Fatalf("the upgrade never began %s %s", dir, step)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
