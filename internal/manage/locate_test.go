package manage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"upkeep/internal/site"
)

func TestLocate(t *testing.T) {
	root := t.TempDir()
	one, two, here := filepath.Join(root, "one"), filepath.Join(root, "two"), filepath.Join(root, "here")
	for _, f := range []string{one + "/shop.yaml", two + "/shop.yaml", two + "/wiki.yaml", here + "/notes/installation.yaml", here + "/installation.yaml"} {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(here)
	tests := []struct {
		name    string
		folders []string
		want    string // or what the error says
	}{
		{"shop", []string{one, two}, one + "/shop.yaml"},
		{"wiki", []string{one, two}, two + "/wiki.yaml"},
		{"", []string{one}, one + "/shop.yaml"},
		{"", []string{one, two}, "several installations"},
		{"", []string{root + "/none"}, "no installation is known"},
		{"blog", []string{one, two}, `no installation "blog": looked for ` + one + "/blog.yaml and"},
		{"notes", []string{one}, "say ./notes"},
		{"./notes", nil, here + "/notes/installation.yaml"},
		{"notes/", nil, here + "/notes/installation.yaml"},
		{".", nil, here + "/installation.yaml"},
		{"..", nil, root + "/installation.yaml"},
		{"installation.yaml", nil, here + "/installation.yaml"},
		{one + "/shop.yaml", nil, one + "/shop.yaml"},
	}
	for _, tt := range tests {
		got, err := Locate(tt.name, tt.folders)
		var none *NoInstallationError
		if err != nil && (!errors.As(err, &none) || !strings.Contains(err.Error(), tt.want)) || err == nil && got != tt.want && !same(got, tt.want) {
			t.Errorf("%q in %v: %q, %v, want %q", tt.name, tt.folders, got, err, tt.want)
		}
	}
}

// same compares paths whose folders may be reached through links.
func same(a, b string) bool {
	x, err := filepath.EvalSymlinks(filepath.Dir(a))
	y, err2 := filepath.EvalSymlinks(filepath.Dir(b))
	return err == nil && err2 == nil && x == y && filepath.Base(a) == filepath.Base(b)
}

func TestDefaultState(t *testing.T) {
	shared := t.TempDir()
	if err := os.Mkdir(filepath.Join(shared, "managed"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		id, home, xdg string
		root          bool
		want          string
	}{
		{"shop", "/home/a", "", true, shared + "/shop"},
		{"shop", "/home/a", "", false, "/home/a/.local/state/upkeep/shop"},
		{"shop", "/home/a", "/x", false, "/x/upkeep/shop"},
		{"shop", "/home/a", "x", false, "/home/a/.local/state/upkeep/shop"},
		{"shop", "", "/x", false, "/x/upkeep/shop"},
		{"shop", "", "", false, "HOME is not set"},
		{"shop", "", "", true, shared + "/shop"},
		{"managed", "/home/a", "/x", false, shared + "/managed"},
	}
	for _, tt := range tests {
		t.Setenv("HOME", tt.home)
		t.Setenv("XDG_STATE_HOME", tt.xdg)
		in := &Installation{Doc: &site.Installation{ID: tt.id}, Path: "/etc/upkeep/shop.yaml", Root: tt.root}
		got, err := in.defaultState(shared)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
