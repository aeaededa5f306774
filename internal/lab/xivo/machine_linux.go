package xivo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"upkeep/internal/lab/host"
)

// Where things are inside.
const (
	Document = "/etc/upkeep/xivo.yaml"
	State    = "/var/lib/upkeep/xivo"
	Releases = "/srv/releases"
	Program  = "/usr/local/bin/upkeep"
)

// Units are the units of the product in start order, as its manifest has them.
var units = []string{"xivo-dahdi", "xivo-confgend", "pf-xivo-provd", "pf-xivo-agid", "xivo-asterisk", "xivo-ctid", "xivo-webi", "nginx", "xivo-monit"}

// Units lists the units of the product in start order.
func Units() []string { return append([]string(nil), units...) }

// Options describe a machine.
type Options struct {
	// Name is the host's name.
	Name string
	// Releases are those that the machine can be upgraded to; 1.2.3 when nil.
	Releases []Release
	// Edit changes the documents and migrations of all releases.
	Edit func(path, text string) string
	// Bare leaves out what Upkeep itself needs on a machine: no upkeep
	// setup-host.
	Bare bool
}

// Machine is a host where XiVO 1.2.2 is installed, configured and running,
// beside Upkeep.
type Machine struct {
	*host.Host
}

// installed is made once in a test process, and ends with it.
var installed = sync.OnceValues(install)

// New makes a machine of its own, booted. It is removed at the end of the test.
func New(t testing.TB, o Options) *Machine {
	t.Helper()
	host.Need(t)
	base, err := installed()
	must(t, err)
	m := &Machine{base.Clone(t, o.Name)}
	if o.Releases == nil {
		o.Releases = []Release{{Version: "1.2.3"}}
	}
	for _, r := range o.Releases {
		if r.Edit == nil {
			r.Edit = o.Edit
		}
		m.BundleIn(t, Releases, r)
	}
	document, err := document(o.Edit)
	must(t, err)
	m.Write(t, Document, document, 0o644)
	m.Put(t, host.Upkeep(t), Program)
	m.Boot(t)
	if !o.Bare {
		m.Must(t, Program, "setup-host")
	}
	return m
}

func document(edit func(path, text string) string) (string, error) {
	example, err := Example()
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(example, "installation.yaml"))
	text := string(raw)
	if edit != nil {
		text = edit("installation.yaml", text)
	}
	return text, err
}

// install makes the machine that all others begin as: 1.2.2 is installed and
// configured, and it is down.
func install() (*host.Host, error) {
	example, err := Example()
	if err != nil {
		return nil, err
	}
	debs, err := os.MkdirTemp("", "upkeep-lab-debs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(debs)
	if err := Debs(example, "1.2.2", debs); err != nil {
		return nil, err
	}
	h, err := host.Open(context.Background(), host.Options{Name: "pbx"})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(h.Copy(debs, "/srv/debs"), h.Up()); err != nil {
		return nil, err
	}
	const script = "set -e; systemctl enable --now postgresql nginx; dpkg -i /srv/debs/*.deb; rm -r /srv/debs; xivo-wizard fr; sync"
	if out, code, err := h.Run("sh", "-c", script); err != nil || code != 0 {
		return nil, errors.Join(fmt.Errorf("cannot install XiVO in a host of the lab: code %d, %w\n%s", code, err, out), h.Close())
	}
	return h, h.Down()
}

// BundleIn builds the bundle of a release and puts it into a folder inside.
func (m *Machine) BundleIn(t testing.TB, dir string, r Release) {
	t.Helper()
	file, err := Bundle(host.Upkeep(t), t.TempDir(), r)
	must(t, err)
	m.Put(t, file, filepath.Join(dir, filepath.Base(file)))
}

// Sh runs shell text inside that has to succeed.
func (m *Machine) Sh(t testing.TB, text string) string {
	t.Helper()
	return m.Must(t, "sh", "-c", "set -e\n"+text)
}

// Result is how a command of Upkeep ended.
type Result struct {
	Args     []string
	Code     int
	Out, Err string
	Took     time.Duration
}

func (r Result) String() string {
	return fmt.Sprintf("upkeep %s\nexit code %d\n%s%s", strings.Join(r.Args, " "), r.Code, r.Out, r.Err)
}

// Answer gives one command to Upkeep inside and types the answer.
func (m *Machine) Answer(t testing.TB, typed string, args ...string) Result {
	t.Helper()
	cmd := m.Cmd(append([]string{Program}, args...)...)
	cmd.Env = append(cmd.Env, "UPKEEP_INSTALLATION="+Document, "UPKEEP_E2E=leaked")
	cmd.Stdin = strings.NewReader(typed)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	r := Result{Args: args, Code: cmd.ProcessState.ExitCode(), Out: out.String(), Err: errs.String(), Took: time.Since(began)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%v", err, r)
	}
	return r
}

// Upkeep gives one command that has to end with the code, nobody at the
// keyboard.
func (m *Machine) Upkeep(t testing.TB, code int, args ...string) Result {
	t.Helper()
	r := m.Answer(t, "", args...)
	if r.Code != code {
		t.Fatalf("want exit code %d: %v\n%s", code, r, m.Log(t))
	}
	return r
}

// Log is the log of the latest run.
func (m *Machine) Log(t testing.TB) string {
	t.Helper()
	return m.Sh(t, `l=$(ls -d `+State+`/runs/* 2>/dev/null | tail -n 1); [ -z "$l" ] || cat "$l/log"`)
}

// Read reads a file inside; empty when it is not there.
func (m *Machine) Read(t testing.TB, path string) string {
	t.Helper()
	return m.Sh(t, "[ ! -e '"+path+"' ] || cat '"+path+"'")
}

// Query reads a query's first column from the product's database, a row a line.
func (m *Machine) Query(t testing.TB, sql string) string {
	t.Helper()
	return strings.TrimSpace(m.Must(t, "runuser", "-u", "postgres", "--", "psql", "-XAtqc", sql, "xivo"))
}

// Status is what the product itself says through its web interface.
func (m *Machine) Status(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(m.Must(t, "curl", "-sS", "--max-time", "20", "http://127.0.0.1:8080/status"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
