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

func TestFeedTimer(t *testing.T) {
	m, f := testMachine(t)
	wrote, err := m.SetFeedTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "20m")
	if err != nil || len(wrote) != 3 || !m.hasTimer("upkeep-feed-shop") || m.hasTimer("upkeep-backup-shop") {
		t.Fatalf("%v, %v", wrote, err)
	}
	dir := filepath.Join(m.Root, "etc/systemd/system")
	for name, want := range map[string]string{
		"upkeep-feed-shop.timer":   "OnUnitInactiveSec=1200s\nRandomizedDelaySec=300s\n",
		"upkeep-feed-shop.service": ` --installation "/etc/upkeep/my shop.yaml" feed refresh --scheduled` + "\n",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if again, err := m.SetFeedTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "20m"); err != nil || len(again) != 0 {
		t.Errorf("given again: %v, %v", again, err)
	}
	if changed, err := m.SetFeedTimer(t.Context(), "shop", "/etc/upkeep/my shop.yaml", "daily"); err != nil || len(changed) != 1 {
		t.Errorf("another time: %v, %v", changed, err)
	}
	const timer = "upkeep-feed-shop.timer"
	if want := []string{"reload", "end " + timer, "begin " + timer, "reload", "end " + timer, "begin " + timer}; !slices.Equal(f.asked, want) {
		t.Errorf("systemd was asked %v, want %v", f.asked, want)
	}
	for _, bad := range []string{"", "now and then", "1m", "1000h", "-20m", "20m\nExecStart=/bin/sh"} {
		var user *step.UserError
		if _, err := m.SetFeedTimer(t.Context(), "shop", "/x", bad); !errors.As(err, &user) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := m.SetTimer(t.Context(), "shop", "/x", "daily"); err != nil {
		t.Fatal(err)
	}
	if gone, err := m.EndFeedTimer(t.Context(), "shop"); err != nil || len(gone) != 3 || m.hasTimer("upkeep-feed-shop") || !m.hasTimer("upkeep-backup-shop") {
		t.Errorf("ended: %v, %v", gone, err)
	}
	if _, err := m.SetFeedTimer(t.Context(), "other", "/x", "hourly"); err != nil {
		t.Fatal(err)
	}
	r, err := m.Remove(t.Context())
	if err != nil || len(r.Gone) != 6 {
		t.Errorf("remove-host: %+v, %v", r, err)
	}
	if left := tree(t, m.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
