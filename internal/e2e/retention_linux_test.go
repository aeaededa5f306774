package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
)

// Copies of releases stay as long as a run needs them that could be taken
// back, or what is installed came from them; the next run that ends well
// removes the others.
func TestBundlesAreNotKeptForever(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "notes", Version: "1.0"})
	s.Replace(s.Document, "backup: {keep: 3}", "backup: {keep: 1}")
	bundles := func() int {
		list, err := os.ReadDir(filepath.Join(s.State, "bundles"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, c := range []struct {
		version    string
		code, kept int
	}{{"2.0", 0, 1}, {"3.0", 0, 2}, {"3.1", 6, 3}} { // 3.1 fails, and its run removes nothing
		s.Bundle(c.version)
		s.Must(c.code, "upgrade", "--yes", "--from", s.Releases, "--to", c.version)
		if got := bundles(); got != c.kept {
			t.Errorf("after %s there are %d bundles, want %d", c.version, got, c.kept)
		}
	}
	s.Must(0, "back", "--yes") // to 2.0
	if got := bundles(); got != 2 {
		t.Errorf("after the way back there are %d bundles, want those of 2.0 and 3.0", got)
	}
	s.Must(0, "backup", "create") // reads the document of what is installed now
}
