package patch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"upkeep/internal/bundle"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// memoryEnv makes the test binary apply one patch, in a folder, and say what it took.
const memoryEnv = "UPKEEP_TEST_PATCH"

// TestFigurePatch: what a patch of a patch release costs, of one large program
// and of a tree of many files, beside what zstd makes of the same tars at its
// best; and the memory of applying it.
func TestFigurePatch(t *testing.T) {
	if dir := os.Getenv(memoryEnv); dir != "" {
		once(t, dir)
		return
	}
	lab.Bench(t)
	for _, c := range []struct {
		name      string
		old, next func(t *testing.T) string // folders
	}{
		// Two states of this program, 400 changed lines apart.
		{"program", commit("eaa2e6a79b7209b073861a0d0a9813709383a0f2"), commit("3065ccfef33a963f57533b5f82edf6fe361aa604")},
		// Two releases of Ghost, without what npm installs beside it: 52 files differ.
		{"tree", npm("ghost", "5.120.1"), npm("ghost", "5.120.3")},
	} {
		t.Run(c.name, func(t *testing.T) { figure(t, c.old(t), c.next(t)) })
	}
}

func figure(t *testing.T, old, next string) {
	dir := t.TempDir()
	op, np := packed(t, old, 1), packed(t, next, 2)
	var p bytes.Buffer
	begun := time.Now()
	ok, err := Make(t.Context(), op, np, &p)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	made := time.Since(begun)
	tar, err := unpack(t.Context(), bytes.NewReader(np), MaxTar)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"old": op, "next": np, "patch": p.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := run(t, dir, "sh", "-c", "zstd -dqc old >old.tar && zstd -dqc next >next.tar && zstd -19 -q --long=27 --patch-from=old.tar next.tar -c | wc -c")
	zstd, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(memoryEnv, dir)
	out = run(t, dir, os.Args[0], "-test.run=^TestFigurePatch$", "-test.v")
	m := regexp.MustCompile(`peak (\d+) kB of which (\d+) kB before, in (\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	peak, _ := strconv.Atoi(m[1])
	times := float64(peak) * 1024 / float64(len(tar))
	t.Logf("tar %d bytes, payload %d, patch %d: %.1f %% of the payload, %.2f times that of zstd -19 (%d); made in %s, applied in %s with %d kB resident at most (%s kB of it before): %.2f times the tar",
		len(tar), len(np), p.Len(), 100*float64(p.Len())/float64(len(np)), float64(p.Len())/float64(zstd), zstd, made.Round(time.Second/10), m[3], peak, m[2], times)
	if p.Len()*100 > len(np)*12 {
		t.Error("more than 12 % of the payload")
	}
	if p.Len()*2 > zstd*3 {
		t.Error("more than 1.5 times what zstd makes of it")
	}
	if times > 3 {
		t.Error("more than 3 times the tar in memory")
	}
}

// once applies the patch in a folder, in a process of its own.
func once(t *testing.T, dir string) {
	next, err := os.Open(filepath.Join(dir, "next"))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	want := wantedOf(t, next)
	before, begun := resident(t), time.Now()
	if err := Apply(t.Context(), durable.OS(), filepath.Join(dir, "old"), filepath.Join(dir, "patch"), filepath.Join(dir, "dest"), want, 0); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("peak %d kB of which %d kB before, in %s\n", resident(t), before, time.Since(begun).Round(time.Second/10))
}

func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	kB, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kB
}

// packed is a folder as a payload of a bundle.
func packed(t *testing.T, app string, day int) []byte {
	t.Helper()
	src, dest := t.TempDir(), filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(filepath.Join(src, bundle.ManifestName), []byte("upkeep: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := bundle.BuildOptions{Components: map[string]string{"app": app}, MTime: time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)}
	if _, err := bundle.Build(t.Context(), durable.OS(), src, dest, o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dest, "app"+bundle.PayloadSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// commit builds this program as it was, stripped, as releases are.
func commit(id string) func(*testing.T) string {
	return func(t *testing.T) string {
		root, err := lab.ModuleRoot()
		if err != nil {
			t.Fatal(err)
		}
		if exec.Command("git", "-C", root, "cat-file", "-e", id).Run() != nil {
			t.Skip("the history of this repository is not here")
		}
		src, app := t.TempDir(), t.TempDir()
		run(t, root, "sh", "-c", "git archive "+id+` | tar -x -C "$0"`, src)
		run(t, src, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(app, "upkeep"), "./cmd/upkeep")
		return app
	}
}

// npm is a package as npm has it.
func npm(name, version string) func(*testing.T) string {
	return func(t *testing.T) string {
		cache, err := lab.CacheDir()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(cache, name+"-"+version+".tgz")
		if _, err := os.Stat(file); err != nil {
			run(t, cache, "npm", "pack", "--silent", name+"@"+version)
		}
		app := t.TempDir()
		run(t, app, "tar", "-xzf", file)
		return app
	}
}
