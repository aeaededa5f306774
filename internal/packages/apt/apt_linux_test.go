package apt

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/durable"
	"upkeep/internal/packages"
	"upkeep/internal/packages/packagestest"
)

// TestMain lets a process of its own have the lock of dpkg: the kernel does
// not tell a process about its own locks.
func TestMain(m *testing.M) {
	if path := os.Getenv("UPKEEP_TEST_LOCK"); path != "" {
		hold(path)
		return
	}
	os.Exit(m.Run())
}

func lock(t testing.TB, path string) func() {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "UPKEEP_TEST_LOCK="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the lock was not taken: %q, %v", line, err)
	}
	return func() { _ = in.Close() }
}

func TestContract(t *testing.T) {
	packagestest.Run(t, func(t *testing.T) *packagestest.Machine {
		dir := t.TempDir()
		root := packagestest.Root(t, filepath.Join(dir, "root"))
		return &packagestest.Machine{Manager: New(Config{Exec: packagestest.Exec(t.Output()), FS: durable.OS(), Root: root}),
			Package: func(t testing.TB, d packagestest.Deb) string { return d.Build(t, dir) },
			Path:    func(p string) string { return filepath.Join(root, p) },
			Lock: func(t testing.TB) func() {
				path := filepath.Join(root, "var/lib/dpkg/lock-frontend")
				if err := os.WriteFile(path, nil, 0o640); err != nil {
					t.Fatal(err)
				}
				return lock(t, path)
			}}
	})
}

func TestParseSimulation(t *testing.T) {
	text := `Inst libssl3 [3.0.14-1~deb12u2] (3.0.15-1~deb12u1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64])
Inst new (1.0 local-deb [all])
Inst libc6:i386 [2.36-9] (2.36-10 Debian:12/stable [i386]) []
Remv gone [2.0]
Conf libssl3 (3.0.15-1~deb12u1 Debian:12.8/stable [amd64])
`
	want := []packages.Change{{Name: "gone", From: "2.0"}, {Name: "libc6", From: "2.36-9", To: "2.36-10", Arch: "i386"},
		{Name: "libssl3", From: "3.0.14-1~deb12u2", To: "3.0.15-1~deb12u1", Arch: "amd64"}, {Name: "new", To: "1.0", Arch: "all"}}
	if d := cmp.Diff(want, parseSimulation(text)); d != "" {
		t.Error(d)
	}
}

func TestParseConffiles(t *testing.T) {
	text := "|foo\n /etc/foo.conf 0cc175b9c0f1b6a831c399e269772661\n /etc/with space 92eb5ffee6ae2fec3ad71c777531578f\n /etc/old 4a8a08f09d37b73795649038408b5f33 obsolete\n /etc/n newconffile\n|bar\n\n"
	want := []packages.Conffile{{Package: "foo", Path: "/etc/foo.conf", Shipped: "0cc175b9c0f1b6a831c399e269772661"},
		{Package: "foo", Path: "/etc/with space", Shipped: "92eb5ffee6ae2fec3ad71c777531578f"}, {Package: "foo", Path: "/etc/old", Shipped: "4a8a08f09d37b73795649038408b5f33"}}
	if d := cmp.Diff(want, parseConffiles(text)); d != "" {
		t.Error(d)
	}
}

func TestParseInstalled(t *testing.T) {
	text := "a\t1\tall\tinstall\tok\tinstalled\nb\t2\tamd64\thold\tok\tinstalled\nc\t3\tall\tinstall\tok\thalf-configured\nd\t4\tall\tdeinstall\tok\tconfig-files\ne\t5\tall\tinstall\treinstreq\tinstalled\n"
	got, err := parseInstalled(text)
	want := []packages.Package{{Name: "a", Version: "1", Arch: "all", Whole: true, State: "installed"}, {Name: "b", Version: "2", Arch: "amd64", Whole: true, State: "installed", Held: true},
		{Name: "c", Version: "3", Arch: "all", State: "half-configured"}, {Name: "e", Version: "5", Arch: "all", State: "installed, reinstreq"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
	if _, err := parseInstalled("a\tb\n"); err == nil {
		t.Error("a line of two fields is read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Inst a [1] (2 x [all])\n")
	f.Add("|a\n /etc/a 0cc175b9c0f1b6a831c399e269772661 obsolete\n")
	f.Add("a\t1\tall\tinstall\tok\tinstalled\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range parseSimulation(text) {
			if c.Name == "" {
				t.Errorf("a change of nothing: %+v", c)
			}
		}
		for _, c := range parseConffiles(text) {
			if c.Shipped == "" {
				t.Errorf("a configuration file without a sum: %+v", c)
			}
		}
		if list, err := parseInstalled(text); err == nil {
			for _, p := range list {
				if slices.Contains([]string{"not-installed", "config-files"}, p.State) {
					t.Errorf("%+v counts as installed", p)
				}
			}
		}
	})
}

func TestExclusive(t *testing.T) {
	for dir, want := range map[string]bool{"usr/share/xivo": true, "opt/xivo": true, "var/lib/xivo/data": true, "usr/share": false, "var/log/xivo": false, "home/x/y": false,
		"var/lib/postgresql/15": false, "usr/local/share/x": false, "opt": false, "boot/grub/x": false} {
		if got := exclusive(dir); got != want {
			t.Errorf("exclusive(%q) is %v", dir, got)
		}
	}
}
