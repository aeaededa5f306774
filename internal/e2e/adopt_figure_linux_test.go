package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// TestAdoptFigure: adopt of a tree of 20,000 files within 3 s, the start of the
// program included. Median of five.
func TestAdoptFigure(t *testing.T) {
	lab.Bench(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Bundle("2.0")
	line := bytes.Repeat([]byte("what a product's file holds, more or less\n"), 200) // 8.4 KB
	for n := range 20_000 {
		dir := filepath.Join(s.Root, "app", "lib", fmt.Sprintf("%02d", n%100), fmt.Sprintf("%d", n%7))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%d.js", n)), fmt.Appendf(line, "%d\n", n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var took []time.Duration
	for n := range 5 {
		args := append([]string{"adopt", "--product", s.Releases, "--installation", filepath.Join(s.Dir, fmt.Sprintf("new-%d.yaml", n)),
			"--state", filepath.Join(s.Dir, fmt.Sprintf("state-%d", n))}, notesParams(s)...)
		begun := time.Now()
		s.Must(0, args...)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	t.Logf("adopt of 20,000 files: median %v of %v", took[2], took)
	if took[2] > 3*time.Second {
		t.Errorf("adopt takes %v, wanted is at most 3 s", took[2])
	}
}
