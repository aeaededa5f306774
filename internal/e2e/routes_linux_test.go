package e2e

import (
	"path/filepath"
	"testing"

	"upkeep/internal/lab"
)

// TestRoutes_S4 runs the scripts of testdata/rows, which carry rows in their
// names: where the ways of the example lead, which fixes come first, and which
// settings they want.
func TestRoutes_S4(t *testing.T) {
	lab.Slow(t)
	files, err := filepath.Glob("testdata/rows/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	scripts(t, "", files...)
}
