package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab"
)

// TestInstaller: a vendor's own installer, brought by the bundle. It is
// believed only when the version reads as wanted, and its own undo is the way
// back.
func TestInstaller(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)
	bin := lab.Build(t)
	for _, tt := range []struct {
		name, setup, after string
		code               int
		version, says      string
	}{
		{"installs", `echo 2.0 >"$2"`, "true", 0, "2.0", ""},
		{"ends well and changes nothing", `true`, "true", 6, "1.0", "VERSION"},
		{"fails half way", `echo 2.0-half >"$2"; exit 4`, "true", 6, "1.0", "exit code 4"},
		{"installs, and what follows fails", `echo 2.0 >"$2"`, "false", 6, "1.0", "false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := lab.Dir(t)
			write := func(name, text string, mode os.FileMode) {
				t.Helper()
				at := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(text), mode); err != nil {
					t.Fatal(err)
				}
			}
			write("suite/VERSION", "1.0\n", 0o644)
			write("data/note", "kept", 0o644)
			write("releases/README", "bundles", 0o644)
			write("src/components/suite/setup", "#!/bin/sh\ncase $1 in\ninstall) "+tt.setup+" ;;\nremove) echo 1.0 >\"$2\"; echo removed >>"+dir+"/told ;;\nesac\n", 0o755)
			write("src/upkeep.yaml", strings.NewReplacer("DIR", dir, "AFTER", tt.after).Replace(`
product: {id: suite, versions: dotted}
components:
  suite: {kind: installer, version: {file: DIR/suite/VERSION}}
  data: {kind: tree, at: DIR/data}
access: {maintenance: {marker: DIR/down, users: none}}
---
release: {product: suite, version: "2.0"}
routes: [{from: ">= 1.0"}]
payloads: {suite: suite.tar.zst}
procedure:
  install: [{install: suite, run: ["${this.path}/setup", install, DIR/suite/VERSION], as: root, undo: {run: ["${this.path}/setup", remove, DIR/suite/VERSION], as: root}}]
  after-install: [{run: [/bin/AFTER], as: root, undo: none}]
`), 0o644)
			write("site.yaml", "installation: {id: suite-"+strings.ToLower(filepath.Base(dir))+", product: suite, state: "+dir+"/state}\n", 0o644)
			upkeep := func(want int, args ...string) string {
				t.Helper()
				cmd := exec.Command(bin, args...)
				cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + dir, "UPKEEP_INSTALLATION=" + filepath.Join(dir, "site.yaml")}
				out, _ := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != want {
					t.Fatalf("upkeep %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
				}
				return string(out)
			}
			upkeep(0, "vendor", "build", filepath.Join(dir, "src"), "-o", filepath.Join(dir, "releases", "suite-2.0"))
			out := upkeep(tt.code, "upgrade", "-y", "--from", filepath.Join(dir, "releases"))
			got, err := os.ReadFile(filepath.Join(dir, "suite/VERSION"))
			if err != nil || strings.TrimSpace(string(got)) != tt.version || !strings.Contains(out, tt.says) {
				t.Errorf("it reads %q, %v, want %q, saying %q:\n%s", got, err, tt.version, tt.says, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "down")); err == nil {
				t.Error("users are kept out")
			}
			if told, _ := os.ReadFile(filepath.Join(dir, "told")); (len(told) > 0) != (tt.code == 6) {
				t.Errorf("its undo was run: %q", told)
			}
		})
	}
}
