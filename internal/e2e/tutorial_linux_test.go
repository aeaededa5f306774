package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// commands are the lines of the shell blocks of a page, in their order.
func commands(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
			out = append(out, line)
		}
	}
	return out
}

// Every command of the tutorial for vendors does what it says, in its order, with
// a passphrase that is typed.
func TestFirstReleaseTutorial(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0", Stopped: true})
	bin := t.TempDir()
	if err := os.Symlink(s.Bin, filepath.Join(bin, "upkeep")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	all := commands(t, "tutorial/first-release.md")
	if len(all) < 15 {
		t.Fatalf("the tutorial has only %d commands", len(all))
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	said := map[string]string{}
	for _, line := range all {
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		cmd.Stdin = strings.NewReader("correct horse\ncorrect horse\n")
		began := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("$ %s\n%s%v", line, out, err)
		}
		t.Logf("$ %s   (%v)\n%s", line, time.Since(began).Round(time.Millisecond), out)
		said[line] = string(out)
	}
	for line, want := range map[string]string{
		"upkeep vendor test releases":    "1.0.0 → 1.1.0: upgraded, taken back, and as it was",
		"upkeep vendor feed status feed": "1.1.0  stable",
	} {
		if !strings.Contains(said[line], want) {
			t.Errorf("$ %s\n%s\nwant %q", line, said[line], want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "keys", "root-1.key"))
	if err != nil || strings.Contains(string(raw), "PRIVATE") {
		t.Errorf("the root key lies open: %v", err)
	}
}
