package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"upkeep/internal/cli"
	"upkeep/internal/gate"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
	"upkeep/internal/run"
)

// TestMain lets this binary be the upkeep that the commands under test start:
// as engine, and as runtime of the sample product.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "engine" || os.Args[1] == "demo") {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.New().Run(ctx, os.Args[1:])
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// releases builds the sample product's bundles once for all tests.
var releases = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "upkeep-cli-test-")
	if err != nil {
		return "", err
	}
	return dir, manage.DemoReleases(context.Background(), dir, filepath.Join(dir, "good"), filepath.Join(dir, "broken"))
})

// house is an installed, running Notes 1.0.
type house struct {
	t          *testing.T
	dir, doc   string
	exe        string
	good, fail string // folders of releases
	port       int
	env        map[string]string
	in         io.Reader
}

// newHouse installs and starts the sample product; more is added to its
// installation document.
func newHouse(t *testing.T, more ...string) *house {
	t.Helper()
	built, err := releases()
	must(t, err)
	exe, err := os.Executable()
	must(t, err)
	h := &house{t: t, dir: filepath.Join(lab.Dir(t), "notes"), exe: exe, port: lab.FreePort(t), env: map[string]string{},
		good: filepath.Join(built, "good"), fail: filepath.Join(built, "broken")}
	h.doc, err = manage.DemoInstall(t.Context(), h.dir, exe, h.port)
	must(t, err)
	text, err := os.ReadFile(h.doc)
	must(t, err)
	must(t, os.WriteFile(h.doc, []byte(string(text)+strings.Join(append([]string{"gate: {use: never}"}, more...), "\n")+"\n"), 0o644))
	p, err := manage.DemoProduct("1.0")
	must(t, err)
	must(t, h.open().StartServices(t.Context(), p))
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		defer stop()
		h.letGo()
		h.quiet(ctx)
		if err := h.open().StopServices(ctx, p); err != nil {
			t.Errorf("cannot stop the product: %v", err)
		}
	})
	return h
}

func (h *house) open() *manage.Installation {
	h.t.Helper()
	in, err := manage.Open(h.doc, h.exe)
	must(h.t, err)
	return in
}

// give gives a command line as a person would, without a terminal.
func (h *house) give(args ...string) (code int, out, errOut string) {
	h.t.Helper()
	ctx, stop := context.WithTimeout(h.t.Context(), time.Minute)
	defer stop()
	var o, e bytes.Buffer
	in := h.in
	if in == nil {
		in = strings.NewReader("")
	}
	a := &cli.App{In: in, Out: &o, Err: &e, Exe: h.exe, Getenv: func(k string) string {
		if v, ok := h.env[k]; ok {
			return v
		}
		return map[string]string{"UPKEEP_INSTALLATION": h.doc}[k]
	}}
	code = a.Run(ctx, args)
	return code, o.String(), e.String()
}

// expect gives a command that must end with that exit code.
func (h *house) expect(want int, args ...string) (out, errOut string) {
	h.t.Helper()
	code, out, errOut := h.give(args...)
	if code != want {
		h.t.Fatalf("upkeep %s ended with %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errOut)
	}
	return out, errOut
}

// hook puts a script of the site at a phase.
func (h *house) hook(phase, script string) {
	h.t.Helper()
	at := filepath.Join(h.dir, "hooks", phase+"_app.sh")
	must(h.t, os.WriteFile(at, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	must(h.t, os.Chmod(at, 0o755))
}

// holdAt makes runs wait at a phase of the given version until letGo.
func (h *house) holdAt(phase, version string) {
	h.t.Helper()
	must(h.t, os.WriteFile(filepath.Join(h.dir, "hold"), nil, 0o644))
	h.hook(phase, `[ "$(cat `+h.dir+`/app/VERSION)" = "`+version+`" ] || exit 0
touch `+h.dir+`/holding
n=0; while [ -e `+h.dir+`/hold ] && [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done`)
}

func (h *house) letGo() { os.Remove(filepath.Join(h.dir, "hold")) }

// begin starts an upgrade beside the test, and waits until it is held.
func (h *house) begin(args ...string) (end func() (int, string, string)) {
	h.t.Helper()
	type ended struct {
		code   int
		out, e string
	}
	done := make(chan ended, 1)
	go func() {
		code, out, e := h.give(args...)
		done <- ended{code, out, e}
	}()
	until(h.t, "the run is held", func() bool {
		_, err := os.Stat(filepath.Join(h.dir, "holding"))
		return err == nil
	})
	return func() (int, string, string) {
		h.t.Helper()
		select {
		case e := <-done:
			return e.code, e.out, e.e
		case <-time.After(time.Minute):
			h.t.Fatal("the command did not end")
			return 0, "", ""
		}
	}
}

// engine is the process that carries the open run on; 0 when none does.
func (h *house) engine() int {
	h.t.Helper()
	r, err := h.open().OpenRun(h.t.Context())
	must(h.t, err)
	if r == nil {
		return 0
	}
	return r.Engine
}

// kill ends the engine as a power cut of its process would.
func (h *house) kill() {
	h.t.Helper()
	pid := h.engine()
	if pid == 0 {
		h.t.Fatal("there is no engine to be killed")
	}
	must(h.t, syscall.Kill(pid, syscall.SIGKILL))
	until(h.t, "the engine is dead", func() bool { return h.engine() != pid })
}

// quiet ends a run that a failed test has left.
func (h *house) quiet(ctx context.Context) {
	r, err := h.open().OpenRun(ctx)
	if err != nil || r == nil {
		return
	}
	if r.Engine > 1 {
		_ = syscall.Kill(r.Engine, syscall.SIGKILL)
	}
}

// version asks the product's tree.
func (h *house) version() string {
	h.t.Helper()
	raw, err := os.ReadFile(filepath.Join(h.dir, "app", "VERSION"))
	must(h.t, err)
	return strings.TrimSpace(string(raw))
}

func (h *house) fingerprint() manage.Fingerprint {
	h.t.Helper()
	p, err := manage.DemoProduct(h.version())
	must(h.t, err)
	f, err := h.open().Fingerprint(h.t.Context(), p)
	must(h.t, err)
	return f
}

func (h *house) last() *manage.Run {
	h.t.Helper()
	r, err := h.open().Run(h.t.Context(), "")
	must(h.t, err)
	return r
}

func result(r *manage.Run) run.Result {
	if r.State.Closed == nil {
		return "open"
	}
	return r.State.Closed.Result
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("in 20 s it has not come to it that %s", what)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q:\n%s", where, w, text)
		}
	}
}

// allowGate lets runs close the gate; the test needs a kernel that has one.
func (h *house) allowGate() {
	h.t.Helper()
	lab.Root(h.t)
	if err := gate.New().Supported(); err != nil {
		h.t.Skipf("there is no gate here: %v", err)
	}
	text, err := os.ReadFile(h.doc)
	must(h.t, err)
	must(h.t, os.WriteFile(h.doc, bytes.ReplaceAll(text, []byte("gate: {use: never}\n"), nil), 0o644))
}

// ask is what a user of the product does.
func (h *house) ask() (int, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/notes", h.port), nil)
	must(h.t, err)
	req.Header.Set("Accept", "text/plain")
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		h.t.Errorf("a user is not answered: %v", err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(h.t, err)
	return resp.StatusCode, string(body)
}

func (h *house) get() int { code, _ := h.ask(); return code }

// page is the outage page.
func (h *house) page() string {
	h.t.Helper()
	code, text := h.ask()
	if code != http.StatusServiceUnavailable {
		h.t.Errorf("a user is answered with %d, want the outage page", code)
	}
	return text
}

// runs counts the runs that were ever opened.
func (h *house) runs() int {
	h.t.Helper()
	rs, err := h.open().Runs(h.t.Context())
	must(h.t, err)
	return len(rs)
}
