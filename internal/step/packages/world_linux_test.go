package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"upkeep/internal/durable"
	"upkeep/internal/files"
	"upkeep/internal/packages"
	"upkeep/internal/packages/apt"
	"upkeep/internal/packages/packagestest"
	"upkeep/internal/plan"
	"upkeep/internal/scope"
	"upkeep/internal/step"
	"upkeep/internal/step/run/child"
	"upkeep/internal/step/steptest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a machine with a dpkg of its own, the shop 1.0 installed, and the
// packages of 1.1 at hand.
type world struct {
	t      *testing.T
	root   string // of the machine
	state  string // of Upkeep
	debs   string
	change []plan.PackageChange
	killer *steptest.Killer // whose moments the commands are; nil: none
	also   []string
	far    bool // the packages are not in the bundle
}

func shop(version string) packagestest.Deb {
	return packagestest.Deb{Name: "shop", Version: version, Files: map[string]string{"/usr/share/shop/version": version, "/usr/share/shop/only-" + version: "x", "/lib/systemd/system/shop.service": "[Service]\n"},
		Conffiles: map[string]string{"/etc/shop.conf": "of " + version},
		Scripts:   map[string]string{"postinst": "echo made >$DPKG_ROOT/usr/share/shop/made-by-" + version}}
}

// clean are the folders of a machine that was made once; copying it is faster.
func newWorld(t *testing.T) *world {
	t.Helper()
	top := steptest.Dir(t)
	w := &world{t: t, root: filepath.Join(top, "root"), state: filepath.Join(top, "state"), debs: filepath.Join(top, "debs")}
	must(t, errors.Join(os.MkdirAll(w.root, 0o755), os.MkdirAll(w.debs, 0o755), os.MkdirAll(w.state, 0o755)))
	packagestest.Root(t, w.root)
	m := apt.New(apt.Config{Exec: packagestest.Exec(io.Discard), FS: durable.OS(), Root: w.root})
	other := packagestest.Deb{Name: "other", Version: "1", Files: map[string]string{"/usr/share/other/x": "", "/usr/lib/systemd/system/other.service": ""}}
	must(t, m.Install(t.Context(), []string{shop("1.0").Build(t, t.TempDir()), other.Build(t, t.TempDir())}, packages.Options{}))
	shop("1.1").Build(t, w.debs)
	w.change = []plan.PackageChange{{Name: "shop", Arch: "all", From: "1.0", To: "1.1", Source: "bundle"}}
	return w
}

// Fingerprint leaves out what apt-get and dpkg write into logs, caches, locks
// and copies of yesterday.
func (w *world) Fingerprint() string {
	noise := regexp.MustCompile(`(var/log|var/cache|/lock|triggers/Lock|-old$|available|extended_states|lib/dpkg/status$|sha256:|gob| points)`)
	var out []string
	for _, top := range []string{w.root, w.state} {
		for line := range strings.Lines(steptest.Describe(top)) {
			if strings.Contains(line, "points/") {
				continue // the restore point that the test has made before
			}
			if !noise.MatchString(strings.TrimSpace(line)) {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	status, _ := os.ReadFile(filepath.Join(w.root, "var/lib/dpkg/status"))
	return strings.Join(out, "\n") + "\n" + string(status)
}

// Payload implements stage.Bundles.
func (w *world) Payload(ctx context.Context, _, _, _ string) (io.ReadCloser, files.Tree, error) {
	tree, err := files.Scan(ctx, durable.OS(), w.debs, files.Options{Hash: true})
	if err != nil {
		return nil, tree, err
	}
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		return nil, tree, err
	}
	packed, err := files.Pack(ctx, durable.OS(), z, w.debs, tree, files.PackOptions{Portable: true})
	return io.NopCloser(&b), packed, errors.Join(err, z.Close())
}

// Run implements child.Commands: a command is one moment.
func (w *world) Run(ctx context.Context, c scope.Command) (scope.Result, error) {
	do := func() error {
		if c.Args[0] == "systemctl" {
			return nil
		}
		return packagestest.Exec(c.Output)(ctx, packages.Command{Args: c.Args, Env: c.Env, Dir: c.Dir, Stdout: c.Stdout})
	}
	if c.Stdout != nil || w.killer == nil {
		return scope.Result{}, do()
	}
	return scope.Result{}, w.killer.Point(filepath.Base(c.Args[0]), do)
}

func (w *world) runner(fsys durable.FS) child.Runner { return child.Runner{Commands: w, FS: fsys} }

func (w *world) managers(_ string, exec packages.Exec) (packages.Manager, error) {
	m := apt.New(apt.Config{Exec: exec, FS: durable.OS(), Root: w.root})
	if w.far {
		return source{m, w}, nil
	}
	return m, nil
}

// source is a package manager whose packages come from far away: as apt-get, it
// syncs nothing.
type source struct {
	packages.Manager
	w *world
}

func (s source) Download(_ context.Context, dir string, _ []packages.Change) error {
	all, err := filepath.Glob(filepath.Join(s.w.debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, from := range all {
		raw, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.Base(from))
		write := func() error { return os.WriteFile(to, raw, 0o600) }
		if s.w.killer == nil {
			err = write()
		} else if err = s.w.killer.Point("download", write); err == nil {
			s.w.killer.Made(to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) step(id, verb string, params any) plan.Step {
	raw, err := json.Marshal(params)
	must(w.t, err)
	return plan.Step{ID: id, Verb: verb, Title: id, Params: raw, Deadline: time.Minute}
}

func (w *world) params() plan.PackageParams {
	p := plan.PackageParams{Component: "shop", Manager: "apt", Staging: w.state + "/packages/${run.id}-h1-shop", Bundle: "d", Payload: "shop.tar.zst", Sums: "sums", Changes: w.change, Policy: "keep", Wait: time.Second}
	if w.far {
		p.Bundle, p.Payload, p.Sums = "", "", ""
	}
	return p
}

func (w *world) env(d step.Direction) step.Env {
	return step.Env{Run: "r1", OpID: "r1/x/" + string(d), Direction: d, Dir: w.state, Log: io.Discard, Touched: func(string) bool { return true }, Recall: func(string) (step.Memo, error) { return nil, nil }}
}

// fetched lets the packages be fetched.
func (w *world) fetched() {
	w.t.Helper()
	h, s := NewFetch(w.runner(durable.OS()), w.managers, w), w.step("h1.fetch.shop", "fetch", w.params())
	m, err := h.Prepare(w.t.Context(), w.env(step.Forward), s)
	must(w.t, err)
	must(w.t, h.Do(w.t.Context(), w.env(step.Forward), s, m))
}

// has says what is installed.
func (w *world) has() string {
	m, _ := w.managers("apt", packagestest.Exec(io.Discard))
	list, err := m.Installed(w.t.Context(), "shop")
	must(w.t, err)
	i := slices.IndexFunc(list, func(p packages.Package) bool { return p.Name == "shop" })
	if i < 0 {
		return ""
	}
	return list[i].Version + " " + list[i].State
}
