package manage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func documents(t *testing.T, root string, docs map[string]string) {
	t.Helper()
	for name, text := range docs {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLocateAmongSeveral(t *testing.T) {
	root := t.TempDir()
	documents(t, root, map[string]string{
		"shop.yaml":              "installation: {id: shop, product: notes}",
		"wiki/installation.yaml": "installation: {id: encyclopedia, product: wiki}",
		"b.yaml":                 "installation: {id: twin, product: notes}",
		"c.yaml":                 "installation: {id: twin, product: notes}",
		"broken.yaml":            "installation: [",
	})
	for _, tt := range []struct{ name, want string }{
		{"shop", "shop.yaml"},
		{"wiki", "wiki/installation.yaml"},
		{"encyclopedia", "wiki/installation.yaml"},
		{"twin", "! several installations are called \"twin\""},
		{"nothing", "! no installation"},
		{"", "! \n  wiki  (wiki, id encyclopedia)  " + root + "/wiki/installation.yaml"},
		{"", "! \n  broken  (a document that cannot be read)"},
	} {
		got, err := Locate(tt.name, []string{root})
		if why, fails := strings.CutPrefix(tt.want, "! "); fails {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%q: %q, %v, want %q", tt.name, got, err, why)
			}
		} else if err != nil || got != filepath.Join(root, tt.want) {
			t.Errorf("%q: %q, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// Two installations have nothing in common; what they must not share is refused
// by name, before anything was run.
func TestClashes(t *testing.T) {
	for _, tt := range []struct{ name, other, want string }{
		{"nothing in common", "installation: {id: b, product: notes, state: ROOT/b}", ""},
		{"one state folder", "installation: {id: b, product: notes, state: ROOT/a}", "the state folder ROOT/a"},
		{"restore points in one folder", "installation: {id: b, product: notes, state: ROOT/b}\nbackup: {dir: ROOT/a/restore-points}", "folder of restore points"},
		{"restore points in the other's state", "installation: {id: b, product: notes, state: ROOT/b}\nbackup: {dir: ROOT/a}", "folder of restore points"},
		{"one id", "installation: {id: a, product: wiki, state: ROOT/b}", "the id a"},
		{"broken", "installation: [", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			documents(t, root, map[string]string{"docs/a.yaml": "installation: {id: a, product: notes, state: ROOT/a}", "docs/b.yaml": tt.other})
			in, err := Open(filepath.Join(root, "docs/a.yaml"), "upkeep")
			if err != nil {
				t.Fatal(err)
			}
			err = in.clashes(context.Background(), []string{filepath.Join(root, "docs")}, in.ownClaims())
			if want := strings.ReplaceAll(tt.want, "ROOT", root); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestClaimsMeet(t *testing.T) {
	for _, tt := range []struct {
		a, b claim
		want bool
	}{
		{claim{"tree", "", "/srv/a"}, claim{"tree", "", "/srv/a"}, true},
		{claim{"tree", "", "/srv/a/b"}, claim{"tree", "", "/srv/a"}, true},
		{claim{"tree", "", "/srv/a"}, claim{"state folder", "", "/srv/a/upkeep"}, true},
		{claim{"state folder", "", "/srv/a/points"}, claim{"state folder", "", "/srv/a"}, false},
		{claim{"tree", "", "/srv/ab"}, claim{"tree", "", "/srv/a"}, false},
		{claim{"tree", "", "/srv/a"}, claim{"state folder", "", "/srv/a"}, true},
		{claim{"port", "", "80"}, claim{"port", "", "80"}, true},
		{claim{"port", "", "80"}, claim{"port", "", "8080"}, false},
		{claim{"database", "", "/srv/a"}, claim{"database", "", "/srv/a"}, true},
		{claim{"database", "", "/srv/a"}, claim{"tree", "", "/srv/a"}, false},
	} {
		if got := tt.a.meets(tt.b); got != tt.want || tt.b.meets(tt.a) != tt.want {
			t.Errorf("%v and %v: %v", tt.a, tt.b, got)
		}
	}
}
