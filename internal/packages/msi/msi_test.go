package msi

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/packages"
)

// windows stands in for PowerShell and msiexec: a machine with products, and
// package files that it could install.
type windows struct {
	products  map[string]string // code to name, version, arch and state, with tabs
	suspended string
	busy      string // the process that installs
	files     map[string]msi
	exit      int // of msiexec
	installed [][]string
}

type msi struct{ code, family, name, version, content string }

type exited int

func (e exited) Error() string { return fmt.Sprintf("msiexec.exe failed with exit code %d", int(e)) }
func (e exited) ExitCode() int { return int(e) }

var asked = regexp.MustCompile(`(?s)\n([A-Z][a-z]+)(?: '(.*)')?$`)

func (w *windows) exec(_ context.Context, c packages.Command) error {
	if !slices.Contains(c.Env, `SystemRoot=C:\Windows`) {
		return errors.New("PowerShell does not start without SystemRoot")
	}
	if c.Args[0] == system+`\msiexec.exe` {
		w.installed = append(w.installed, c.Args[1:])
		f := w.files[c.Args[2]]
		if w.exit == 0 || w.exit == 3010 {
			for code, p := range w.products { // as a major upgrade does
				if name, _, _ := strings.Cut(p, "\t"); name == f.name {
					delete(w.products, code)
				}
			}
			w.products[f.code], w.suspended = f.name+"\t"+f.version+"\tx64\t5", ""
		}
		if w.exit != 0 {
			return fmt.Errorf("cannot install: %w", exited(w.exit))
		}
		return nil
	}
	call := asked.FindStringSubmatch(c.Args[len(c.Args)-1])
	if c.Args[0] != powershell || call == nil || !strings.Contains(functions, "function "+call[1]) {
		return fmt.Errorf("nobody knows %q", c.Args)
	}
	var out string
	of := strings.ReplaceAll(call[2], "''", "'")
	switch call[1] {
	case "Installed":
		for code, p := range w.products {
			out += "product\t" + code + "\t" + p + "\r\n"
		}
		if w.suspended != "" {
			out += "suspended\t" + w.suspended + "\r\n"
		}
	case "Package":
		f, ok := w.files[of]
		if !ok {
			return errors.New("powershell.exe failed with exit code 1")
		}
		out = "package\t" + f.code + "\t" + f.name + "\t" + f.version + "\tx64\t" + f.family + "\r\n" + f.content
	case "Product", "Related":
		for _, f := range w.files {
			now, here := w.products[f.code]
			if here && call[1] == "Product" && f.code == of && strings.HasPrefix(now, f.name+"\t"+f.version+"\t") {
				out = f.content
			} else if here && call[1] == "Related" && f.family == of {
				out += "related\t" + f.code + "\r\n"
			}
		}
	case "Busy":
		if w.busy != "" {
			out = "busy\t" + w.busy + "\r\n"
		}
	}
	_, err := c.Stdout.Write([]byte("\ufeff" + out))
	return err
}

// machine has version 1.0 of a shop and a tool, and files of further versions.
func machine() (*windows, *Manager) {
	w := &windows{products: map[string]string{"{S1}": "Shop\t1.0\tx64\t5", "{T1}": "Tool 1\t1.0\tIntel\t5"}, files: map[string]msi{
		`C:\in\shop-1.0.msi`:   {"{S1}", "{S}", "Shop", "1.0", "file\tC:\\Program Files\\Shop\\old.dll\r\nservice\tShopService\r\n"},
		`C:\in\shop's 2.0.msi`: {"{S2}", "{S}", "Shop", "2.0", "file\tC:\\Program Files\\Shop\\shop.exe\r\nservice\tShopService\r\nservice\tShopWorker\r\n"},
		`C:\in\shop-1.0.1.msi`: {"{S1}", "{S}", "Shop", "1.0.1", ""},
		`C:\in\tool-1.msi`:     {"{T1}", "{T}", "Tool 1", "1.0", "file\tD:\\Tool\\tool.exe\r\n"},
		`C:\in\tool-2.msi`:     {"{T2}", "{T}", "Tool 2", "2.0", "service\t[PREFIX]Tool\r\n"},
		`C:\in\new.msi`:        {"{N1}", "", "New", "1.0", "file\tC:\\New\\new.exe\r\n"},
	}}
	return w, New(Config{Exec: w.exec})
}

func TestResolve_standin(t *testing.T) {
	_, m := machine()
	for _, tt := range []struct {
		files []string
		want  []packages.Change
	}{
		{[]string{`C:\in\shop's 2.0.msi`, `C:\in\new.msi`}, []packages.Change{{Name: "New", Arch: "x64", To: "1.0"}, {Name: "Shop", Arch: "x64", From: "1.0", To: "2.0"}}},
		{[]string{`C:\in\shop-1.0.msi`}, nil},
		{[]string{`C:\in\shop-1.0.1.msi`}, []packages.Change{{Name: "Shop", Arch: "x64", From: "1.0", To: "1.0.1"}}},
		{[]string{`C:\in\tool-2.msi`}, nil}, // what cannot be told is no answer
	} {
		got, err := m.Resolve(t.Context(), packages.Want{Files: tt.files})
		if d := cmp.Diff(tt.want, got); d != "" || (err != nil) != (tt.files[0] == `C:\in\tool-2.msi`) {
			t.Errorf("%q: %v\n%s", tt.files, err, d)
		}
	}
	for what, w := range map[string]packages.Want{"must come as a file": {Named: map[string]string{"Shop": "3.0"}}, "cannot be asked for": {Files: []string{"C:\\a\"b.msi"}}, "cannot read the package": {Files: []string{`C:\none.msi`}}} {
		if _, err := m.Resolve(t.Context(), w); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v, want %q", w, err, what)
		}
	}
	if err := m.Download(t.Context(), `C:\in`, []packages.Change{{Name: "Shop", To: "3.0"}}); err == nil {
		t.Error("it was downloaded from nowhere")
	}
}

// A product that carries its version in its name goes, and another one comes.
func TestNameWithVersion_standin(t *testing.T) {
	w, m := machine()
	f := w.files[`C:\in\tool-2.msi`]
	f.content = ""
	w.files[`C:\in\tool-2.msi`] = f
	got, err := m.Resolve(t.Context(), packages.Want{Files: []string{`C:\in\tool-2.msi`}})
	want := []packages.Change{{Name: "Tool 1", From: "1.0"}, {Name: "Tool 2", Arch: "x64", To: "2.0"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestInstall_standin(t *testing.T) {
	w, m := machine()
	files := []string{`C:\in\shop's 2.0.msi`, `C:\in\new.msi`}
	for range 2 { // the second time there is nothing to do
		if err := m.Install(t.Context(), files, packages.Options{Wait: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	quiet := func(path string, more ...string) []string {
		return append([]string{"/i", path, "/qn", "/norestart", "/l*v", path + ".log", "ALLUSERS=1", "REBOOT=ReallySuppress"}, more...)
	}
	if d := cmp.Diff([][]string{quiet(files[0]), quiet(files[1])}, w.installed); d != "" {
		t.Error(d)
	}
	now, err := m.Installed(t.Context(), "Shop")
	if want := []packages.Package{{Name: "Shop", Version: "2.0", Arch: "x64", Whole: true, State: "installed"}}; err != nil || !slices.Equal(now, want) {
		t.Errorf("installed are %+v, %v", now, err)
	}
	// the same product in another version; interrupted; only advertised
	again := []string{"REINSTALL=ALL", "REINSTALLMODE=vomus"}
	for name, tt := range map[string]struct {
		has, suspended, file string
		more                 []string
	}{
		"another version": {"Shop\t1.0\tx64\t5", "", `C:\in\shop-1.0.1.msi`, again},
		"interrupted":     {"Shop\t1.0\tx64\t5", `C:\Windows\Installer\x.ipi`, `C:\in\shop-1.0.msi`, again},
		"advertised":      {"Shop\t1.0\tx64\t1", "", `C:\in\shop-1.0.msi`, nil},
	} {
		w, m := machine()
		w.products["{S1}"], w.suspended = tt.has, tt.suspended
		broken, err := m.Broken(t.Context())
		if (len(broken) > 0) != (name != "another version") || err != nil {
			t.Errorf("%s: broken are %q, %v", name, broken, err)
		}
		if err := m.Install(t.Context(), []string{tt.file}, packages.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff([][]string{quiet(tt.file, tt.more...)}, w.installed); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if broken, err := m.Broken(t.Context()); len(broken) > 0 || err != nil {
			t.Errorf("%s: broken are still %q, %v", name, broken, err)
		}
	}
}

// What msiexec says by its exit code.
func TestExits_standin(t *testing.T) {
	for code, want := range map[int]string{1603: "it failed, and was taken back", 1638: "another version of it is installed", 1618: "the package manager is in use", 3010: "must be restarted", 77: "exit code 77"} {
		w, m := machine()
		w.exit = code
		err := m.Install(t.Context(), []string{`C:\in\shop's 2.0.msi`, `C:\in\new.msi`}, packages.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrRestart) != (code == 3010) || errors.Is(err, packages.ErrLocked) != (code == 1618) {
			t.Errorf("%d: %v, want %q", code, err, want)
		}
		if all := len(w.installed) == 2; all != (code == 3010) {
			t.Errorf("%d: %d files were tried", code, len(w.installed))
		}
	}
}

// Another installation is seen, and waited for.
func TestLocked_standin(t *testing.T) {
	w, m := machine()
	if h, err := m.Holder(t.Context()); h != nil || err != nil {
		t.Errorf("the lock is free, and %v, %v has it", h, err)
	}
	w.busy = "4711"
	err := m.Install(t.Context(), []string{`C:\in\new.msi`}, packages.Options{Wait: 300 * time.Millisecond})
	if !errors.Is(err, packages.ErrLocked) || !strings.Contains(err.Error(), "msiexec (process 4711)") || len(w.installed) > 0 {
		t.Errorf("while another one installs: %v, %q", err, w.installed)
	}
}

func TestFootprint_standin(t *testing.T) {
	_, m := machine()
	f, err := m.Inspect(t.Context(), `C:\in\shop's 2.0.msi`)
	if err != nil || f.Name != "Shop" || f.Version != "2.0" || f.Arch != "x64" || !slices.Equal(f.Paths, []string{`C:\Program Files\Shop\shop.exe`}) {
		t.Errorf("read as %+v, %v", f, err)
	}
	changes := []packages.Change{{Name: "Shop", From: "1.0", To: "2.0"}}
	list, err := m.Footprint(t.Context(), changes, []packages.File{f})
	if err != nil || !slices.Equal(list, []string{"Program Files/Shop/old.dll", "Program Files/Shop/shop.exe"}) {
		t.Errorf("the footprint is %q, %v", list, err)
	}
	if units, err := m.Units(t.Context(), changes, []packages.File{f}); err != nil || !slices.Equal(units, []string{"ShopService", "ShopWorker"}) {
		t.Errorf("the services are %q, %v", units, err)
	}
	if _, err := m.Footprint(t.Context(), []packages.Change{{Name: "Tool 1", From: "1.0"}}, nil); err == nil || !strings.Contains(err.Error(), "another drive") {
		t.Errorf("files on another drive: %v", err)
	}
	if _, err := m.Inspect(t.Context(), `C:\in\tool-2.msi`); err == nil || !strings.Contains(err.Error(), "[PREFIX]Tool") {
		t.Errorf("a service without a name: %v", err)
	}
}

// TestFunctions: Windows would take double quotes away, and a command line has
// an end.
func TestFunctions(t *testing.T) {
	if strings.Contains(functions, `"`) || len(functions) > 30_000 || !strings.HasSuffix(functions, "}\n") {
		t.Error("the functions cannot be given to PowerShell")
	}
}
