package e2e

import (
	"html"
	"strings"
	"testing"
	"time"
)

// TestHostHub: the page as a unit of systemd, on a whole machine.
func TestHostHub(t *testing.T) {
	h := newNotesHost(t, false, func(version, text string) string {
		if version != "2.0" {
			return text
		}
		return strings.Replace(text, "procedure:\n", "procedure:\n  after-install: [{run: [sh, -c, 'touch /srv/began; until test -e /srv/go-on; do sleep 0.1; done'], as: root, undo: none, repeatable: true}]\n", 1)
	})
	for _, wrong := range [][]string{{"--hub", "--no-hub"}, {"--listen", "127.0.0.1:9000"}, {"--no-hub", "--releases", "/srv"}, {"--hub", "--backup", "daily"}, {"--hub", "--listen", "127.0.0.1:0"}} {
		if out, code, _ := h.Run(append([]string{"upkeep", "setup-host"}, wrong...)...); code != 2 {
			t.Errorf("setup-host %v: %d\n%s", wrong, code, out)
		}
	}
	// somebody has the address: that is said, and who it is
	h.Must(t, "systemd-run", "--quiet", "--unit=squatter", "systemd-socket-activate", "-l", "127.0.0.1:8080", "cat")
	h.until("ss -ltn | grep -q 127.0.0.1:8080")
	taken := "another program (systemd-socket-, process "
	out, code, _ := h.Run("upkeep", "setup-host", "--hub", "--releases", "/srv/releases/notes-2.0.tar.zst")
	if code != 1 || !strings.Contains(flat(out), taken) || !strings.Contains(flat(out), "has the address 127.0.0.1:8080 already") || !strings.Contains(flat(out), "--listen 127.0.0.1:PORT") {
		t.Errorf("with a taken address: %d\n%s", code, out)
	}
	if out := flat(h.Must(t, "upkeep", "status")); !strings.Contains(out, "the page is set up and does not run: "+taken) {
		t.Errorf("status says\n%s", out)
	}
	if out, _, _ := h.Run("upkeep", "doctor"); !strings.Contains(flat(out), "and does not run") || !strings.Contains(flat(out), taken) || !strings.Contains(out, "systemctl restart upkeep-hub.service") {
		t.Errorf("the doctor says\n%s", out)
	}
	h.Must(t, "systemctl", "stop", "squatter")

	p := &hostPage{h: h}
	p.enter(h.Must(t, "upkeep", "setup-host", "--hub", "--releases", "/srv/releases/notes-2.0.tar.zst"))
	if out := h.Must(t, "upkeep", "status"); strings.Contains(out, "does not run") {
		t.Errorf("it runs, and status says\n%s", out)
	}
	p.see("/", "notes", "1 product on")
	if out := h.Must(t, "journalctl", "--no-pager", "-u", "upkeep-hub"); strings.Contains(out, "/enter?") {
		t.Errorf("a link stands in the journal:\n%s", out)
	}

	// a run that the page starts outlives the unit
	at := p.start("/i/notes")
	h.until("test -e /srv/began")
	h.Must(t, "systemctl", "stop", "upkeep-hub")
	if out, _, _ := h.Run("pgrep", "-fc", "^/usr/local/bin/upkeep engin[e]"); strings.TrimSpace(out) != "1" {
		t.Errorf("%s engines carry the run on", out)
	}
	if out, _, _ := h.Run("pgrep", "-fc", "upkeep hu[b]"); strings.TrimSpace(out) != "0" {
		t.Errorf("left of the hub: %s", out)
	}
	h.Must(t, "systemctl", "start", "upkeep-hub")
	p.enter(h.Must(t, "upkeep", "hub", "link"))
	p.see(at, "Cancel this run")
	h.Must(t, "touch", "/srv/go-on")
	if result, on := h.closed(); result != "new" || on != "2.0" {
		t.Errorf("the run ended %s on %s", result, on)
	}
	p.see(at, "notes is on 2.0, verified.")

	// the page is its account's, without a network, and can read nothing of Upkeep's
	page := p.process()
	for what, want := range map[string]string{
		"stat -c %U /proc/" + page:                                                                                 "upkeep-page",
		"grep -c '^CapEff:\t0000000000000000$' /proc/" + page + "/status":                                          "1",
		"grep -c '^NoNewPrivs:\t1$' /proc/" + page + "/status":                                                     "1",
		"test $(readlink /proc/" + page + "/ns/net) != $(readlink /proc/1/ns/net) && echo alone":                   "alone",
		"nsenter -t " + page + " -n ip -br link | grep -vc '^lo '":                                                 "0",
		"runuser -u upkeep-page -- find /var/lib/upkeep /run/upkeep -readable -type f 2>/dev/null | wc -l":         "0",
		"runuser -u upkeep-page -- ls /var/lib/upkeep/notes 2>&1 | grep -c 'Permission denied'":                    "1",
		"runuser -u upkeep-page -- upkeep hub link 2>&1 | grep -c 'no hub of this account runs'":                   "1",
		"runuser -u notes -- curl -s --unix-socket $(ls /run/upkeep/hub/*) http://x/link -d '{}' >/dev/null; echo": "",
	} {
		out, _, err := h.Run("sh", "-c", what)
		if got := strings.TrimSpace(out); got != want || err != nil {
			t.Errorf("%s gives %q, want %q (%v)", what, got, want, err)
		}
	}

	// the page's process is killed: who asks then waits, and is answered
	h.Must(t, "kill", "-9", p.process())
	p.see(at, "notes is on 2.0, verified.")
	// and the engine side
	h.Must(t, "sh", "-c", "kill -9 $(systemctl show -P MainPID upkeep-hub)")
	h.until("curl -sf -m 5 http://127.0.0.1:8080/enter >/dev/null")
	p.enter(h.Must(t, "upkeep", "hub", "link"))
	p.see(at, "notes is on 2.0, verified.")

	// it starts at boot
	h.Reboot(t)
	h.until("systemctl is-active upkeep-hub")
	p.enter(h.Must(t, "upkeep", "hub", "link"))
	p.see("/", "notes")

	if out := h.Must(t, "upkeep", "remove-host"); !strings.Contains(out, "left: the account upkeep-page of the page, where it was made: userdel upkeep-page") {
		t.Errorf("remove-host says\n%s", out)
	}
	if out, _, _ := h.Run("sh", "-c", "find /etc/systemd/system -name '*upkeep*'; systemctl list-unit-files --no-legend 'upkeep-*'; ss -ltn | grep 8080; pgrep -f 'upkeep hu[b]'; ls /run/upkeep/hub"); strings.TrimSpace(out) != "" {
		t.Errorf("remove-host leaves %s", out)
	}
	if out := h.Must(t, "upkeep", "setup-host", "--no-hub"); !strings.Contains(out, "no page is served") {
		t.Errorf("there is no page, and --no-hub says\n%s", out)
	}
}

// until waits for a command to succeed.
func (h *notesHost) until(what string) {
	h.t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, code, err := h.Run("sh", "-c", what); err == nil && code == 0 {
			return
		}
	}
	out, _, _ := h.Run("sh", "-c", "systemctl status upkeep-hub; journalctl --no-pager -n 40 -u upkeep-hub")
	h.t.Fatalf("%s never succeeds\n%s", what, out)
}

// hostPage is the page of a machine, seen with curl on it.
type hostPage struct{ h *notesHost }

// curl asks, and gives the answer with its status at the end.
func (p *hostPage) curl(path string, args ...string) string {
	p.h.t.Helper()
	return p.h.Must(p.h.t, append([]string{"curl", "-sS", "-m", "30", "-b", "/tmp/jar", "-c", "/tmp/jar", "-w", "\n%{http_code} %{redirect_url}", "http://127.0.0.1:8080" + path}, args...)...)
}

// enter goes in by the link that a command has printed.
func (p *hostPage) enter(said string) {
	p.h.t.Helper()
	_, code, ok := strings.Cut(said, "/enter?code=")
	code, _, _ = strings.Cut(code, "\n")
	if got := p.curl("/enter", "--data-urlencode", "code="+strings.TrimSpace(code)); !ok || !strings.HasSuffix(strings.TrimSpace(got), "303 http://127.0.0.1:8080/") {
		p.h.t.Fatalf("by %q one comes to\n%s", said, got)
	}
}

func (p *hostPage) see(path string, want ...string) string {
	p.h.t.Helper()
	text := p.curl(path)
	for _, w := range want {
		if !strings.Contains(text, w) {
			p.h.t.Fatalf("%s: want %q in\n%s", path, w, text)
		}
	}
	return text
}

// start starts the upgrade of an installation, and gives the path of its run.
func (p *hostPage) start(installation string) string {
	p.h.t.Helper()
	var args []string
	for k, v := range form(p.see(installation+"/plan", "Start the upgrade")) {
		args = append(args, "--data-urlencode", k+"="+html.UnescapeString(v[0]))
	}
	got := p.curl(installation+"/start", args...)
	_, at, ok := strings.Cut(got, "303 http://127.0.0.1:8080")
	if !ok {
		p.h.t.Fatalf("the yes is answered\n%s", got)
	}
	return strings.TrimSpace(at)
}

// process is that of the page.
func (p *hostPage) process() string {
	p.h.t.Helper()
	p.h.until("pgrep -f 'hub pag[e]'")
	return strings.TrimSpace(p.h.Must(p.h.t, "pgrep", "-f", "hub pag[e]"))
}
