package packagestest

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/packages"
)

// Machine is a manager with the means to make packages for it.
type Machine struct {
	packages.Manager
	// Package builds a package file.
	Package func(t testing.TB, d Deb) string
	// Path is where a path of the machine lies.
	Path func(string) string
	// Lock takes the manager's lock as another front end would, until the
	// function that it returns is called.
	Lock func(t testing.TB) (free func())
}

// Run runs the contract of packages.Manager on machines that have none of the
// suite's packages.
func Run(t *testing.T, make func(t *testing.T) *Machine) {
	for name, test := range map[string]func(*testing.T, *Machine){
		"upgrade": upgrade, "edited files": edited, "not without what it needs": unmet, "interrupted": interrupted,
		"footprint": footprint, "locked": locked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, make(t))
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func product(version string) Deb {
	return Deb{Name: "upkeep-suite", Version: version, Depends: "upkeep-suite-lib (>= " + version + ")",
		Files:     map[string]string{"/usr/share/upkeep-suite/version": version, "/usr/bin/upkeep-suite": "#!/bin/sh\necho " + version + "\n"},
		Conffiles: map[string]string{"/etc/upkeep-suite/a.conf": "a of " + version, "/etc/upkeep-suite/same.conf": "same"}}
}

func library(version string) Deb {
	return Deb{Name: "upkeep-suite-lib", Version: version, Files: map[string]string{"/usr/lib/upkeep-suite/lib-" + version: version, "/lib/systemd/system/upkeep-suite.service": "[Service]\nExecStart=/bin/true\n"}}
}

// install installs the suite's product.
func (m *Machine) install(t *testing.T, version string) []string {
	t.Helper()
	files := []string{m.Package(t, library(version)), m.Package(t, product(version))}
	must(t, m.Install(t.Context(), files, packages.Options{Policy: packages.Keep, Wait: time.Minute}))
	return files
}

func (m *Machine) versions(t *testing.T) map[string]string {
	t.Helper()
	list, err := m.Installed(t.Context(), "upkeep-suite", "upkeep-suite-lib", "upkeep-suite-none")
	must(t, err)
	out := map[string]string{}
	for _, p := range list {
		if out[p.Name] = p.Version; !p.Whole {
			out[p.Name] += " " + p.State
		}
	}
	return out
}

func (m *Machine) wants(t *testing.T, want map[string]string) {
	t.Helper()
	if got := m.versions(t); !maps.Equal(got, want) {
		t.Fatalf("installed are %v, want %v", got, want)
	}
}

func upgrade(t *testing.T, m *Machine) {
	m.wants(t, map[string]string{})
	m.install(t, "1.0")
	m.wants(t, map[string]string{"upkeep-suite": "1.0", "upkeep-suite-lib": "1.0"})
	files := []string{m.Package(t, library("1.1")), m.Package(t, product("1.1"))}
	changes, err := m.Resolve(t.Context(), packages.Want{Files: files})
	must(t, err)
	for i := range changes {
		changes[i].Arch = ""
	}
	if want := []packages.Change{{Name: "upkeep-suite", From: "1.0", To: "1.1"}, {Name: "upkeep-suite-lib", From: "1.0", To: "1.1"}}; !slices.Equal(changes, want) {
		t.Errorf("what would change: %v, want %v", changes, want)
	}
	m.wants(t, map[string]string{"upkeep-suite": "1.0", "upkeep-suite-lib": "1.0"})
	for range 2 { // the second time there is nothing to do
		must(t, m.Install(t.Context(), files, packages.Options{Policy: packages.Keep}))
		m.wants(t, map[string]string{"upkeep-suite": "1.1", "upkeep-suite-lib": "1.1"})
	}
	must(t, m.Install(t.Context(), files, packages.Options{Policy: packages.Keep, Automatic: []string{"upkeep-suite-lib"}}))
	if auto, err := m.Automatic(t.Context(), "upkeep-suite", "upkeep-suite-lib"); err != nil || !slices.Equal(auto, []string{"upkeep-suite-lib"}) {
		t.Errorf("there for others are %q, %v", auto, err)
	}
	f, err := m.Inspect(t.Context(), files[1])
	must(t, err)
	if f.Name != "upkeep-suite" || f.Version != "1.1" || !slices.Contains(f.Paths, "/usr/bin/upkeep-suite") || len(f.Conffiles) != 2 {
		t.Errorf("the file is read as %+v", f)
	}
	if broken, err := m.Broken(t.Context()); err != nil || len(broken) > 0 {
		t.Errorf("broken are %q, %v", broken, err)
	}
}

// edited: what the site has changed is known before, and the policy decides.
func edited(t *testing.T, m *Machine) {
	at := m.Path("/etc/upkeep-suite/a.conf")
	for _, tt := range []struct {
		policy       packages.Policy
		now, besides string
		beside       string
	}{
		{packages.Keep, "mine", "a of 1.1", ".dpkg-dist"},
		{packages.TakeNew, "a of 1.2", "mine", ".dpkg-old"},
	} {
		from, to := "1.0", "1.1"
		if tt.policy == packages.TakeNew {
			from, to = "1.1", "1.2"
		} else {
			m.install(t, from)
		}
		must(t, os.WriteFile(at, []byte("mine"), 0o644))
		list, err := m.Conffiles(t.Context(), "upkeep-suite")
		must(t, err)
		var changed []string
		for _, c := range list {
			if c.Edited() {
				changed = append(changed, c.Path)
			}
		}
		if !slices.Equal(changed, []string{"/etc/upkeep-suite/a.conf"}) {
			t.Errorf("edited are %q", changed)
		}
		files := []string{m.Package(t, library(to)), m.Package(t, product(to))}
		must(t, m.Install(t.Context(), files, packages.Options{Policy: tt.policy}))
		for path, want := range map[string]string{at: tt.now, at + tt.beside: tt.besides} {
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s: %s holds %q, %v; want %q", tt.policy, path, got, err, want)
			}
		}
	}
}

func unmet(t *testing.T, m *Machine) {
	_, err := m.Resolve(t.Context(), packages.Want{Files: []string{m.Package(t, product("1.0"))}})
	if err == nil || !strings.Contains(err.Error(), "upkeep-suite-lib") {
		t.Errorf("a package without what it depends on: %v", err)
	}
	_, err = m.Resolve(t.Context(), packages.Want{Named: map[string]string{"upkeep-suite-none": "1"}})
	if err == nil || !strings.Contains(err.Error(), "upkeep-suite-none") {
		t.Errorf("a package that nobody has: %v", err)
	}
	m.wants(t, map[string]string{})
}

// interrupted: a script of the package fails; what is left is seen, and the
// next try mends it.
func interrupted(t *testing.T, m *Machine) {
	m.install(t, "1.0")
	bad := product("1.1")
	gate := filepath.Join(t.TempDir(), "gate")
	bad.Scripts = map[string]string{"postinst": "test -e " + gate}
	files := []string{m.Package(t, library("1.1")), m.Package(t, bad)}
	if err := m.Install(t.Context(), files, packages.Options{Policy: packages.Keep}); err == nil {
		t.Fatal("a failing script is no failure")
	}
	broken, err := m.Broken(t.Context())
	if err != nil || len(broken) != 1 || !strings.Contains(broken[0], "upkeep-suite 1.1") {
		t.Errorf("broken are %q, %v", broken, err)
	}
	must(t, os.WriteFile(gate, nil, 0o644))
	must(t, m.Install(t.Context(), files, packages.Options{Policy: packages.Keep}))
	m.wants(t, map[string]string{"upkeep-suite": "1.1", "upkeep-suite-lib": "1.1"})
}

func footprint(t *testing.T, m *Machine) {
	m.install(t, "1.0")
	other := Deb{Name: "upkeep-suite-other", Version: "1", Files: map[string]string{"/usr/bin/other": "", "/usr/lib/systemd/system/other.service": "", "/usr/share/other/x": ""}}
	must(t, m.Install(t.Context(), []string{m.Package(t, other)}, packages.Options{}))
	next := product("1.1")
	next.Files["/usr/share/upkeep-suite-more/new"] = "new"
	var files []packages.File
	var changes []packages.Change
	for _, d := range []Deb{library("1.1"), next} {
		f, err := m.Inspect(t.Context(), m.Package(t, d))
		must(t, err)
		files, changes = append(files, f), append(changes, packages.Change{Name: d.Name, From: "1.0", To: "1.1"})
	}
	list, err := m.Footprint(t.Context(), changes, files)
	must(t, err)
	for _, want := range []string{"usr/share/upkeep-suite/", "usr/share/upkeep-suite-more/", "usr/bin/upkeep-suite", "usr/lib/systemd/system/upkeep-suite.service"} {
		if !slices.Contains(list, want) {
			t.Errorf("the footprint lacks %s: %q", want, list)
		}
	}
	for _, never := range []string{"usr/", "usr/bin/", "usr/bin", "usr/share/", "usr/lib/systemd/"} {
		if slices.Contains(list, never) {
			t.Errorf("the footprint has %s, which is not the packages'", never)
		}
	}
	if units, err := m.Units(t.Context(), changes, files); err != nil || !slices.Equal(units, []string{"upkeep-suite.service"}) {
		t.Errorf("the units are %q, %v", units, err)
	}
}

// locked: the lock of another front end is seen, waited for, and its holder
// named.
func locked(t *testing.T, m *Machine) {
	if m.Lock == nil {
		t.Skip("nothing here can take the manager's lock")
	}
	if h, err := m.Holder(t.Context()); h != nil || err != nil {
		t.Fatalf("the lock is free, and %v, %v has it", h, err)
	}
	free := m.Lock(t)
	h, err := m.Holder(t.Context())
	if err != nil || h == nil || h.PID == 0 {
		t.Fatalf("the holder is %v, %v", h, err)
	}
	var told []string
	tell := func(s string) { told = append(told, s) }
	err = packages.WaitFree(t.Context(), m, 300*time.Millisecond, tell)
	if !errors.Is(err, packages.ErrLocked) || !strings.Contains(err.Error(), h.Name) || len(told) != 1 {
		t.Errorf("waiting in vain: %v, told %q", err, told)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if err := packages.WaitFree(ctx, m, time.Minute, nil); !errors.Is(err, stop) {
		t.Errorf("told to stop: %v", err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		free()
	}()
	must(t, packages.WaitFree(t.Context(), m, time.Minute, nil))
}
