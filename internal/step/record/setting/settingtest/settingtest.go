// Package settingtest makes settings that are files of a folder, for the tests
// of verbs that write settings. It may be imported by tests only.
package settingtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/plan"
)

// World is a folder with a file for each setting.
type World struct {
	Dir   string
	names []string
}

// New makes a folder with settings: name, value, name, value.
func New(t testing.TB, pairs ...string) *World {
	t.Helper()
	w := &World{Dir: t.TempDir()}
	for i := 0; i < len(pairs); i += 2 {
		w.names = append(w.names, pairs[i])
		w.Set(t, pairs[i], pairs[i+1])
	}
	return w
}

// Set writes a setting as somebody else would; an empty value removes it.
func (w *World) Set(t testing.TB, name, value string) {
	t.Helper()
	path := filepath.Join(w.Dir, name)
	err := os.WriteFile(path, []byte(value+"\n"), 0o644)
	if value == "" {
		err = os.Remove(path)
		if os.IsNotExist(err) {
			err = nil
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Get reads a setting.
func (w *World) Get(name string) string {
	b, err := os.ReadFile(filepath.Join(w.Dir, name))
	if err != nil {
		return "none"
	}
	return strings.TrimSpace(string(b))
}

// Fingerprint implements steptest.World.
func (w *World) Fingerprint() string {
	var b strings.Builder
	for _, n := range w.names {
		b.WriteString(n + "=" + w.Get(n) + "\n")
	}
	return b.String()
}

// Setting gives the setting with its probe and its command, which writes
// beside the file and renames, so that it can be killed.
func (w *World) Setting(name string) plan.Setting {
	path := filepath.Join(w.Dir, name)
	return plan.Setting{ID: name, Read: plan.Probe{Source: "file", Args: []string{path}}, Env: []string{"PATH=/usr/bin:/bin"},
		Write: []string{"/bin/sh", "-c", `echo "$1" > "$0.new" && mv "$0.new" "$0"`, path, "${value}"}}
}
