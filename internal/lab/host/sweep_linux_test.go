package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKilledTestLeavesNothing: a test process that is killed leaves no host,
// no mount and no folder, whether its keeper outlives it or not.
func TestKilledTestLeavesNothing(t *testing.T) {
	if os.Getenv("UPKEEP_LAB_CHILD") != "" {
		h := New(t, Options{Name: "orphan"})
		h.Boot(t)
		if err := os.WriteFile(os.Getenv("UPKEEP_LAB_CHILD"), []byte(h.dir), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		t.Fatal("not killed")
	}
	Need(t)
	for _, keeper := range []bool{true, false} {
		said := filepath.Join(t.TempDir(), "dir")
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledTestLeavesNothing$")
		cmd.Env = append(os.Environ(), "UPKEEP_LAB_CHILD="+said)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var dir string
		eventually(t, "the host is up", func() bool {
			text, err := os.ReadFile(said)
			dir = string(text)
			return err == nil && dir != ""
		})
		if !keeper {
			killKeeper(t, filepath.Dir(dir))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if !keeper {
			if err := sweep(filepath.Dir(filepath.Dir(dir))); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "nothing is left of it", func() bool {
			mounts, err := os.ReadFile("/proc/self/mountinfo")
			_, gone := os.Stat(filepath.Dir(dir))
			groups, _ := groupPaths(filepath.Base(filepath.Dir(dir)))
			for _, g := range groups {
				if _, err := os.Stat(g); err == nil {
					return false
				}
			}
			return err == nil && !strings.Contains(string(mounts), dir) && os.IsNotExist(gone)
		})
	}
}

// killKeeper ends the keeper of the lab in that folder and nothing else.
func killKeeper(t *testing.T, dir string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		text, _ := os.ReadFile(path)
		if strings.Contains(string(text), "upkeep-lab-keeper\x00"+dir+"\x00") {
			if out, err := exec.Command("kill", "-9", filepath.Base(filepath.Dir(path))).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return
		}
	}
	t.Fatal("the keeper is not there")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("still not so after two minutes: %s", what)
}
