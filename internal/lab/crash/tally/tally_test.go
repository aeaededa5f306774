package tally_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/lab/crash/tally"
)

func TestAdd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report")
	t.Setenv(tally.Env, name)
	tally.Add(t, "model", "states", 12345)
	tally.Seeded(t, "files", "pairs", 7, 42)
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 2 {
		t.Fatalf("the report has %d lines, want 2: %s", len(lines), raw)
	}
	for i, want := range []tally.Line{{"model", "states", 12345, 0, "TestAdd"}, {"files", "pairs", 7, 42, "TestAdd"}} {
		var got tally.Line
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil || got != want {
			t.Errorf("line %d is %+v (%v), want %+v", i, got, err, want)
		}
	}
}
