package archive

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"upkeep/internal/backup"
	"upkeep/internal/durable"
	"upkeep/internal/lab"
)

// mixed makes about size bytes of what products consist of: many small texts,
// some libraries, some content that does not get smaller.
func mixed(t testing.TB, root string, size int) {
	t.Helper()
	noise := random(8 << 20)
	text := []byte{}
	for i := 0; len(text) < 1<<20; i++ {
		text = fmt.Appendf(text, "line %d of a source file: func handler%d(w, r) { return %x }\n", i, i%97, noise[i%1000:i%1000+6])
	}
	for i, made := 0, 0; made < size; i++ {
		var content []byte
		switch {
		case i%200 == 0:
			content = noise[:4<<20+i] // pictures, archives
		case i%20 == 0:
			content = append(append([]byte{}, text[:300<<10]...), noise[i:i+100<<10]...) // libraries
		default:
			content = text[i%1000*100:][:2<<10+i*37%(16<<10)]
		}
		dir := filepath.Join(root, fmt.Sprint("d", i%50), fmt.Sprint("e", i%7))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
		made += len(content)
	}
}

// TestMemory measures a backup of 1 GB, its check and its restore, in a process
// of its own: at most 100 MB resident.
func TestMemory(t *testing.T) {
	if dir := os.Getenv("UPKEEP_TEST_MEMORY"); dir != "" {
		work(t, dir)
		return
	}
	lab.Bench(t)
	dir := t.TempDir()
	mixed(t, filepath.Join(dir, "app"), 1<<30)
	unix.Sync() // so that nobody's time holds the writing of the tree
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$", "-test.v")
	cmd.Env = append(os.Environ(), "UPKEEP_TEST_MEMORY="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	for _, m := range regexp.MustCompile(`peak (\d+) kB`).FindAllSubmatch(out, -1) {
		if peak, _ := strconv.Atoi(string(m[1])); peak == 0 || peak > 100_000 {
			t.Errorf("%d kB resident, and 100,000 are allowed", peak)
		}
	}
	for _, script := range []string{
		"tar -c app | zstd -1 -q -T2 -o plain.tar.zst && sync plain.tar.zst",
		"zstd -dc plain.tar.zst | tar -t >list",
		"mkdir out && zstd -dc plain.tar.zst | tar -x -C out && sync -f out",
	} {
		begin := time.Now()
		plain := exec.Command("bash", "-euo", "pipefail", "-c", script)
		plain.Dir = dir
		if out, err := plain.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s: %v", script, time.Since(begin).Round(time.Millisecond))
	}
}

func work(t *testing.T, dir string) {
	e := New(Config{Dir: filepath.Join(dir, "points"), FS: durable.OS()})
	app := filepath.Join(dir, "app")
	r := backup.Request{ID: "p", Files: []backup.FilePart{{Name: "app", Path: app}}}
	step := func(name string, do func() error) {
		begin := time.Now()
		if err := do(); err != nil {
			t.Fatal(name, err)
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
		t.Logf("%s: %v, peak %s kB", name, time.Since(begin).Round(time.Millisecond), peak[1])
	}
	step("first pass", func() error { return e.Prepare(t.Context(), r) })
	if err := os.WriteFile(filepath.Join(app, "d1", "changed"), random(1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	step("second pass", func() error {
		p, err := e.Finish(t.Context(), r)
		if err == nil {
			t.Logf("%d entries, %s in %s", p.Parts[0].Entries, backup.Size(p.Parts[0].Bytes), backup.Size(p.Size()))
		}
		return err
	})
	step("verify", func() error { return e.Verify(t.Context(), "p") })
	if err := os.Remove(filepath.Join(app, "d1", "changed")); err != nil {
		t.Fatal(err)
	}
	step("restore", func() error {
		_, err := e.RestoreFiles(t.Context(), "p", "app", backup.Target{Path: app, OpID: "x"})
		return err
	})
}
