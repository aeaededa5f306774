package xivo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// New makes a machine. It is removed at the end of the test.
func New(t testing.TB, o Options) *Machine {
	t.Helper()
	m := &Machine{host.New(t, host.Options{Name: o.Name})}
	bin := host.Upkeep(t)
	m.Put(t, bin, Program)
	if o.Releases == nil {
		o.Releases = []Release{{Version: "1.2.3"}}
	}
	for _, r := range o.Releases {
		m.Bundle(t, r, o.Edit)
	}
	example, err := Example()
	must(t, err)
	debs := t.TempDir()
	must(t, Debs(example, "1.2.2", debs))
	m.Put(t, debs, "/srv/debs")
	document, err := os.ReadFile(filepath.Join(example, "installation.yaml"))
	must(t, err)
	text := string(document)
	if o.Edit != nil {
		text = o.Edit("installation.yaml", text)
	}
	m.Write(t, Document, text, 0o644)
	m.Boot(t)
	m.Sh(t, "systemctl enable --now postgresql nginx && dpkg -i /srv/debs/*.deb && rm -r /srv/debs && xivo-wizard fr")
	if !o.Bare {
		m.Must(t, Program, "setup-host")
	}
	return m
}

// Bundle builds the bundle of a release and puts it where the machine finds it.
func (m *Machine) Bundle(t testing.TB, r Release, edit func(path, text string) string) {
	t.Helper()
	if r.Edit == nil {
		r.Edit = edit
	}
	file, err := Bundle(host.Upkeep(t), t.TempDir(), r)
	must(t, err)
	m.Put(t, file, filepath.Join(Releases, filepath.Base(file)))
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
