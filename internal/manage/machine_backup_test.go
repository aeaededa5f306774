package manage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"upkeep/internal/step"
)

func TestBackupTimer(t *testing.T) {
	m, f := testMachine(t)
	wrote, err := m.SetTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "daily")
	if err != nil || len(wrote) != 3 {
		t.Fatalf("%v, %v", wrote, err)
	}
	if again, err := m.SetTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "daily"); err != nil || len(again) != 0 {
		t.Errorf("given again: %v, %v", again, err)
	}
	if changed, err := m.SetTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "weekly"); err != nil || len(changed) != 1 {
		t.Errorf("another time: %v, %v", changed, err)
	}
	dir := filepath.Join(m.Root, "etc/systemd/system")
	for name, want := range map[string]string{
		"upkeep-backup-shop.timer":   "OnCalendar=weekly\n",
		"upkeep-backup-shop.service": ` --installation "/etc/upkeep/my shop.yaml" backup create --timer` + "\n",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	const timer = "upkeep-backup-shop.timer"
	if want := []string{"reload", "end " + timer, "begin " + timer, "reload", "end " + timer, "begin " + timer}; !slices.Equal(f.asked, want) {
		t.Errorf("systemd was asked %v, want %v", f.asked, want)
	}
	var user *step.UserError
	if _, err := m.SetTimer(t.Context(), "shop", "/x", "now and then"); !errors.As(err, &user) {
		t.Errorf("a time that is none: %v", err)
	}
	if _, err := m.SetTimer(t.Context(), "other", "/x", "hourly"); err != nil {
		t.Fatal(err)
	}
	if gone, err := m.EndTimer(t.Context(), "other"); err != nil || len(gone) != 3 {
		t.Errorf("ended: %v, %v", gone, err)
	}
	r, err := m.Remove(t.Context())
	if err != nil || len(r.Gone) != 3 {
		t.Errorf("remove-host: %+v, %v", r, err)
	}
	if left := tree(t, m.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
