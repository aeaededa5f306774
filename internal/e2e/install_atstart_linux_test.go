package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"upkeep/internal/lab"
)

// diary is a product whose program makes and migrates its data when it starts.
const diary = `
product: {id: diary, versions: dotted}
params:
  root: {title: Folder, ask: install, type: path}
dirs: {data: "${param.root}/data"}
components:
  app:   {kind: tree, at: "${param.root}/app", version: {file: "${param.root}/app/NUMBER"}}
  pages: {kind: sqlite, at: "${dir.data}/pages.db", migrates: at-start, version: {sql: "SELECT max(version) FROM meta"}}
services:
  - id: web
    as: nobody
    run: ["${param.root}/app/serve", "${dir.data}"]
    ready: {file: "${dir.data}/ready", expect: present}
---
release: {product: diary, version: "RELEASE"}
routes: [{from: ">= 1.0"}]
payloads: {app: app.tar.zst}
versions: {app: "RELEASE", pages: "SCHEMA"}
`

// A first install of a product that migrates when it starts: its start makes
// the data, what they read as is believed and nothing else, and a start that
// dies in the middle leaves nothing.
func TestInstallAtStart_S0_3(t *testing.T) {
	lab.Slow(t)
	lab.Root(t) // the service has another account
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("the product's program needs sqlite3")
	}
	bin, dir := lab.Build(t), lab.Dir(t)
	build := func(name, version, schema, serve string) string {
		t.Helper()
		for file, text := range map[string]string{
			"upkeep.yaml":            strings.NewReplacer("RELEASE", version, "SCHEMA", schema).Replace(diary),
			"components/app/NUMBER":  version + "\n",
			"components/app/serve":   "#!/bin/sh\nset -e\necho $$ >\"$1/pid\"\nrm -f \"$1/ready\"\n" + serve + "\necho yes >\"$1/ready\"\nexec sleep 100000\n",
			"components/app/LICENSE": "none\n",
		} {
			path := filepath.Join(dir, name, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		to := filepath.Join(dir, name+".tar.zst")
		if out, err := exec.Command(bin, "vendor", "build", filepath.Join(dir, name), "-o", to).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return to
	}
	const makes = `sqlite3 "$1/pages.db" 'CREATE TABLE IF NOT EXISTS meta (version int); INSERT INTO meta VALUES (1)'`
	good := build("good", "1.0", "1", makes)
	dies := build("dies", "1.0", "1", makes+"; exit 3")
	lies := build("lies", "1.0", "2", makes) // it serves, and its data are not what was promised
	next := build("next", "2.0", "2", `sqlite3 "$1/pages.db" 'INSERT INTO meta VALUES (2)'`)
	upkeep := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, append(args, "--installation", filepath.Join(dir, "diary.yaml"))...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != code {
			t.Fatalf("want exit code %d, got %d of %v\n%s", code, cmd.ProcessState.ExitCode(), args, out)
		}
		return flat(string(out))
	}
	t.Cleanup(func() { // the product runs on
		text, _ := os.ReadFile(filepath.Join(dir, "diary/data/pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	install := func(from string) []string {
		return []string{"install", "--yes", "--from", from, "--state", filepath.Join(dir, "state"), "--set", "root=" + filepath.Join(dir, "diary")}
	}
	wants(t, upkeep(0, append(install(good), "--dry-run")...), `start web.*it migrates pages for 1\.0`)
	for _, c := range []struct{ from, why string }{{dies, `start\.web`}, {lies, `pages.*reads 1.*wanted is 2`}} {
		wants(t, upkeep(6, install(c.from)...), c.why+`.*diary is not installed: all that was made is taken away again`)
		if _, err := os.Lstat(filepath.Join(dir, "diary")); err == nil {
			t.Error("the folder is left")
		}
	}
	wants(t, upkeep(0, install(good)...), `✓ diary is on 1\.0, verified`)
	wants(t, upkeep(0, "upgrade", "--yes", "--from", next), `pages +1 → 2 .*diary is on 2\.0, verified`)
	upkeep(0, "back", "--yes")
	if out, err := exec.Command("sqlite3", filepath.Join(dir, "diary/data/pages.db"), "SELECT max(version) FROM meta").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Errorf("the data are %q, %v", out, err)
	}
}
