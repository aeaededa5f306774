package show_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"upkeep/internal/cli/show"
	"upkeep/internal/lingua"
)

// TestFrench: every screen in French.
func TestFrench(t *testing.T) {
	french, err := lingua.Of("fr")
	if err != nil {
		t.Fatal(err)
	}
	for name, screen := range screens() {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join("testdata", "fr", strings.ReplaceAll(name, " ", "-")+".golden")
			got := ansi.Strip(french.Text(screen(show.Paper{Columns: 100, Language: french}))) // as App.print does
			if *update {
				if err := os.WriteFile(at, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
