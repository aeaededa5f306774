package scratch_test

import (
	"os"
	"path/filepath"
	"testing"

	"upkeep/internal/durable"
	"upkeep/internal/scratch"
)

// A folder is there as long as it is used; one whose process has died is removed
// by whoever makes the next one, and nothing else is.
func TestFoldersOfTheDeadAreRemoved(t *testing.T) {
	parent := t.TempDir()
	used, err := scratch.New(durable.OS(), parent, "plan")
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(parent, "upkeep-tmp_plan-DEAD")
	foreign := filepath.Join(parent, "something")
	for _, dir := range []string{dead, foreign} {
		if err := os.MkdirAll(filepath.Join(dir, "a"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	unmade := filepath.Join(parent, "upkeep-tmp_plan-UNMADE.lock") // whose process died before it made the folder
	for _, lock := range []string{dead + ".lock", unmade} {
		if err := os.WriteFile(lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	next, err := scratch.New(durable.OS(), parent, "plan")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{used.Path: true, next.Path: true, foreign: true, dead: false, dead + ".lock": false, unmade: false} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", path, err == nil, want)
		}
	}
	for _, d := range []*scratch.Dir{used, next} {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if list, err := os.ReadDir(parent); err != nil || len(list) != 1 {
		t.Errorf("left over: %v, %v", list, err)
	}
}

// Somebody who sweeps all the time does not keep anybody from making a folder, and
// takes none away that is used.
func TestSweptWhileMade(t *testing.T) {
	parent := t.TempDir()
	stop, swept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-stop:
				return
			default:
				scratch.Sweep(durable.OS(), parent)
			}
		}
	}()
	for range 1000 {
		d, err := scratch.New(durable.OS(), parent, "plan")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.Path); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-swept
}
