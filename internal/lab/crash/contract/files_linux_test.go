package contract

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"upkeep/internal/lab"
	"upkeep/internal/lab/crash/upgrade"
)

// TestFiles tries what needs no machine of its own, and what no run of the other
// harnesses comes to all the same.
func TestFiles(t *testing.T) {
	lab.Slow(t)
	lab.Root(t)                    // owners, devices, mounts
	inMemory := upgrade.Reached(t) // their mutants are tried there
	all := slices.DeleteFunc(calls(t), func(c call) bool { return inMemory[c.site] })
	for _, s := range []struct {
		pkg    string
		places []string
		tests  []string
	}{
		{"internal/backup/archive", []string{"ahead.go", "amend.go", "archive.go:Remove", "archive.go:Sweep", "../putback/inplace.go:attributes", "../putback/inplace.go:move", "prepare.go", "../putback/putback.go"},
			[]string{"^TestContract$", "^TestMounts$"}},
		{"internal/feed/trust", []string{"store.go", "trust.go"}, []string{"^TestStoredDurably$"}},
		{"internal/files", []string{"copy.go", "stage.go", "unpack.go", "write.go"}, []string{"^Test"}},
		{"internal/selfupgrade", []string{"selfupgrade.go"}, []string{"^Test"}},
		{"internal/step/access", []string{"markers.go"}, []string{"^Test(Entering|Ending)$/^.*$/^(do|undo|mixed)$", "^Test(Entering|Ending)$"}},
		{"internal/step/backup", []string{"observe.go"}, []string{"^TestContract$/^(do|undo|mixed)$", "^TestContract$"}},
		{"internal/step/install", []string{"edited.go", "trees.go"}, []string{"^Test(ManyCopiesAreDurable|WhatIsTheSitesIsInTheNewTree)$", "^TestContract$/^.*$/^(do|undo|mixed)$", "^TestContract$"}},
		{"internal/step/merge", []string{"merge.go"}, []string{"^TestThe(FileIsTheSites|StagedTreeIsGone)$", "^TestContract$/^(do|undo|mixed)$", "^TestContract$"}},
		{"internal/step/params", []string{"params.go"}, []string{"^TestContract$"}},
	} {
		t.Run(filepath.Base(s.pkg), func(t *testing.T) {
			var places []string
			for _, p := range s.places {
				places = append(places, path.Join(s.pkg, p))
			}
			suite{calls: within(t, all, places...), tests: here(t, s.pkg).of(s.tests...)}.mutants(t)
		})
	}
}

// here compiles the tests of a package, and runs them on this machine.
func here(t *testing.T, pkg string) program {
	t.Helper()
	bin, dir := compiled(t, pkg)
	return program{
		run: func(env string, args ...string) (string, bool) {
			cmd := exec.CommandContext(t.Context(), bin, args...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
			out, err := cmd.CombinedOutput()
			return string(out), err == nil
		},
		reached: func(file string) string {
			defer os.Remove(file)
			text, _ := os.ReadFile(file) // there is none where nothing was reached
			return string(text)
		},
	}
}

// compiled builds the tests of a package, and gives the package's folder too.
func compiled(t *testing.T, pkg string) (bin, dir string) {
	t.Helper()
	root, err := lab.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir = filepath.Join(t.TempDir(), "contract.test"), filepath.Join(root, pkg)
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin, dir
}
