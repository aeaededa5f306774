package manage

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestHubFile: two processes lose nothing of each other's changes, and see them.
func TestHubFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	one, err := OpenHubFile(dir, "people.json")
	if err != nil {
		t.Fatal(err)
	}
	two, err := OpenHubFile(dir, "people.json")
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := one.Read(); raw != nil || err != nil {
		t.Errorf("before anything was kept: %q, %v", raw, err)
	}
	var all sync.WaitGroup
	for i := range 40 {
		f := []*HubFile{one, two}[i%2]
		all.Go(func() {
			err := f.Change(func(old []byte) ([]byte, error) {
				n, _ := strconv.Atoi(string(old))
				return []byte(strconv.Itoa(n + 1)), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, f := range []*HubFile{one, two} {
		if raw, err := f.Read(); string(raw) != "40" || err != nil {
			t.Errorf("%q, %v", raw, err)
		}
	}
	if i, err := os.Stat(filepath.Join(dir, "people.json")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHubFile(dir, "people.json"); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("in a folder that others can read: %v", err)
	}
}

func TestHubFolder(t *testing.T) {
	if got, err := HubFolder("/srv/hub"); got != "/srv/hub" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	got, err := HubFolder("")
	if err != nil || !strings.HasSuffix(got, "/upkeep/.hub") {
		t.Errorf("%s, %v", got, err)
	}
}
