package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func needApt(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("needs apt: not a Debian system")
	}
}

func TestMirrorOf(t *testing.T) {
	needApt(t)
	tests := []struct{ name, file, text, want string }{
		{"one line", "a.list", "deb http://127.0.0.1:9/debian bookworm main contrib\n", "http://127.0.0.1:9/debian/"},
		{"one line with options", "a.list", "deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://127.0.0.1:9/d/ bookworm main\n", "https://127.0.0.1:9/d/"},
		{"deb822", "a.sources", "Types: deb deb-src\nURIs: http://127.0.0.1:9/debian\nSuites: bookworm bookworm-updates\nComponents: main\n", "http://127.0.0.1:9/debian/"},
		{"not the security archive", "a.list", "deb http://127.0.0.1:9/security bookworm-security main\ndeb http://127.0.0.1:9/debian bookworm main\n", "http://127.0.0.1:9/debian/"},
		{"not another vendor's suite", "a.list", "deb http://127.0.0.1:9/vendor cloud-bookworm main\n", ""},
		{"not another component", "a.list", "deb http://127.0.0.1:9/debian bookworm contrib\n", ""},
		{"a source that is off", "a.sources", "Enabled: no\nTypes: deb\nURIs: http://127.0.0.1:9/debian\nSuites: bookworm\nComponents: main\n", ""},
		{"none", "a.list", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := mirrorOf(t.Context(), "bookworm", "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts="+dir)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("mirror = %q, %v; want %q", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), "no source for bookworm main") {
				t.Errorf("the error does not say what is missing: %v", err)
			}
		})
	}
}

func TestCodename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "os-release")
	for text, want := range map[string]string{"NAME=x\nVERSION_CODENAME=bookworm\n": "bookworm", "VERSION_CODENAME=\"trixie\"\n": "trixie", "NAME=x\n": ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := codename(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestViewLeavesTheMachineAlone: what apt would do with the view's
// configuration concerns the view's folder only.
func TestViewLeavesTheMachineAlone(t *testing.T) {
	needApt(t)
	dir := t.TempDir()
	view := aptView{dir: dir, suite: "sid", mirror: "http://127.0.0.1:9/debian"}
	path := filepath.Join(dir, "apt.conf")
	if err := os.WriteFile(path, []byte(view.config()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("apt-config", "-c", path, "dump").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "DPkg::Pre-Install-Pkgs") {
			continue // runs at an installation only, which the lab never makes
		}
		if key, _, _ := strings.Cut(line, " "); strings.Contains(key, "Invoke") && strings.HasSuffix(key, "::") {
			t.Errorf("a trigger of the machine's is left: %s", line)
		}
	}
	for _, want := range []string{`Dir::State::Lists "` + dir, `Dir::Cache "` + dir, `Dir::State::status "` + dir, `Dir::Etc::SourceParts "/dev/null"`} {
		if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(want)) {
			t.Errorf("the configuration lacks %s", want)
		}
	}
}

func TestUnreachableMirror(t *testing.T) {
	needApt(t)
	if _, err := os.Stat(debianKeyring); err != nil {
		t.Skip("needs the package debian-archive-keyring")
	}
	view := aptView{dir: t.TempDir(), suite: "sid", mirror: "http://user:hush@127.0.0.1:9/debian"}
	err := view.update(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot get Debian sid") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a mirror that is not there gave: %v", err)
	}
	if err != nil && strings.Contains(strings.SplitN(err.Error(), "\n", 2)[0], "hush") {
		t.Errorf("the error shows the mirror's password: %v", err)
	}
}

func TestCachedPackage(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(deb string) error
		ok    bool
	}{
		{"whole", func(string) error { return nil }, true},
		{"one byte changed", func(deb string) error { return os.WriteFile(deb, []byte("Deb"), 0o644) }, false},
		{"cut off before its sum", func(deb string) error { return os.Remove(deb + ".sha256") }, false},
		{"two versions", func(deb string) error { return os.WriteFile(filepath.Join(filepath.Dir(deb), "p_2.deb"), nil, 0o644) }, false},
		{"gone", os.Remove, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			deb := filepath.Join(t.TempDir(), "p_1.deb")
			if err := os.WriteFile(deb, []byte("deb"), 0o644); err != nil {
				t.Fatal(err)
			}
			h, err := sum(deb)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(deb+".sha256", []byte(h), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := tt.spoil(deb); err != nil {
				t.Fatal(err)
			}
			got, age, err := cached(filepath.Dir(deb), "p")
			if (err == nil) != tt.ok || tt.ok && (got != deb || age > time.Minute) {
				t.Errorf("cached() = %q, %v, %v", got, age, err)
			}
		})
	}
}
